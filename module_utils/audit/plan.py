"""A maintenance plan, which logins of operators it covers, and which logins nobody could have planned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Union

from .logins import Login

_KEYS = {"name": True, "begin": True, "end": True, "operators": True, "hosts": False, "reason": False, "drill": False}
NO_WINDOW = "an operator, and no window of the plan covers it"
_SHAPE = "a list of windows {name, begin, end, operators, hosts}"


class PlanError(ValueError):
    """A plan that can't be meant; the text says which window, what is wrong and what would be right."""


@dataclass(frozen=True)
class Window:
    """A planned maintenance: from when to when, by whom, on which hosts; none named means all. Times are in microseconds.

    ``drill``: sealed credentials are tried in it.
    """

    name: str
    begin: int
    end: int
    operators: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    drill: bool = False

    def covers(self, login: Login, hops: Mapping[str, Sequence[str]]) -> bool:
        """Return whether a login is planned. Who may go to a host may pass through what leads there (``hops``, by host)."""
        if login.user not in self.operators or not self.begin <= login.begin <= self.end:
            return False
        return not self.hosts or any(login.host == h or login.host in hops.get(h, ()) for h in self.hosts)


def windows(
    data: object, operators: Iterable[str], hosts: Iterable[str], groups: Mapping[str, Iterable[str]] | None = None
) -> tuple[Window, ...]:
    """Return the windows of a plan as it was read from a file; ``hosts`` of a window may be groups, too.

    Raises ``PlanError`` for the first thing that can't be right.
    """
    if not isinstance(data, list):
        raise PlanError(f"the plan is no list: write {_SHAPE}")
    known, machines, teams = set(operators), set(hosts), dict(groups or {})
    found: list[Window] = []
    for at, item in enumerate(data):
        window = _window(at, item, known, machines, teams)
        if any(other.name == window.name for other in found):
            raise PlanError(f"window {window.name} stands in the plan twice: give each its own name")
        found.append(window)
    return tuple(found)


@dataclass(frozen=True)
class People:
    """Whose logins are judged how: ``accounts`` are free to come, ``operators`` are planned, and nobody else is expected.

    ``gone`` are accounts that are declared absent, ``shared`` users that images come with. ``signing`` is the system user
    whom login servers ask for certificates, at the signers' own service and nowhere else.
    """

    accounts: frozenset[str]
    operators: frozenset[str]
    gone: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    signing: str = ""
    signers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unplanned:
    """A login that should not have been, and why not."""

    login: Login
    why: str


def unplanned(
    logins: Iterable[Login], planned: Sequence[Window], people: People, hops: Mapping[str, Sequence[str]]
) -> list[Unplanned]:
    """Return the operators' logins that no window covers, and those by names that are no present account's and no operator's."""
    found = []
    for login in logins:
        if login.user in people.operators:
            if not any(window.covers(login, hops) for window in planned):
                found.append(Unplanned(login, NO_WINDOW))
        elif login.user not in people.accounts and not _asks_signer(login, people):
            found.append(Unplanned(login, _strange(login.user, people)))
    return found


def _asks_signer(login: Login, people: People) -> bool:
    return login.service == "sign" and login.user == people.signing and login.host in people.signers


def _strange(user: str, people: People) -> str:
    if user == "root":
        return "root, who is no person"
    if user in people.shared:
        return "the shared user of an image, who is no person"
    if user in people.gone:
        return "an account that is declared absent"
    return "no account and no operator of this name is declared"


def _window(at: int, item: object, operators: set[str], hosts: set[str], groups: Mapping[str, Iterable[str]]) -> Window:
    where = f"window {at + 1} of the plan"
    if not isinstance(item, dict):
        raise PlanError(f"{where} is no mapping: write {_SHAPE}")
    if isinstance(item.get("name"), str) and item["name"]:
        where = f"window {item['name']}"
    missing = [key for key, needed in _KEYS.items() if needed and item.get(key) in (None, "", [])]
    if missing:
        raise PlanError(f"{where} has no {missing[0]}: write {_SHAPE}")
    strange = sorted(str(key) for key in item if key not in _KEYS)
    if strange:
        raise PlanError(f"{where} has {strange[0]}, which means nothing here: use {', '.join(_KEYS)}")
    begin, end = (_time(where, key, item[key]) for key in ("begin", "end"))
    if end <= begin:
        raise PlanError(f"{where} ends before it begins: correct begin or end")
    people = _names(where, "operators", item["operators"])
    for name in people:
        if name not in operators:
            raise PlanError(f"{where} names {name}, who is no operator: use names of fabric_operators")
    machines: list[str] = []
    for name in _names(where, "hosts", item.get("hosts") or []):
        if name in hosts:
            machines.append(name)
        elif name in groups:
            machines += [host for host in groups[name] if host in hosts]
        else:
            raise PlanError(f"{where} names {name}, which is no managed host and no group: use names of the inventory")
    if not isinstance(item.get("drill", False), bool):
        raise PlanError(f"{where}: drill is neither true nor false: write drill: true where sealed credentials are tried")
    return Window(str(item["name"]), begin, end, people, tuple(dict.fromkeys(machines)), item.get("drill", False))


def _names(where: str, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise PlanError(f"{where}: {key} is no list of names: write [one, another]")
    return tuple(value)


def _time(where: str, key: str, value: Union[str, datetime, Any]) -> int:
    """Return a time in microseconds. YAML hands over what it knows as a time, without the zone it converted from."""
    wanted = "write it with its zone, in quotes, such as '2026-12-01T01:00:00+09:00'"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError as error:
            raise PlanError(f"{where}: {key} {value!r} is no time: {wanted}") from error
    if not isinstance(value, datetime):
        raise PlanError(f"{where}: {key} {value!r} is no time: {wanted}")
    if value.tzinfo is None:
        raise PlanError(f"{where}: {key} {value.isoformat()} has no zone: {wanted}")
    return int(value.timestamp() * 1_000_000)
