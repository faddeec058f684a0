from __future__ import annotations

import configparser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.network.declared import NetworkError, files, owned, parse

HPC: dict[str, Any] = {
    "name": "hpc0",
    "mode": "untagged",
    "mtu": 9000,
    "addresses": ["192.0.2.101/26", "2001:db8:0:2102::41/64"],
    "routes": [{"to": "198.51.100.128/26", "via": "192.0.2.90"}],
}
TAGGED: dict[str, Any] = {"name": "eth0.2102", "mode": "tagged", "vlan": 2102, "mtu": 9000, "addresses": ["192.0.2.101/26"]}


def test_an_untagged_interface_is_one_file_that_says_all() -> None:
    ((path, text),) = files(parse([HPC])).items()
    assert path == "/etc/systemd/network/20-kakehashi-hpc0.network"
    for line in (
        "Name=hpc0",
        "MTUBytes=9000",
        "DHCP=no",
        "IPv6AcceptRA=no",
        "LLMNR=no",
        "MulticastDNS=no",
        "LinkLocalAddressing=ipv6",
        "Address=192.0.2.101/26",
        "Address=2001:db8:0:2102::41/64",
        "Destination=198.51.100.128/26",
        "Gateway=192.0.2.90",
    ):
        assert line in text.splitlines()


def test_a_tagged_interface_gets_its_device_and_its_parent_a_file() -> None:
    found = files(parse([TAGGED]))
    assert sorted(path.rpartition("/")[2] for path in found) == [
        "20-kakehashi-eth0.2102.netdev",
        "20-kakehashi-eth0.2102.network",
        "20-kakehashi-eth0.network",
    ]
    assert "Id=2102" in found["/etc/systemd/network/20-kakehashi-eth0.2102.netdev"].splitlines()
    parent = found["/etc/systemd/network/20-kakehashi-eth0.network"].splitlines()
    assert {"VLAN=eth0.2102", "MTUBytes=9000", "LinkLocalAddressing=no"} <= set(parent)
    assert owned(parse([TAGGED])) == ("eth0", "eth0.2102")


def test_a_parent_with_addresses_of_its_own_keeps_one_file_and_the_larger_mtu() -> None:
    own = {"name": "eth0", "mtu": 1500, "addresses": ["192.0.2.1/26"]}
    text = files(parse([own, TAGGED]))["/etc/systemd/network/20-kakehashi-eth0.network"]
    assert {"VLAN=eth0.2102", "MTUBytes=9000", "Address=192.0.2.1/26"} <= set(text.splitlines())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a-name-that-is-too-long"}, "is no name for an interface"),
        ({"name": "../x"}, "is no name for an interface"),
        ({"mtu": 9001}, "MTU 9001 of hpc0"),
        ({"addresses": ["192.0.2.300/26"]}, "'192.0.2.300/26' of hpc0 is no address"),
        ({"addresses": ["192.0.2.3"]}, "has no prefix length"),
        ({"routes": [{"to": "192.0.2.1/26", "via": "192.0.2.90"}]}, "a route on hpc0 can't be read"),
        ({"routes": [{"to": "198.51.100.0/26", "via": "203.0.113.1"}]}, "gateway 203.0.113.1 of a route on hpc0 is on none"),
        ({"mode": "tagged", "vlan": 2102}, "nothing says on which interface"),
        ({"mode": "tagged", "vlan": 1, "parent": "eth0"}, "VLAN 1 of hpc0"),
        ({"mode": "tagged", "parent": "eth0"}, "VLAN None of hpc0"),
    ],
)
def test_what_cannot_be_right_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        parse([{**HPC, **change}])


def test_an_interface_is_declared_once() -> None:
    with pytest.raises(NetworkError, match="hpc0 is declared twice"):
        parse([HPC, HPC])


@given(st.lists(st.integers(2, 4094), unique=True, max_size=5), st.integers(1280, 9000))
def test_every_file_is_well_formed(vlans: list[int], mtu: int) -> None:
    items = [{**TAGGED, "name": f"eth0.{vlan}", "vlan": vlan, "mtu": mtu} for vlan in vlans]
    for text in files(parse(items)).values():
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(text)
        assert parser.sections()
