"""What runs on a host, and which commands bring an earlier state back. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .links import Link, differing, strangers

UNIT_PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState", "Type", "CanReload")
_RUNNING = ("active", "reloading")
_FILES_START_IT = ("enabled", "enabled-runtime")
# networkd is told by networkctl, and the ruleset comes back as it ran, not as its file has it.
_TOLD_OTHERWISE = ("systemd-networkd.service", "nftables.service")
_TABLE = re.compile(r"^table (inet|netdev) (\S+) \{", re.MULTILINE)
_TRAFFIC = re.compile(
    r"(^\tset \S+ \{\n(?:\t\t(?!elements|flags).*\n)*\t\tflags [^\n]*\bdynamic\b[^\n]*\n(?:\t\t(?!elements).*\n)*)"
    r"\t\telements = \{[^}]*\}\n",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Unit:
    """A unit as systemd has it."""

    load: str = "not-found"
    active: str = "inactive"
    file: str = ""
    type: str = ""
    can_reload: bool = False

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.active in _RUNNING


@dataclass(frozen=True)
class Running:
    """What ran: the ruleset (None: nft was not there), settings under /proc/sys by path, links, units."""

    ruleset: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Running:
        """Return what ``to_json`` wrote; raise KeyError, TypeError or ValueError for anything else."""
        return cls(
            data["ruleset"],
            dict(data["settings"]),
            {name: Link.from_json(link) for name, link in data["links"].items()},
            {name: Unit(**unit) for name, unit in data["units"].items()},
        )


def parse_units(text: str, names: Sequence[str]) -> dict[str, Unit]:
    """Return units from ``systemctl show``, which answers in the order of ``names``, block by block."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.strip().split("\n\n")]
    return {
        name: Unit(
            load=values.get("LoadState", "not-found"),
            active=values.get("ActiveState", "inactive"),
            file=values.get("UnitFileState", ""),
            type=values.get("Type", ""),
            can_reload=values.get("CanReload") == "yes",
        )
        for name, values in zip(names, blocks, strict=False)
    }


def without_traffic(listing: str) -> str:
    """Return a listing of nft without what packets put into dynamic sets: it comes and goes, and can't all be loaded again."""
    return _TRAFFIC.sub(r"\1", listing)


def ruleset_back(before: str | None, now: str | None) -> str | None:
    """Return the transaction that makes the ruleset what it was, None if it is that.

    Without nft before, tables of the families that only nft makes go, and those of other tools stay.
    """
    if now is None or now == before:
        return None
    if before is None:
        return "".join(f"delete table {family} {name}\n" for family, name in _TABLE.findall(now)) or None
    return f"flush ruleset\n{before}"


def settings_back(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the settings to write: first those for all interfaces, which overwrite those of each."""
    general = [name for name in before if not _of_one_interface(name)]
    special = [name for name in before if _of_one_interface(name)]
    first = [(name, before[name]) for name in general if name in now and now[name] != before[name]]
    # What is written for all may change each one, so each is written again whenever anything is.
    again = bool(first)
    return first + [(n, before[n]) for n in special if n in now and (again or now[n] != before[n])]


def unit_calls(before: Mapping[str, Unit], now: Mapping[str, Unit]) -> list[list[str]]:
    """Return systemctl's arguments, call by call: start, stop, and have what runs all along read its files again."""
    return list(_unit_calls(before, now))


def unit_calls_at_boot(before: Mapping[str, Unit], now: Mapping[str, Unit]) -> list[list[str]]:
    """Return systemctl's arguments for the time when units are only about to start; ``now``: after the files are back."""
    calls = []
    for name, unit in before.items():
        if unit.runs:
            calls.append(["--no-block", "start", name])
        elif now.get(name, Unit()).load == "loaded" and now[name].file not in _FILES_START_IT:
            calls.append(["--no-block", "stop", name])  # takes a start away that the changed files asked for
    return calls


def units_left(before: Mapping[str, Unit], now: Mapping[str, Unit]) -> list[str]:
    """Return in words which units are not as they were."""
    return [
        f"{name} {'does not run' if unit.runs else 'still runs'}"
        for name, unit in before.items()
        if unit.runs != now.get(name, Unit()).runs
    ]


def differences(before: Running, now: Running) -> list[str]:
    """Return in words what runs otherwise than before."""
    words = ["the ruleset"] if ruleset_back(before.ruleset, now.ruleset) else []
    words += [f"setting {n}" for n, value in before.settings.items() if now.settings.get(n, value) != value]
    words += [f"interface {n}" for n in [*differing(before.links, now.links), *strangers(before.links, now.links)]]
    return words + [f"unit {n}" for n, u in before.units.items() if u.runs != now.units.get(n, Unit()).runs]


def _of_one_interface(name: str) -> bool:
    return "/conf/" in name and "/conf/all/" not in name


def _unit_calls(before: Mapping[str, Unit], now: Mapping[str, Unit]) -> Iterator[list[str]]:
    for name, then in before.items():
        unit = now.get(name, Unit())
        if unit.runs and not then.runs:
            yield ["stop", name]
        elif then.runs and not unit.runs:
            if unit.active == "failed":
                yield ["reset-failed", name]  # or the limit of starts keeps it down
            yield ["start", name]
        elif then.runs and name not in _TOLD_OTHERWISE and name.endswith(".service") and unit.type != "oneshot":
            yield ["reload" if unit.can_reload else "try-restart", name]
