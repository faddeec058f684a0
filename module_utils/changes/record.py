"""The record of a change: who holds it, what it touches, how it ended, and how to say so. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Literal

Why = Literal["timer", "boot", "asked"]
FORMAT = 1
DEFAULT_SECONDS = 600
_ROOT_AND_TWO = 3  # parts of a path two directories deep, the root counted
SHORTEST, LONGEST = 30, 86400  # seconds: less than a fresh login takes, more than anybody waits
DEFAULT_TREES = (
    "/etc/ssh",
    "/etc/pam.d",
    "/etc/security",
    "/etc/nftables.conf",
    "/etc/systemd/journal-upload.conf.d",
    "/etc/systemd/journald.conf.d",
    "/etc/systemd/network",
    "/etc/systemd/system",
    "/etc/systemd/timesyncd.conf.d",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/sudoers.d",
    "/etc/kakehashi",
    "/etc/sysctl.d",
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/cron.allow",
    "/etc/at.allow",
    "/etc/profile.d",
    "/usr/local/sbin/kakehashi-break-glass",
    "/usr/local/sbin/kakehashi-data-sets",
    "/usr/local/sbin/kakehashi-forwarding",
    "/usr/local/sbin/kakehashi-sign",
    "/usr/local/sbin/kakehashi-sign-sshd",
    "/usr/local/sbin/kakehashi-data-sshd",
    "/usr/local/sbin/kakehashi-audit",
    "/usr/local/sbin/kakehashi-certificate-broker",
    "/usr/local/bin/kakehashi-certificate",
    "/usr/local/sbin/kakehashi-record",
    "/usr/local/sbin/kakehashi-session",
    "/usr/local/sbin/kakehashi-shell",
)
DEFAULT_UNITS = (
    "ssh.service",
    "ssh.socket",
    "nftables.service",
    "systemd-networkd.service",
    "systemd-journal-upload.service",
    "systemd-journald.service",
    "systemd-timesyncd.service",
    "kakehashi-alert.service",
    "kakehashi-audit.service",
    "kakehashi-data-sshd.service",
    "kakehashi-forwarding.service",
    "kakehashi-journal.service",
    "kakehashi-sign-sshd.service",
    "kakehashi-certificate.socket",
    "kakehashi-sessions.socket",
)
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*\.(service|socket|timer|path|target|mount)")
_INTERFACE = re.compile(r"[^\s/-][^\s/]{0,14}")


class ChangeError(RuntimeError):
    """A change can't be armed, confirmed or undone; the text is one sentence for a person."""


@dataclass(frozen=True)
class Holder:
    """Who holds a change: a person, the machine that runs Ansible, that run's process and when it began (UTC)."""

    operator: str = "unknown"
    controller: str = "unknown"
    pid: int = 0
    started: str = ""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Holder:
        """Return the holder that a module's argument or a record names; raise ChangeError for unknown words."""
        unknown = sorted(set(data) - {f.name for f in fields(cls)})
        if unknown:
            raise ChangeError(f"holder has no {unknown[0]!r}: it takes operator, controller, pid and started")
        try:
            pid = int(data.get("pid") or 0)
        except (TypeError, ValueError):
            raise ChangeError(f"holder.pid is {data['pid']!r}: give the number of a process") from None
        text = {k: str(data.get(k) or "") for k in ("operator", "controller", "started")}
        return cls(text["operator"] or "unknown", text["controller"] or "unknown", pid, text["started"])


@dataclass(frozen=True)
class Change:
    """A change that is held. ``begun`` is the host's wall clock in seconds; ``ends`` its monotonic clock, valid in ``boot``."""

    id: str
    holder: Holder
    reason: str
    begun: float
    seconds: int
    ends: float
    boot: str
    trees: tuple[str, ...]
    units: tuple[str, ...]
    interfaces: tuple[str, ...] = ()
    reserves: tuple[str, ...] = ()
    timers: int = 1
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Change:
        """Return the change that ``to_json`` wrote; raise ChangeError for anything else."""
        try:
            if data["format"] != FORMAT:
                raise ChangeError(f"the record of the change is of format {data['format']}, this program knows {FORMAT}")
            lists = {k: tuple(data[k]) for k in ("trees", "units", "interfaces", "reserves")}
            return cls(**{**data, **lists, "holder": Holder(**data["holder"])})
        except (KeyError, TypeError) as error:
            raise ChangeError(f"the record of the change is damaged: {error}") from error


