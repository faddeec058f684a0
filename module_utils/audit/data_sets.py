"""Which data sets lay there for whoever logged in to a data server, as the server's own words tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SAYS = "kakehashi-data-sets"
"""Under this name a data server tells."""
# roles/data_server/files/kakehashi-data-sets
_SAID = re.compile(
    r"at=(?P<at>open|close) login=(?P<login>[0-9]{1,10}) user=(?P<user>\S+) of=(?P<of>[0-9]{1,6}) "
    r"sets=(?P<names>[A-Za-z0-9._?,-]*)"
)
_SHOWN = 4


@dataclass(frozen=True)
class Said:
    """One line: some of the ``of`` data sets that lay there when the session of a login opened or closed (``at``).

    ``login`` is the process of sshd that the login is.
    """

    at: str
    login: int
    user: str
    of: int
    names: tuple[str, ...]


@dataclass
class Told:
    """What was told of one login of ``user``."""

    user: str
    _names: dict[str, set[str]] = field(default_factory=dict)
    _of: dict[str, int] = field(default_factory=dict)

    def take(self, said: Said) -> None:
        """Take a line, if it is of this login's user."""
        if said.user == self.user:
            self._names.setdefault(said.at, set()).update(said.names)
            self._of[said.at] = max(said.of, self._of.get(said.at, 0))

    @property
    def data_sets(self) -> tuple[str, ...] | None:
        """Return what lay there at begin or end, by name; ``None`` where nothing was told."""
        return tuple(sorted(set().union(*self._names.values()))) if self._names else None

    @property
    def missing(self) -> int:
        """Return how many data sets were counted and not named: their line was lost, or two names look alike."""
        return max([0, *(count - len(self._names[at]) for at, count in self._of.items())])


def said_of(entry: Mapping[str, Any]) -> Said | None:
    """Return what an entry (plain data of ``entries.Entry``) tells, or ``None``. Of others than root there is no entry."""
    if entry["by"] != SAYS:
        return None
    said = _SAID.fullmatch(entry["text"])
    if said is None:
        return None
    names = tuple(name for name in said["names"].split(",") if name)
    return Said(said["at"], int(said["login"]), said["user"], int(said["of"]), names)


def shown(data_sets: Iterable[str] | None, missing: int = 0) -> str:
    """Return data sets in a few words: the first ones by name, and how many more; ``?`` where nothing was told."""
    if data_sets is None:
        return "?"
    names = list(data_sets)
    rest = len(names) - _SHOWN
    words = [*names[:_SHOWN], f"{rest} more"] if rest > 1 else names
    words += [f"{missing} not told"] if missing > 0 else []
    return ", ".join(words) or "none"
