from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.access_control.origins import (
    OriginError,
    canonical,
    covers,
    first_address,
    parse_address,
    parse_origin,
    strangers,
    target_problems,
)

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(lambda a: not getattr(a, "ipv4_mapped", None))


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.300",
        "login1",
        "login1.example.org",
        "10.0.0.5/8",
        "192.0.2.*",
        "!192.0.2.1",
        "",
        " 192.0.2.1",
        "fe80::1%eth0",
        "*",
    ],
)
def test_names_patterns_and_host_bits_are_no_origins(text: str) -> None:
    with pytest.raises(OriginError, match="CIDR"):
        parse_origin(text)


@given(addresses)
def test_an_address_covers_itself_only(address: IPv4Address | IPv6Address) -> None:
    text, other = str(address), str(type(address)(int(address) ^ 1))
    assert canonical(text) == text
    assert first_address(text) == text
    assert covers([text], text)
    assert not covers([text], other)


@given(addresses, st.integers(8, 32))
def test_a_block_covers_what_lies_in_it(address: object, prefix: int) -> None:
    block = ip_network((str(address), prefix), strict=False)
    assert covers([str(block)], str(address))
    assert parse_origin(canonical(str(block))) == block


def test_ipv4_rules_say_nothing_of_ipv6() -> None:
    assert not covers(["0.0.0.0/0"], "2001:db8::1")


def test_mapped_addresses_are_ipv4() -> None:
    assert covers(["192.0.2.1"], "::ffff:192.0.2.1")


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(OriginError, match="not an address"):
        parse_address("login1")


def test_strangers_are_of_both_families_and_held_by_nobody() -> None:
    found = strangers(["203.0.113.0/24", "2001:db8::/32"])
    assert [ip_address(a).version for a in found] == [4, 6]
    assert not any(covers(["203.0.113.0/24", "2001:db8::/32"], a) for a in found)


def test_nobody_is_a_stranger_to_everybody() -> None:
    assert strangers(["0.0.0.0/0", "::/0"]) == []


@pytest.mark.parametrize("good", ["192.0.2.1:22", "[2001:db8::1]:22"])
def test_jump_targets(good: str) -> None:
    assert target_problems([good]) == []


@pytest.mark.parametrize("bad", ["mdx1:22", "*:22", "192.0.2.1:*", "2001:db8::1:22", "[2001:DB8::1]:22", "192.0.2.1", "any"])
def test_jump_targets_are_addresses_in_the_form_that_clients_use(bad: str) -> None:
    (problem,) = target_problems([bad])
    assert bad in problem
