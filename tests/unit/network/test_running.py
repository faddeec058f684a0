from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from module_utils.deployer.connection import Connection
from module_utils.network.declared import Interface, Route
from module_utils.network.running import Running, differences, missing, parse_ip, refusal

WAY = Route("198.51.100.128/26", "192.0.2.90")
WANT = Interface("hpc0", 9000, ("192.0.2.101/26", "2001:db8::41/64"), (WAY,))
HAVE = Running(9000, frozenset(WANT.addresses), frozenset([WAY]), "/etc/systemd/network/20-kakehashi-hpc0.network", 2)
LOGIN = Connection("192.0.2.70", "192.0.2.101", 22)


def test_reads_what_ip_says() -> None:
    links = [
        {
            "ifindex": 2,
            "ifname": "hpc0",
            "mtu": 9000,
            "addr_info": [
                {"local": "192.0.2.101", "prefixlen": 26, "scope": "global"},
                {"local": "2001:db8::9", "prefixlen": 64, "scope": "global", "dadfailed": True},
                {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
            ],
        },
        {},
    ]
    routes = [
        {"dst": "192.0.2.64/26", "dev": "hpc0", "protocol": "kernel"},
        {"dst": "198.51.100.128/26", "gateway": "192.0.2.90", "dev": "hpc0", "protocol": "static"},
        {"dst": "default", "gateway": "2001:db8::1", "dev": "hpc0", "protocol": "ra"},
        {"dst": "203.0.113.1", "dev": "hpc0"},
    ]
    assert parse_ip(links, routes) == {
        "hpc0": Running(
            9000,
            frozenset(["192.0.2.101/26"]),
            frozenset([WAY, Route("::/0", "2001:db8::1"), Route("203.0.113.1/32", "")]),
            index=2,
        )
    }


def test_what_runs_as_declared_does_not_differ() -> None:
    assert differences([WANT], {"hpc0": HAVE}) == {}
    assert missing([WANT], {"hpc0": HAVE}) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mtu": 1500}, "MTU is 1500, not 9000"),
        ({"addresses": frozenset(["192.0.2.101/26"])}, "2001:db8::41/64 is missing"),
        ({"addresses": HAVE.addresses | {"10.0.0.1/8"}}, "10.0.0.1/8 is not declared"),
        ({"routes": frozenset()}, "the route to 198.51.100.128/26 by 192.0.2.90 is missing"),
        ({"routes": HAVE.routes | {Route("0.0.0.0/0", "")}}, "the route to 0.0.0.0/0 by the link is not declared"),
        ({"file": "/etc/systemd/network/10-x.network"}, "networkd goes by /etc/systemd/network/10-x.network"),
    ],
)
def test_each_difference_is_said(change: dict[str, Any], words: str) -> None:
    (found,) = differences([WANT], {"hpc0": dataclasses.replace(HAVE, **change)}).values()
    assert len(found) == 1
    assert words in found[0]


def test_an_interface_that_is_not_there_is_said_unless_networkd_makes_it() -> None:
    tagged = Interface("eth0.5", 1500, (), vlan=5, parent="eth0")
    assert differences([WANT], {}) == {"hpc0": ["there is no such interface"]}
    assert missing([WANT, tagged], {"eth0": HAVE}) == ["hpc0"]


def test_the_deployers_address_stays() -> None:
    assert refusal([WANT], {"hpc0": HAVE}, LOGIN, "hpc0") is None
    assert refusal([WANT], {"hpc0": HAVE}, None, "") is None


def test_to_take_the_deployers_address_is_refused() -> None:
    other = dataclasses.replace(WANT, addresses=("192.0.2.102/26",))
    reason = refusal([other], {"hpc0": HAVE}, LOGIN, "hpc0")
    assert reason is not None
    assert "hpc0 would lose 192.0.2.101, by which the deployer is logged in, so nothing was changed" in reason


def test_to_take_the_way_back_is_refused() -> None:
    far = Connection("203.0.113.2", "192.0.2.101", 22)
    reason = refusal([WANT], {"hpc0": HAVE}, far, "hpc0")
    assert reason is not None
    assert "hpc0 would lose the route back to 203.0.113.2" in reason
    routed = dataclasses.replace(WANT, routes=(Route("203.0.113.0/24", "192.0.2.90"),))
    assert refusal([routed], {"hpc0": HAVE}, far, "hpc0") is None


def test_an_interface_that_is_not_declared_is_left_alone() -> None:
    elsewhere = {"hpc0": HAVE, "mgmt0": Running(1500, frozenset(["192.0.2.201/26"]))}
    assert refusal([WANT], elsewhere, Connection("192.0.2.200", "192.0.2.201", 22), "mgmt0") is None
