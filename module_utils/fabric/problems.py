"""What is wrong in an inventory, in words a reader can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

Key: TypeAlias = "tuple[str | int, ...]"
"""Where a value stands: ``("all", "fabric_segments", 2, "vlan")`` or ``("host", "mdx1", "fabric_site")``."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that can't be read: encrypted, or a template that fails. ``why`` and what is ``wanted``."""

    why: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it stands, what is there, what is wrong and what would be right."""

    key: Key
    value: object
    message: str
    wanted: str

    def text(self, place: str, *, more: int = 0) -> str:
        """Return one line: ``file:line: key = value: message; wanted``.

        ``place`` is the first part; ``more`` counts further hosts that have the same fault from the same line.
        """
        shown = "" if self.value is None else f" = {shorten(self.value)}"
        return f"{place}: {dotted(self.key, more)}{shown}: {self.message}; {self.wanted}"


class FabricError(Exception):
    """An inventory that is no valid fabric. ``lines`` holds one text per fault, all of them at once."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Keep the texts; the message is all of them, a line each."""
        self.lines = tuple(lines)
        count = len(self.lines)
        super().__init__(f"{count} fault{'' if count == 1 else 's'} in the inventory:\n" + "\n".join(self.lines))


def texts(problems: Iterable[Problem], locate: Callable[[Key], str]) -> list[str]:
    """Return one line per fault; what several hosts inherit from one written line is told once."""
    heirs: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        tail = problem.key[1:] if problem.key[0] == "all" else problem.key[2:]
        same = (locate(problem.key), tail, repr(problem.value), problem.message, problem.wanted)
        heirs.setdefault(same, []).append(problem)
    return [group[0].text(str(same[0]), more=len({p.key[:2] for p in group}) - 1) for same, group in heirs.items()]


def dotted(key: Key, more: int = 0) -> str:
    """Return a key as people write it: ``fabric_segments[2].vlan`` or ``mdx1 (and 2 more): fabric_site``."""
    head = "" if key[0] == "all" else f"{key[1]}{f' (and {more} more)' if more else ''}: "
    rest = key[1:] if key[0] == "all" else key[2:]
    out = ""
    for part in rest:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else part)
    return (head + out).removesuffix(": ")


def shorten(value: object, limit: int = 80) -> str:
    """Return a value for a message: one line of at most ``limit`` characters, and never a private key."""
    text = repr(value) if isinstance(value, str) else str(value)
    if "PRIVATE KEY" in text:
        return "(a private key, not shown)"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def agree(names: Iterable[str], one: str = "is", many: str = "are") -> str:
    """Return names and the verb that agrees with their number."""
    every = list(dict.fromkeys(names))
    return f"{listed(every)} {one if len(every) == 1 else many}"


def listed(names: Iterable[str], limit: int = 4) -> str:
    """Return names for a message: all of them, or the first ``limit`` and how many more."""
    every = list(dict.fromkeys(names))
    more = len(every) - limit
    return ", ".join(every if more <= 0 else every[:limit]) + (f" and {more} more" if more > 0 else "")
