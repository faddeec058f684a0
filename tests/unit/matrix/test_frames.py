from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.matrix.frames import Knock, answer, checksum, echo_request, syn

V4 = Knock("192.0.2.1", 40000, "192.0.2.2", 22, 7)
V6 = Knock("2001:db8::1", 40000, "2001:db8::2", 22, 2**32 - 1)


def reply(knock: Knock, flags: int, acknowledged: int | None = None, port: int = 22) -> bytes:
    back = syn(Knock(knock.address, port, knock.source, knock.source_port))
    start = 20 if "." in knock.source else 40
    number = (knock.sequence + 1) % 2**32 if acknowledged is None else acknowledged
    return back[: start + 8] + struct.pack("!IBB", number, 5 << 4, flags) + back[start + 14 :]


@pytest.mark.parametrize("knock", [V4, V6])
def test_answers_are_told_apart(knock: Knock) -> None:
    assert answer(reply(knock, 0x12), knock) == "open"
    assert answer(reply(knock, 0x14), knock) == "closed"
    assert answer(reply(knock, 0x10), knock) is None
    assert answer(reply(knock, 0x12, 99), knock) is None
    assert answer(reply(knock, 0x12, port=23), knock) is None
    assert answer(syn(knock), knock) is None
    assert answer(reply(knock, 0x12)[:-8], knock) is None


def test_checksums_are_right_where_the_sum_over_all_is_zero() -> None:
    assert checksum(syn(V4)[:20]) == 0
    both, body = syn(V4)[12:20], syn(V4)[20:]
    assert checksum(both + struct.pack("!BBH", 0, 6, 20) + body) == 0
    both, body = syn(V6)[8:40], syn(V6)[40:]
    assert checksum(both + struct.pack("!IHBB", 20, 0, 0, 6) + body) == 0
    assert checksum(echo_request("192.0.2.1")) == 0
    assert checksum(b"\1") == 0xFEFF
    assert echo_request("2001:db8::1")[0] == 128


@given(st.binary(max_size=80))
def test_any_bytes_are_no_answer(data: bytes) -> None:
    assert answer(data, V4) is None
    assert answer(data, V6) is None