@dataclass(frozen=True)
class Result:
    """How an undoing went. ``done`` and ``problems`` are words for people; ``when`` is UTC.

    ``before`` is how the first undoing went, in a sentence, where this one only undid what was written after it. ``finished_by``
    is what had the last try made, where ``why`` began the undoing.
    """

    id: str
    when: str
    why: Why
    holder: Holder
    reason: str = ""
    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    before: str = ""
    finished_by: Why | None = None

    @property
    def ended_by(self) -> Why:
        """Return what had the host put back in the end: a person may finish what the timer began."""
        return self.finished_by or self.why

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Return the result that ``to_json`` wrote; raise ChangeError for anything else."""
        try:
            return cls(**{**data, "holder": Holder(**data["holder"])})
        except (KeyError, TypeError) as error:
            raise ChangeError(f"the result of an undone change is damaged: {error}") from error


@dataclass(frozen=True)
class Scope:
    """What a change may touch: trees of files, units and interfaces (none named: all)."""

    trees: tuple[str, ...] = DEFAULT_TREES
    units: tuple[str, ...] = DEFAULT_UNITS
    interfaces: tuple[str, ...] = ()

    @classmethod
    def parse(cls, trees: Sequence[str], units: Sequence[str], interfaces: Sequence[str]) -> Scope:
        """Return the scope; raise ChangeError for what isn't a plain path or name."""
        for tree in trees:
            path = PurePosixPath(tree)
            if not path.is_absolute() or ".." in path.parts or str(path) != tree or len(path.parts) < _ROOT_AND_TWO:
                raise ChangeError(f"{tree!r} can't be kept: name a plain absolute path at least two deep, like /etc/ssh")
        _names(units, _UNIT, "unit, like ssh.service")
        _names(interfaces, _INTERFACE, "interface")
        return cls(tuple(dict.fromkeys(trees)), tuple(dict.fromkeys(units)), tuple(dict.fromkeys(interfaces)))

    def missing_from(self, change: Change) -> list[str]:
        """Return what this scope has beyond what ``change`` keeps."""
        trees = [t for t in self.trees if not any(t == kept or t.startswith(f"{kept}/") for kept in change.trees)]
        units = [u for u in self.units if u not in change.units]
        # A change that names no interface keeps all of them.
        names = [i for i in self.interfaces if change.interfaces and i not in change.interfaces]
        return [*trees, *units, *names]


def make_id(utc: str, noise: str) -> str:
    """Return an id that sorts by time: ``utc`` like 20260102T030405Z and four hexadecimal digits."""
    return check_id(f"{utc}-{noise}")


def check_id(text: str) -> str:
    """Return ``text`` if it is an id; raise ChangeError if not, because ids become names of files and units."""
    if not _ID.fullmatch(text):
        raise ChangeError(f"{text!r} is no id of a change: give the one that arming returned")
    return text


def check_seconds(seconds: int) -> int:
    """Return ``seconds`` if it is a sensible time; raise ChangeError if not."""
    if not SHORTEST <= seconds <= LONGEST:
        raise ChangeError(f"seconds is {seconds}: give between {SHORTEST} and {LONGEST}")
    return seconds


def remaining(change: Change, monotonic: float, boot: str) -> int:
    """Return the seconds until ``change`` is undone by itself, 0 if that is due. The wall clock plays no part."""
    return max(0, round(change.ends - monotonic)) if change.boot == boot else 0


def held(change: Change, left: int, begun: str, problems: Iterable[str] = ()) -> str:
    """Return one sentence on a change that is held: who, from where, since when, why, and when it ends by itself."""
    who = change.holder
    ending = f"it is undone by itself in {left} s" if left else "it is being undone now"
    words = list(problems)
    if words:
        ending = f"its undoing is tried every minute and can't finish: {'; '.join(words)}"
    return (
        f"{who.operator} on {who.controller} (process {who.pid}) holds a change of this host since {begun}"
        f"{f' ({change.reason})' if change.reason else ''}; {ending}"
    )


def told(result: Result) -> str:
    """Return one sentence on a change that was undone: when, why, whose, and what came back."""
    causes = {
        "timer": "nobody confirmed it in time",
        "boot": "the host was restarted before it was confirmed",
        "asked": "its undoing was asked for",
    }
    count = len(result.done)
    text = (
        f"the change of {result.holder.operator} on {result.holder.controller}"
        f"{f' ({result.reason})' if result.reason else ''} was undone at {result.when} because {causes[result.why]}; "
        f"{count} thing{'' if count == 1 else 's'} put back"
    )
    return text + (f", not put back: {'; '.join(result.problems)}" if result.problems else "")


def _names(names: Sequence[str], shape: re.Pattern[str], what: str) -> None:
    for name in names:
        if not shape.fullmatch(name):
            raise ChangeError(f"{name!r} is no name of a{'n' if what[0] in 'aeio' else ''} {what}")
