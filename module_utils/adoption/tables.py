"""Aligned plain-text tables that fit a terminal. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

WIDTH = 92
"""Columns at most; with Ansible's own indentation that makes 100."""
_NARROWEST = 10


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """Return lines: columns padded to their widest cell; the widest are wrapped until a line fits ``width``."""
    if not rows:
        return []
    cells = [tuple(str(cell) for cell in row) for row in (headings, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    _narrow(widths, [_narrowest(row[i] for row in cells) for i in range(len(headings))], width)
    lines: list[str] = []
    for row in cells:
        lines.extend(_lines(row, widths))
    return lines


def _narrowest(column: Iterable[str]) -> int:
    """Return how narrow a column may become: no word is broken before it has to be."""
    return min(_NARROWEST, max((len(word) for cell in column for word in cell.split()), default=0))


def _narrow(widths: list[int], least: Sequence[int], width: int) -> None:
    """Take columns away from whatever is widest until a line fits, so that wrapping is shared out."""
    while sum(widths) + 2 * (len(widths) - 1) > width:
        wide = [at for at in range(len(widths)) if widths[at] > least[at]]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, size, break_on_hyphens=False) or [""] for cell, size in zip(row, widths, strict=True)]
    for number in range(max(len(parts) for parts in wrapped)):
        parts = [part[number] if number < len(part) else "" for part in wrapped]
        yield "  ".join(text.ljust(size) for text, size in zip(parts, widths, strict=True)).rstrip()


def day(seconds: int) -> str:
    """Return a time (seconds since 1970, UTC) as ``2026-11-23 16:00``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
