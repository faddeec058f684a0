"""Reads what ``sshd -T -C`` says is in force for one persona, and compares it with what is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .origins import OriginError, covers

Effective = Mapping[str, tuple[str, ...]]

LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups")
ABSENT = ("no", "none", "")


def parse_effective(output: str) -> dict[str, tuple[str, ...]]:
    """Return the values of each keyword (small letters) in the output of ``sshd -T``, one for each line."""
    found: dict[str, tuple[str, ...]] = {}
    for line in output.splitlines():
        keyword, _unused, value = line.strip().partition(" ")
        if keyword:
            found[keyword.lower()] = (*found.get(keyword.lower(), ()), value.strip())
    return found


def setting_problems(meant: Mapping[str, str], found: Effective) -> list[str]:
    """Return a sentence for each setting that isn't as meant. A keyword that sshd doesn't know counts as ``no``."""
    return [
        f"{keyword} is {_shown(found.get(keyword))}, meant is {value or 'nothing'}"
        for keyword, value in meant.items()
        if not _equal(value, found.get(keyword.lower(), ()))
    ]


def list_problems(meant: Iterable[str], found: Effective) -> list[str]:
    """Return what differs between the declared AllowUsers and the lists in force.

    The whole list is compared: AllowUsers lines append, so one more line anywhere admits more, and no line at all
    admits everybody.
    """
    wanted = set(meant)
    there = {word for value in found.get("allowusers", ()) for word in value.split()}
    problems = [f"AllowUsers admits {word}, which is not declared" for word in sorted(there - wanted)]
    problems += [f"AllowUsers lacks {word}, which is declared" for word in sorted(wanted - there)]
    if not there and "*" not in found.get("denyusers", ()):
        problems.append("there is no AllowUsers at all, so everybody is admitted")
    for keyword in ("denyusers", "allowgroups", "denygroups") if there else ("allowgroups", "denygroups"):
        if found.get(keyword):
            problems.append(f"{keyword} is {_shown(found[keyword])}, it is not used here and must be absent")
    return problems


def admits(found: Effective, user: str, address: str) -> bool:
    """Return whether AllowUsers admits ``user`` from ``address``. Only exact names and plain origins count."""
    if any(found.get(keyword) for keyword in LISTS[1:]):
        return False
    for word in (w for value in found.get("allowusers", ()) for w in value.split()):
        name, at, origin = word.rpartition("@")
        try:
            if at and name == user and covers([origin], address):
                return True
        except OriginError:
            continue  # list_problems names it
    return False


def _equal(meant: str, found: tuple[str, ...]) -> bool:
    if not found:
        return meant in ABSENT
    return " ".join(found).split() == meant.split()


def _shown(found: tuple[str, ...] | None) -> str:
    return " ".join(found) if found else "absent"
