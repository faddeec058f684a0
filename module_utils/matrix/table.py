"""The matrix as a table for a terminal: origins by targets, one symbol for each kind of user. Pure text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

SYMBOLS = {
    "account": "a",
    "account elsewhere": "e",
    "operator": "o",
    "local user": "l",
    "root": "r",
    "initial user": "i",
}
LEGEND = (
    f"A cell has one place for each kind of user, in this order: {' '.join(SYMBOLS.values())}",
    "a: account allowed there (at a data server perhaps over service data, port 2022, only)",
    "e: account allowed elsewhere only   o: operator   l: local user of a computing centre",
    "r: root   i: image's initial user",
    "In its place: the letter: admitted, as declared   .: refused, as declared   !: differs",
    "              ?: not tried   blank: no such user",
    "a is . from outside to a node: people log in to a login server, and go on from there.",
    "More: docs/matrix.md",
)
WIDTH = 100
_CELL = len(SYMBOLS) + 1
_MARGIN = 2
Table = Mapping[tuple[str, str, str], Counter[str]]


def matrix_lines(table: Table, origins: Sequence[str], targets: Sequence[str], width: int = WIDTH) -> Iterator[str]:
    """Yield the table's lines, none longer than ``width``; targets that don't fit come in blocks below."""
    names = max((len(name) for name in origins), default=0) + _MARGIN
    fit = max(1, (width - names - _CELL) // _CELL)
    for start in range(0, len(targets), fit):
        block = targets[start : start + fit]
        yield from _header(block, names)
        for origin in origins:
            cells = "".join(f"{_cell(table, origin, target):<{_CELL}}" for target in block)
            yield f"{origin:<{names}}{cells}".rstrip()
        yield ""


def symbol(kind: str, counts: Mapping[str, int]) -> str:
    """Return the symbol of one kind of user: the worst of what was seen wins."""
    if counts.get("difference"):
        return "!"
    if counts.get("unknown"):
        return "?"
    return SYMBOLS[kind] if counts.get("admitted") else "."


def _cell(table: Table, origin: str, target: str) -> str:
    tried = {kind: table[(origin, target, kind)] for kind in SYMBOLS if (origin, target, kind) in table}
    if not tried:
        return "?" * len(SYMBOLS)
    return "".join(symbol(kind, tried[kind]) if kind in tried else " " for kind in SYMBOLS)


def _header(block: Sequence[str], names: int) -> Iterator[str]:
    """Yield two lines with every other name each, since names are wider than columns."""
    for odd in (0, 1):
        line = " " * names
        for number, name in enumerate(block):
            if number % 2 == odd:
                line = line.ljust(names + number * _CELL) + name[: 2 * _CELL - 1]
        yield line.rstrip()
