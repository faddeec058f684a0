"""Uses of sealed credentials, judged: planned, a drill, or neither; and whether the host raised its alert. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .logins import Login
from .plan import PlanError, Window
from .sealed import ALARM, use_of
from .table import named, when

_BEFORE, _AFTER = 1_000_000, 20_000_000
"""Microseconds before and after sshd's words in which the host's alert of a login comes."""


@dataclass(frozen=True)
class JudgedUse:
    """One login with a sealed credential. ``window`` covers it, empty where none does; ``alert``: its host raised one."""

    login: Login
    window: str
    drill: bool
    alert: bool

    @property
    def kind(self) -> str:
        """Return what it was, in words."""
        if not self.window:
            return "no window covers it"
        return f"drill, {self.window}" if self.drill else f"planned, {self.window}"


def judged(
    logins: Iterable[Login],
    entries: Iterable[Mapping[str, Any]],
    names: Collection[str],
    planned: Sequence[Window],
    hops: Mapping[str, Sequence[str]],
) -> list[JudgedUse]:
    """Return each login of ``names`` (given oldest first). An alert is one login's only.

    A drill has to be in a window for drills; where two windows cover a login, that one counts.
    """
    raised: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        use = use_of(entry, ()) if entry["by"] == ALARM else None
        if use is not None:
            raised.setdefault((use.host, use.user), []).append(use.at)
    for times in raised.values():
        times.sort()
    found = []
    for login in logins:
        if login.user in names:
            those = sorted((w for w in planned if w.covers(login, hops)), key=lambda w: not w.drill)
            window = those[0] if those else None
            times = raised.get((login.host, login.user), [])
            own = next((at for at in times if login.begin - _BEFORE <= at <= login.begin + _AFTER), None)
            if own is not None:
                times.remove(own)
            found.append(JudgedUse(login, window.name if window else "", window is not None and window.drill, own is not None))
    return found


def use_lines(uses: Sequence[JudgedUse], names: Mapping[str, str]) -> Iterator[str]:
    """Yield an aligned table of uses; ``names`` says whose an address is."""
    rows = [
        (when(u.login.begin), u.login.user, f"from {named(u.login.source, names)}", f"to {u.login.host}", u.kind) for u in uses
    ]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(5)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def silent(uses: Iterable[JudgedUse], observing: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each use of which its host raised no alert; hosts that only observe raise none."""
    for use in uses:
        if not use.alert and use.login.host not in observing:
            login = use.login
            yield (
                f"{login.host}: {login.user} logged in at {when(login.begin)} (UTC) and the host raised no alert; "
                "playbooks/validate.yml names what is missing there"
            )


def as_data(use: JudgedUse) -> dict[str, Any]:
    """Return a use as plain data."""
    return {**asdict(use.login), "window": use.window, "drill": use.drill, "alert": use.alert}


def drill_window(planned: Iterable[Window], user: str, hosts: Iterable[str], now: int) -> Window:
    """Return the window for drills in which ``user`` may try ``hosts`` now (microseconds). Raises ``PlanError`` without one."""
    wanted = set(hosts)
    for window in planned:
        whole = not window.hosts or wanted <= set(window.hosts)
        if window.drill and user in window.operators and window.begin <= now <= window.end and whole:
            return window
    raise PlanError(
        f"no window of the plan is for a drill of {user} on {', '.join(sorted(wanted))} now: "
        f"write one with drill: true and operators: [{user}], then run again"
    )
