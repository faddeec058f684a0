"""Compares listings of nftables rulesets. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TABLE = re.compile(r"table (\S+) (\S+) \{")


@dataclass(frozen=True, order=True)
class Table:
    """A table's family and name."""

    family: str
    name: str

    def __str__(self) -> str:
        """Return the table as nft writes it."""
        return f"{self.family} {self.name}"


@dataclass(frozen=True)
class Comparison:
    """What a comparison says: own tables that differ, and tables that nobody declared."""

    differing: tuple[Table, ...]
    foreign: tuple[Table, ...]


def split(listing: str) -> dict[Table, str]:
    """Return the tables of a listing (``nft -s list ruleset``) with their text, braces included."""
    tables: dict[Table, str] = {}
    current: Table | None = None
    lines: list[str] = []
    for line in listing.splitlines():
        head = _TABLE.fullmatch(line.rstrip())
        if current is None and head is not None:
            current, lines = Table(head[1], head[2]), []
        if current is not None:
            lines.append(line.rstrip())
            if line.startswith("}"):
                tables[current] = "\n".join(lines) + "\n"
                current = None
    return tables


def compare(wanted: str, running: str) -> Comparison:
    """Compare two listings made by the same nft in the same form: what is wanted, and what the kernel holds."""
    want, have = split(wanted), split(running)
    return Comparison(
        differing=tuple(t for t, text in want.items() if have.get(t) != text),
        foreign=tuple(sorted(t for t in have if t not in want)),
    )


def transaction(ruleset: str, remove: Sequence[Table]) -> str:
    """Return one nft transaction that loads ``ruleset`` and removes the tables in ``remove``."""
    return ruleset.rstrip("\n") + "\n" + "".join(f"delete table {table}\n" for table in remove)
