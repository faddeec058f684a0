from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.deployer.connection import Connection
from module_utils.netfilter.guard import accepts, refusal

RULES = """
table inet kakehashi {
    chain output {
        tcp dport 22 accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state established,related accept
        iifname "hpc0" ip saddr { 192.0.2.70, 192.0.2.80/31 } tcp dport 22 accept comment "ssh"
        iifname "hpc0" ip6 saddr 2001:db8::10 tcp dport 22 accept
        iifname "mgmt0" ip saddr { host.example } tcp dport 22 accept
        limit rate 10/minute log prefix "kakehashi-drop input: "
        counter drop
    }
    chain forward {
        counter accept
    }
}
"""
ADDRESSES = {"lo": ["127.0.0.1"], "hpc0": ["192.0.2.101", "2001:db8::41"], "mgmt0": ["192.0.2.201"]}


@pytest.mark.parametrize(
    ("source", "interface", "port", "verdict"),
    [
        ("192.0.2.70", "hpc0", 22, True),
        ("192.0.2.81", "hpc0", 22, True),
        ("2001:db8::10", "hpc0", 22, True),
        ("192.0.2.71", "hpc0", 22, False),
        ("2001:db8::11", "hpc0", 22, False),
        ("192.0.2.70", "hpc0", 2022, False),
        ("192.0.2.70", "mgmt0", 22, False),
    ],
)
def test_only_the_declared_source_interface_and_port_are_accepted(source: str, interface: str, port: int, verdict: bool) -> None:
    assert accepts(RULES, interface, source, port) is verdict


def test_a_deployer_who_stays_inside_is_not_refused() -> None:
    assert refusal(RULES, Connection("192.0.2.70", "192.0.2.101", 22), ADDRESSES) is None
    assert refusal(RULES, None, ADDRESSES) is None


def test_a_deployer_who_would_be_shut_out_is_told_from_where_to_where() -> None:
    reason = refusal(RULES, Connection("192.0.2.99", "192.0.2.101", 22), ADDRESSES)
    assert reason is not None
    assert "logged in from 192.0.2.99 to 192.0.2.101 port 22 on hpc0, so nothing was changed" in reason


def test_an_address_that_no_interface_holds_is_refused() -> None:
    reason = refusal(RULES, Connection("192.0.2.70", "192.0.2.9", 22), ADDRESSES)
    assert reason is not None
    assert "192.0.2.9, which no interface holds" in reason


def test_observing_rules_shut_nobody_out() -> None:
    observing = RULES.replace("counter drop", "counter accept")
    assert refusal(observing, Connection("192.0.2.99", "192.0.2.101", 22), ADDRESSES) is None


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_accepts_is_membership_in_the_rules_set(source: IPv4Address) -> None:
    inside = str(source) in ("192.0.2.70", "192.0.2.80", "192.0.2.81")
    assert accepts(RULES, "hpc0", str(source), 22) is inside


def test_a_ruleset_without_input_chain_accepts_nobody() -> None:
    assert not accepts("table inet kakehashi {\n}\n", "hpc0", "192.0.2.70", 22)


FIRST = '        iifname "lo" accept\n'


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        ("tcp dport 22 drop", False),
        ('iifname "hpc0" ip saddr 192.0.2.0/24 reject with tcp reset', False),
        ("jump more", False),
        ('iifname "mgmt0" tcp dport 22 drop', True),
        ("icmp type redirect drop", True),
        ("ct state invalid drop", True),
        ('limit rate 10/minute log prefix "to drop: "', True),
    ],
)
def test_what_refuses_before_the_acceptance_counts(before: str, verdict: bool) -> None:
    rules = RULES.replace(FIRST, f"{FIRST}        {before}\n")
    assert accepts(rules, "hpc0", "192.0.2.70", 22) is verdict


def test_a_rate_by_source_is_no_refusal() -> None:
    rate = "update @came_v4 { ip saddr . tcp dport limit rate over 60/minute }"
    rule = f'iifname "hpc0" ip saddr {{ 192.0.2.70 }} tcp dport 22 {rate} drop'
    accept = '        iifname "hpc0" ip saddr { 192.0.2.70, 192.0.2.80/31 } tcp dport 22 accept'
    assert accepts(RULES.replace(accept, f"        {rule}\n{accept}"), "hpc0", "192.0.2.70", 22)
    without_rate = rule.partition(" update")[0] + " drop"
    assert not accepts(RULES.replace(accept, f"        {without_rate}\n{accept}"), "hpc0", "192.0.2.70", 22)
