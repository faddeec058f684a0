"""The receiver's reading of what a sender says; who gets in at all is tried in tests/twin."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.audit.receiver import chunks, peer_name


def coded(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
def test_a_body_in_parts(parts: list[bytes]) -> None:
    assert b"".join(chunks(io.BytesIO(coded(parts)))) == b"".join(parts)


@pytest.mark.parametrize("body", [b"", b"zz\r\n", b"5\r\nabc", b"3\r\nabcd\r\n0\r\n\r\n", b"-1\r\n\r\n", b"3\r\nabc\r\n"])
def test_a_body_that_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|went away|longer|shorter"):
        list(chunks(io.BytesIO(body)))


@given(st.binary(max_size=200))
def test_any_bytes_end(body: bytes) -> None:
    try:
        found = b"".join(chunks(io.BytesIO(body)))
    except ValueError:
        return
    assert len(found) <= len(body)


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        ({"subject": ((("commonName", "mdx1"),),)}, "mdx1"),
        ({"subject": ((("organizationName", "x"),), (("commonName", "mdx1"),))}, "mdx1"),
        ({"subject": ((("commonName", "mdx1"),), (("commonName", "mdx2"),))}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_whose_a_certificate_is(certificate: dict[str, Any] | None, name: str) -> None:
    assert peer_name(certificate) == name
