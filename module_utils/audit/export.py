"""Reads what ``journalctl --output=export`` writes, and never holds more of it than an entry may cost.

Its JSON is a number for each byte that is no text: 30 MiB of one field were 3 GB here. This format is the bytes themselves, each
with its length, so what is too long is passed over without being held. Runs on the log server: the standard library only.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

LONGEST = 1 << 17
"""Bytes of a field that are read. The longest of ours is a part of a recording: its recorder hands over what has come together
(32 KiB less one at most) with one more read (16 KiB), which as base64 of what can't be compressed are 65.6 kB."""
_NAME = re.compile(rb"[A-Z0-9_]{1,64}")
_LENGTH = struct.Struct("<Q")
_AT_ONCE = 1 << 16


@dataclass
class Found:
    """One entry: the first value of each field that is wanted, and the names of those that are too long to be read."""

    fields: dict[str, str] = field(default_factory=dict)
    too_long: list[str] = field(default_factory=list)


def found_in(stream: BinaryIO, wanted: Collection[str]) -> Iterator[Found]:
    """Yield each entry that is there as a whole, with fields that are ``wanted`` and those of the journal itself (``__``)."""
    entry = Found()
    while line := stream.readline(LONGEST + len("=\n") + 64):
        if line == b"\n":
            yield entry
            entry = Found()
            continue
        name, equals, rest = line.rstrip(b"\n").partition(b"=")
        value: bytes | None = None
        if equals or not _NAME.fullmatch(name):
            whole = line.endswith(b"\n")
            if whole and len(rest) <= LONGEST:
                value = rest
            if not whole:
                _pass_line(stream)
        else:
            length = _LENGTH.unpack(stream.read(_LENGTH.size).ljust(_LENGTH.size, b"\0"))[0]
            if length <= LONGEST:
                value = stream.read(length)
            elif not _passed(stream, length):
                return
            if stream.read(1) != b"\n":
                return  # cut off
        key = name.decode("ascii", "replace")[:64]
        if key not in wanted and not key.startswith("__"):
            continue
        if value is None:
            entry.too_long += [key] if key not in entry.too_long else []
        else:
            entry.fields.setdefault(key, value.decode("utf-8", "replace"))


def _passed(stream: BinaryIO, length: int) -> bool:
    """Pass over so many bytes; return whether they were there."""
    while length > 0:
        part = len(stream.read(min(length, _AT_ONCE)))
        if not part:
            return False
        length -= part
    return True


def _pass_line(stream: BinaryIO) -> None:
    """Pass over the rest of a line."""
    while (part := stream.readline(_AT_ONCE)) and not part.endswith(b"\n"):
        pass
