"""Checks fields of what people write in YAML, and collects a sentence for each fault. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..fabric.problems import shorten

_WORDS: dict[type, str] = {str: "text", list: "a list of texts", dict: "a mapping of texts"}
_ROWS = ("tries", "items", "groups")
"""Lists that hold entries of their own."""


class StandardsError(ValueError):
    """A map of standards that can't be used; ``lines`` holds one sentence for each fault."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Keep the sentences; the message is all of them."""
        self.lines = tuple(lines)
        super().__init__(f"{len(lines)} fault{'' if len(lines) == 1 else 's'} in standards/:\n" + "\n".join(lines))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an entry."""

    name: str
    kind: type
    needed: bool = False


class Faults:
    """Collects sentences: where, what is there, what is wrong with it, and what would be right."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def wrong(self, place: str, value: object, message: str, wanted: str) -> None:
        """Add a fault."""
        shown = "" if value is None else f" = {shorten(value)}"
        self.lines.append(f"{place}{shown}: {message}; {wanted}")

    def one_of(self, place: str, value: object, known: Collection[str]) -> bool:
        """Return whether ``value`` is known; add a fault where it isn't."""
        if value in known:
            return True
        if value is None:
            self.wrong(place, None, "is missing", f"known are {', '.join(sorted(known))}")
        else:
            self.wrong(place, value, "is not known", f"known are {', '.join(sorted(known)) or 'none'}")
        return False


def entries(
    faults: Faults, place: str, content: object, wanted: Sequence[Field], name: str = "name", seen: set[str] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the fields of each entry of a list that is well formed.

    ``name`` is the field that entries are known by; ``seen`` holds those of lists that share names with this one.
    """
    if not isinstance(content, list):
        faults.wrong(place, content, "is no list of entries", "write one entry after each hyphen")
        return
    seen = set() if seen is None else seen
    for number, row in enumerate(content):
        known = isinstance(row, Mapping) and isinstance(row.get(name), str)
        here = f"{place}: {row[name] if known else f'entry {number + 1}'}"
        if not fields(faults, here, row, wanted):
            continue
        if row[name] in seen:
            faults.wrong(here, None, "is there twice", "give each its own")
        seen.add(row[name])
        yield here, dict(row)


def fields(faults: Faults, place: str, row: object, wanted: Sequence[Field]) -> bool:
    """Return whether an entry has the fields that it needs, no others, and of the right kinds; add faults where not."""
    before = len(faults.lines)
    if not isinstance(row, Mapping):
        faults.wrong(place, row, "is no entry", f"write its fields, {wanted[0].name}: first")
        return False
    kinds = {field.name: field.kind for field in wanted}
    needed = [field.name for field in wanted if field.needed]
    for name in needed:
        if name not in row:
            faults.wrong(f"{place}: {name}", None, "is missing", f"every entry has {', '.join(needed)}")
    for name, value in row.items():
        if name not in kinds:
            comma = "; put text that holds a comma in quotes" if value is None else ""
            faults.wrong(f"{place}: {name}", value, "is not known", f"known are {', '.join(kinds)}{comma}")
        elif not _fits(str(name), value, kinds[name]):
            words = _WORDS[kinds[name]]
            faults.wrong(f"{place}: {name}", value, f"is not {words}", f"write {words}, with quotes around numbers")
    return len(faults.lines) == before


def _fits(name: str, value: object, kind: type) -> bool:
    if not isinstance(value, kind):
        return False
    if isinstance(value, str):
        return value.strip() != ""
    if name in _ROWS:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(isinstance(one, str) for one in inner)
