"""Reads proc_pid_mountinfo(5). Where something is mounted has a name that users choose: any bytes but a slash and NUL."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
_POINT, _OPTIONS, _LEAST = 4, 5, 6  # fields before the hyphen
_KIND, _DETAILS = 0, 2  # fields behind it
_ESCAPED = re.compile(r"\\([01][0-7]{2})")


@dataclass(frozen=True)
class Mounted:
    """Where something is mounted and how; ``details`` are options of the file system itself.

    Bytes of ``point`` that are no text are as os.fsdecode() has them, so that a program that is given it finds the place.
    """

    point: str
    options: tuple[str, ...]
    kind: str = ""
    details: tuple[str, ...] = ()


def read(path: Path = MOUNTINFO) -> str:
    """Return what ``path`` holds, its line ends untouched; raises OSError."""
    return os.fsdecode(path.read_bytes())


def parse(text: str) -> list[Mounted]:
    r"""Return all mounts in the kernel's order; a line with too few fields is none.

    The kernel escapes space, tab, newline and backslash, so only ``\n`` ends a line and only a space a field: whatever else
    Python takes for either may be part of a name.
    """
    found = []
    for line in text.split("\n"):
        place, _hyphen, source = line.partition(" - ")
        fields, behind = place.split(" "), source.split(" ")
        if len(fields) >= _LEAST:
            details = tuple(behind[_DETAILS].split(",")) if len(behind) > _DETAILS else ()
            found.append(Mounted(_unescaped(fields[_POINT]), tuple(fields[_OPTIONS].split(",")), behind[_KIND], details))
    return found


def shown(text: str) -> str:
    r"""Return ``text`` for people's eyes: what would end a line, command a terminal or not be seen is written as ``\r``."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _unescaped(field: str) -> str:
    return _ESCAPED.sub(lambda code: chr(int(code[1], 8)), field)
