"""What a recording is made of: frames, packed into chunks that fit an entry of a journal. Pure."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

INPUT, OUTPUT, ERRORS, TERMINAL, WINDOW = range(5)
"""Streams: of a command its input, output and errors; of a terminal what it showed, and its size as ``columns x rows``."""
STREAMS = ("input", "output", "errors", "terminal", "window")
_HEAD = struct.Struct(">IBI")
LARGEST = 1 << 20
"""Bytes of a chunk, unpacked: more is no recording of ours."""


class FrameError(ValueError):
    """Bytes that are no frames."""


@dataclass(frozen=True)
class Frame:
    """What passed on one stream at once, ``at`` milliseconds after the begin."""

    at: int
    stream: int
    data: bytes


def pack(frame: Frame) -> bytes:
    """Return a frame as bytes."""
    return _HEAD.pack(min(frame.at, 0xFFFFFFFF), frame.stream, len(frame.data)) + frame.data


def unpack(packed: bytes) -> Iterator[Frame]:
    """Yield the frames of packed bytes. Raises ``FrameError`` where they are none."""
    place = 0
    while place < len(packed):
        if place + _HEAD.size > len(packed):
            raise FrameError("a frame is cut off")
        at, stream, length = _HEAD.unpack_from(packed, place)
        place += _HEAD.size
        if stream >= len(STREAMS) or place + length > len(packed):
            raise FrameError("a frame is cut off or of an unknown kind")
        yield Frame(at, stream, packed[place : place + length])
        place += length


def as_text(packed: bytes) -> str:
    """Return packed frames as the text of a journal's field."""
    return base64.b64encode(zlib.compress(packed, 6)).decode("ascii")


def of_text(text: str) -> bytes:
    """Return the packed frames of a field. Raises ``FrameError``."""
    unpacking = zlib.decompressobj()
    try:
        packed = unpacking.decompress(base64.b64decode(text, validate=True), LARGEST)
    except (ValueError, zlib.error) as error:
        raise FrameError(f"a chunk can't be unpacked ({error})") from error
    if not unpacking.eof:
        raise FrameError("a chunk is longer than any that was recorded, or cut off")
    return packed
