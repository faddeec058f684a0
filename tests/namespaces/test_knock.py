"""Knocks for real: past the own packet filter, at a neighbour that answers, refuses, is silent or isn't there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Net

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("ipv4", "ipv6")
CLOSED = """
table inet {hook}s {{
    chain only {{
        type filter hook {hook} priority 0; policy drop;
        ct state established accept
        icmp type echo-request accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, echo-request }} accept
    }}
}}
"""
CALL = """
import sys
from module_utils.matrix.knock import KnockError, knock
try:
    print(knock(sys.argv[1], int(sys.argv[2])))
except KnockError as error:
    print(error)
"""


@pytest.fixture
def around(net: Net) -> Iterator[Net]:
    yield net
    for node in ("origin", "target"):
        net.ruleset(node, "")


def knock(net: Net, address: str, port: int = 22, *more: str) -> str:
    argv = net.enter("origin", *more, sys.executable, "-c", CALL, address, str(port))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_open_and_a_closed_port_are_told_apart(around: Net, family: str) -> None:
    target = around.endpoint("target", family)
    assert knock(around, target.address) == "open"
    assert knock(around, target.address, 2) == "closed"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_own_packet_filter_neither_hides_nor_stands_for_the_neighbours(around: Net, family: str) -> None:
    target = around.endpoint("target", family)
    around.ruleset("origin", CLOSED.format(hook="output") + CLOSED.format(hook="input"))
    probe = f"import socket; socket.create_connection(('{target.address}', 22), 0.5)"
    refused = subprocess.run(around.enter("origin", sys.executable, "-c", probe), capture_output=True, check=False)
    assert refused.returncode != 0, "an ordinary connect is stopped by the own filter"
    assert knock(around, target.address) == "open"
    around.ruleset("target", CLOSED.format(hook="input"))
    assert knock(around, target.address) == "silent"


@pytest.mark.parametrize("address", ["192.0.2.60", "2001:db8::60"])
def test_nobody_has_the_address(around: Net, address: str) -> None:
    assert knock(around, address) == "absent"


def test_what_is_not_next_to_this_host_is_refused_in_words(around: Net) -> None:
    assert "192.0.2.9" not in knock(around, "198.51.100.1")
    assert "198.51.100.1" in knock(around, "198.51.100.1")


def test_without_root_it_says_so(around: Net) -> None:
    address = around.endpoint("target").address
    # Not another user: the repository may lie where only root can read.
    said = knock(around, address, 22, "setpriv", "--inh-caps=-net_raw", "--bounding-set=-net_raw")
    assert "needs root" in said
