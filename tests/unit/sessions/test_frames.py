"""What is packed comes back; what nobody packed is refused."""

from __future__ import annotations

import base64
import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.sessions import frames
from module_utils.sessions.frames import Frame, FrameError

FRAMES = st.lists(st.builds(Frame, st.integers(0, 2**32 - 1), st.integers(0, 4), st.binary(max_size=200)), max_size=8)


@given(FRAMES)
def test_what_is_packed_comes_back(found: list[Frame]) -> None:
    packed = b"".join(map(frames.pack, found))
    assert list(frames.unpack(frames.of_text(frames.as_text(packed)))) == found


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_or_frames(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert b"".join(map(frames.pack, frames.unpack(data))) == data


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(b"\0" * (frames.LARGEST + 1))).decode(),
        base64.b64encode(zlib.compress(b"\0" * 100)[:-4]).decode(),
    ],
)
def test_what_is_no_chunk_is_refused(text: str) -> None:
    with pytest.raises(FrameError):
        frames.of_text(text)
