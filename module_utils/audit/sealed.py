"""Uses of sealed credentials, as hosts and sshd tell of them, and which words tell of one use. Pure; runs on log servers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .entries import SSHD

ALARM = "kakehashi-break-glass"
"""As whom a host raises the alert."""
TOGETHER = 60_000_000
"""Microseconds between what the host says and what sshd says of the same login, at most."""
# roles/login_restriction/files/kakehashi-break-glass
_SAID = re.compile(r"The sealed credential of (?P<user>\S+) was used: login from (?P<source>.+)$")
_ACCEPTED = re.compile(r"Accepted \S+ for (?P<user>\S+) from (?P<source>\S+) port \d+ ssh2")


@dataclass(frozen=True)
class Use:
    """One use of a sealed credential, as ``by`` tells of it. ``at`` is the host's own time in microseconds since 1970."""

    id: str
    host: str
    user: str
    source: str
    at: int
    by: str


def use_of(entry: Mapping[str, Any], names: Collection[str]) -> Use | None:
    """Return the use that an entry (plain data of ``entries.Entry``) tells of, or ``None``.

    sshd's own words about one of ``names`` count, too: they come also where the host raises no alert any more.
    """
    said = None
    if entry["by"] == ALARM:
        said = _SAID.match(entry["text"])
    elif entry["by"] in SSHD:
        said = _ACCEPTED.match(entry["text"])
        said = said if said is not None and said["user"] in names else None
    if said is None:
        return None
    return Use(str(entry.get("id", "")), entry["host"], said["user"], said["source"], entry["at"], entry["by"])


class Watch:
    """Tells the first word of each use from those that follow it."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: dict[tuple[str, str], int] = {}

    def fresh(self, uses: Iterable[Use]) -> list[Use]:
        """Return the uses that nothing told of yet, in their order."""
        found = []
        for use in uses:
            before = self._told.get((use.host, use.user))
            if before is None or abs(use.at - before) > TOGETHER:
                self._told[use.host, use.user] = use.at
                found.append(use)
        return found
