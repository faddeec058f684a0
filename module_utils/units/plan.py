"""Decides which systemctl calls bring units to their wanted states. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

PROPERTIES = (
    "Id",
    "Names",
    "LoadState",
    "UnitFileState",
    "ActiveState",
    "ActiveEnterTimestampMonotonic",
    "NeedDaemonReload",
    "ConditionResult",
    "ConditionTimestampMonotonic",
)
_SUFFIXES = frozenset({"service", "socket", "mount", "timer", "target", "path", "slice", "automount", "swap"})
_RUNNING = ("active", "activating", "reloading")


@dataclass(frozen=True)
class Wish:
    """What is wanted of units: each name may stand in several lists."""

    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return every unit that is spoken of, each once."""
        return tuple(dict.fromkeys([*self.enabled, *self.disabled, *self.started, *self.stopped, *self.masked]))


@dataclass(frozen=True)
class State:
    """A unit as systemd sees it.

    ``condition_failed``: it was started and its own conditions said no. ``outdated``: its files are newer than what
    systemd read. ``since``: when it became active, in seconds of the monotonic clock, 0 if it never was.
    """

    load: str = "not-found"
    file: str = ""
    active: str = "inactive"
    condition_failed: bool = False
    outdated: bool = False
    since: float = 0.0


@dataclass(frozen=True)
class Reader:
    """A unit that reads ``files`` only when it starts."""

    unit: str
    files: tuple[str, ...]


def units_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the units that unit files and drop-ins belong to; templates and drop-ins for many units have none."""
    return tuple(dict.fromkeys(name for name in map(_named, paths) if _is_unit(name)))


def is_read_by_systemd(path: str) -> bool:
    """Return whether a file is a unit's or a drop-in, templates' and many units' among them."""
    return _named(path).rpartition(".")[2] in _SUFFIXES


def _named(path: str) -> str:
    place = PurePosixPath(path)
    return place.parent.name.removesuffix(".d") if place.parent.name.endswith(".d") else place.name


def _is_unit(name: str) -> bool:
    stem, _unused, suffix = name.rpartition(".")
    return suffix in _SUFFIXES and bool(stem) and not stem.endswith(("@", "-"))


def behind(wish: Wish, readers: Iterable[Reader], states: Mapping[str, State], changed_at: Mapping[str, float]) -> list[str]:
    """Return the units that run and were started before one of their files was put in place; not those that are to be stopped.

    ``changed_at``: when each file that is there was, in seconds of the monotonic clock that ``State.since`` is told in.
    """
    ending = {*wish.stopped, *wish.masked}
    found = []
    for reader in readers:
        state = states.get(reader.unit, State())
        old = state.active in _RUNNING and state.since and any(changed_at.get(f, 0) > state.since for f in reader.files)
        if old and reader.unit not in ending:
            found.append(reader.unit)
    return found


def parse_show(text: str) -> dict[str, State]:
    """Return the states in the output of ``systemctl show --property=…``, by each of a unit's names."""
    states: dict[str, State] = {}
    for block in text.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        tried = values.get("ConditionTimestampMonotonic", "0") not in ("", "0")
        state = State(
            load=values.get("LoadState", "not-found"),
            file=values.get("UnitFileState", ""),
            active=values.get("ActiveState", "inactive"),
            condition_failed=tried and values.get("ConditionResult") == "no",
            outdated=values.get("NeedDaemonReload") == "yes",
            since=int(values.get("ActiveEnterTimestampMonotonic") or 0) / 1e6,  # systemd tells microseconds
        )
        for name in [values.get("Id", ""), *values.get("Names", "").split()]:
            if name:
                states[name] = state
    return states


def calls(wish: Wish, states: Mapping[str, State]) -> list[list[str]]:
    """Return systemctl's arguments, call by call: what takes away first names what is stopped, then what is started."""
    return [[verb, *units] for verb, units in _verbs(wish, states) if units]


def unknown(wish: Wish, states: Mapping[str, State]) -> list[str]:
    """Return the units that are to run and that systemd doesn't know."""
    wanted = [*wish.enabled, *wish.started]
    return [name for name in dict.fromkeys(wanted) if states.get(name, State()).load == "not-found"]


def _verbs(wish: Wish, states: Mapping[str, State]) -> Iterator[tuple[str, Sequence[str]]]:
    def now(name: str) -> State:
        return states.get(name, State())

    yield "unmask", [n for n in dict.fromkeys([*wish.enabled, *wish.started]) if now(n).load == "masked"]
    yield "enable", [n for n in wish.enabled if now(n).file not in ("enabled", "static", "alias", "indirect", "generated")]
    yield "start", [n for n in wish.started if now(n).active not in _RUNNING and not now(n).condition_failed]
    yield "disable", [n for n in wish.disabled if now(n).file in ("enabled", "enabled-runtime")]
    yield "stop", [n for n in wish.stopped if now(n).active in _RUNNING]
    yield "mask", [n for n in wish.masked if now(n).load != "masked"]
