from __future__ import annotations

from ipaddress import ip_address

import pytest

from module_utils.proof.nft_lexer import tokens
from module_utils.proof.ssh_patterns import match_address, match_list
from module_utils.proof.ssh_words import split_arguments, split_keyword


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Port 22", ("Port", "22")),
        ("  Port\t=  22", ("Port", "22")),
        ("Port=22", ("Port", "22")),
        ('"Port" 22', ("Port", "22")),
        ('"Port 22', ("", "")),
        ("Port", ("Port", "")),
        ("", ("", "")),
    ],
)
def test_keywords(line: str, expected: tuple[str, str]) -> None:
    assert split_keyword(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b # c", ("a", "b")),
        ("a#b", ("a#b",)),
        ('"a b" c\\ d', ("a b", "c d")),
        ("'a\\'b' \\x", ("a'b", "\\x")),
        ('"a \\" b"', ('a " b',)),
        ("", ()),
    ],
)
def test_arguments(text: str, expected: tuple[str, ...]) -> None:
    assert split_arguments(text) == expected


def test_lists_with_negation() -> None:
    address = ip_address("192.0.2.7")
    assert match_list("abc", "a*,!ab?") == -1
    assert match_address(address, "192.0.2.0/24,!192.0.2.7") == -1
    assert match_address(address, "192.0.2.*") == 1
    assert match_address(address, "2001:db8::/32,x") == 0


def test_lines_of_tokens() -> None:
    found = tokens('a "b c"; # d\n{ e,\\\nf }', "x")
    assert [(t.text, t.line) for t in found if t.text.strip()] == [
        ("a", 1), ("b c", 1), ("{", 2), ("e", 2), (",", 2), ("f", 3), ("}", 3)
    ]  # fmt: skip
