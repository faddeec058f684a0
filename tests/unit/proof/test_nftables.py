from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from module_utils.fabric.model import Family
from module_utils.proof.intervals import describe
from module_utils.proof.nft_eval import Packet, ask
from module_utils.proof.nft_parser import parse_ruleset
from module_utils.proof.nft_query import accepting, destinations, inbound, outbound, port_ranges, user_names, ways_out
from module_utils.proof.problem import CannotProve

ALL4, ALL6 = "0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
RICH = """#!/usr/sbin/nft -f
table inet t
delete table inet t
table inet t {
    set ssh_v4 { type ipv4_addr; flags interval; auto-merge; elements = { 192.0.2.70, 192.0.2.64/28 } }
    set ssh_v6 {
        type ipv6_addr
        elements = { 2001:db8::10,
                     2001:db8::11 }
    }
    set trip { type ifname . ipv4_addr . inet_service; flags interval; elements = { "hpc0" . 192.0.2.0/24 . 80 } }
    set seen { type ipv4_addr; flags dynamic,timeout; timeout 30d; size 65535; }
    map by { type ifname : verdict; elements = { "lo" : accept, "hpc0" : jump hpc } }
    chain hpc {
        ip saddr 192.0.2.200 tcp dport 22 return
        ip saddr 192.0.2.201 tcp dport 22 goto refuse
        ip saddr @ssh_v4 tcp dport { 22, 2022-2024 } counter accept comment "x { y }"
        ip6 saddr @ssh_v6 tcp dport 22 accept
    }
    chain refuse {
        reject with icmpx type admin-prohibited
    }
    chain input {
        type filter hook input priority filter + 10; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
        icmp type echo-request limit rate 10/second accept
        iifname vmap @by
        iifname . ip saddr . tcp dport @trip accept
        iifname "wlan*" meta l4proto { tcp, udp } th dport 53 accept
        iifname != "hpc0" ip saddr != 10.0.0.0/8 tcp dport 443 log prefix "k: " level info flags all accept
        meta nfproto ipv4 meta l4proto { tcp, udp } update @seen { ip saddr }
        limit rate 10/minute burst 5 packets log prefix "drop: "
        counter drop
    }
}
"""


def sources(text: str, iif: str, port: int, family: Family = "ipv4", protocol: str = "tcp") -> str:
    packet = Packet(family, protocol, port, iif=iif, destination=5)
    return describe(ask(parse_ruleset(text), "input", packet).accepted, family)


QUESTIONS: list[tuple[str, int, Family, str, str]] = [
    ("lo", 1, "ipv4", "tcp", ALL4),
    ("lo", 1, "ipv6", "udp", ALL6),
    ("hpc0", 22, "ipv4", "tcp", "192.0.2.64-192.0.2.79"),
    ("hpc0", 2023, "ipv4", "tcp", "192.0.2.64-192.0.2.79"),
    ("hpc0", 2025, "ipv4", "tcp", "none"),
    ("hpc0", 22, "ipv4", "udp", "none"),
    ("hpc0", 22, "ipv6", "tcp", "2001:db8::10-2001:db8::11"),
    ("hpc0", 80, "ipv4", "tcp", "192.0.2.0-192.0.2.255"),
    ("hpc0", 443, "ipv4", "tcp", "none"),
    ("eth0", 443, "ipv4", "tcp", "0.0.0.0-9.255.255.255, 11.0.0.0-255.255.255.255"),
    ("eth0", 443, "ipv6", "tcp", "none"),
    ("wlan7", 53, "ipv6", "udp", ALL6),
    ("wlan7", 54, "ipv6", "udp", "none"),
]


@pytest.mark.parametrize(("iif", "port", "family", "protocol", "expected"), QUESTIONS)
def test_who_is_let_in(iif: str, port: int, family: Family, protocol: str, expected: str) -> None:
    assert sources(RICH, iif, port, family, protocol) == expected


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft")
def test_what_nft_lists_means_the_same() -> None:
    """The kernel's own listing of the rules gives the same answers as the text that was loaded."""
    command = "nft -f - && nft -s list ruleset"
    done = subprocess.run(["unshare", "-n", "sh", "-c", command], input=RICH, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this kernel doesn't load it: {done.stderr[:200]}")
    for iif, port, family, protocol, expected in QUESTIONS:
        assert sources(done.stdout, iif, port, family, protocol) == expected


def chain(rules: str, head: str = "policy drop;", hook: str = "input") -> str:
    return f"table inet t {{ chain c {{\n type filter hook {hook} priority 0; {head}\n{rules}\n}}\n}}\n"


UNKNOWN = [
    "ip saddr 192.0.2.1 meta mark set 1 accept",
    "tcp flags syn accept",
    "tcp dport {22 accept",
    "ip saddr @nowhere accept",
    "jump nowhere",
    "accept drop",
    "ip saddr example.org accept",
    "queue num 1",
    'iifname "x" . accept',
    "ct state & new == new accept",
    "\x01",
]


@pytest.mark.parametrize("rule", UNKNOWN)
def test_what_is_unknown_is_named_with_its_line(rule: str) -> None:
    with pytest.raises(CannotProve) as refusal:
        parse_ruleset(chain(f"tcp dport 1 accept\n{rule}"), "artefact")
    assert refusal.value.where == "artefact"
    assert refusal.value.line >= 4 or "braces" in refusal.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "table netdev t { }",
        "nonsense",
        "table inet t { flowtable f { } }",
        "table inet t { chain c { type nat hook prerouting priority 0; } }",
        "table inet t { set s { type ipv4_addr; wrong 1; } }",
        "table inet t { chain c { type filter hook input priority high; } }",
        "table inet t { chain c { type filter hook ingress priority 0; } }",
        "table inet t { chain c {",
        "table inet t { chain c { type filter hook input priority 0; policy maybe; } }",
    ],
)
def test_what_is_no_rule_of_ours_is_refused(text: str) -> None:
    with pytest.raises(CannotProve):
        parse_ruleset(text)


@pytest.mark.parametrize(
    "rule",
    [
        "limit rate 5/second tcp dport 22 accept",
        "meta skuid 0 accept",
        "tcp sport 1024 accept",
        "ip daddr 192.0.2.1 accept",
        'iifname . ip daddr vmap { "a" . 192.0.2.1 : accept }',
    ],
)
def test_a_verdict_that_hangs_on_what_isnt_known_is_refused(rule: str) -> None:
    ruleset = parse_ruleset(chain(rule))
    with pytest.raises(CannotProve, match=r"known|certain"):
        ask(ruleset, "input", Packet("ipv4", "tcp", 22, iif="a"))


def test_a_set_that_changes_proves_nothing() -> None:
    text = "table inet t { set s { type ipv4_addr; flags dynamic; elements = { 192.0.2.1 } }\n chain c {\n" + (
        "type filter hook input priority 0; policy drop; ip saddr @s accept\n} }"
    )
    with pytest.raises(CannotProve, match="come and go"):
        sources(text, "a", 22)


def test_rings_of_jumps_end() -> None:
    text = "table inet t {\nchain r { jump s\n}\nchain s { jump r\n}\n" + (
        "chain c { type filter hook input priority 0; jump r\n} }"
    )
    with pytest.raises(CannotProve, match="ring"):
        sources(text, "a", 22)


def test_all_base_chains_must_accept_in_order_of_priority() -> None:
    first = chain("ip saddr 192.0.2.0/24 accept").replace("inet t", "ip first").replace("priority 0", "priority raw")
    second = chain("ip saddr 192.0.2.128-192.0.3.9 drop", "policy accept;").replace("inet t", "inet second")
    assert sources(first + second, "a", 22) == "192.0.2.0-192.0.2.127"
    assert sources(first + second, "a", 22, "ipv6") == ALL6
    assert sources("", "a", 22) == ALL4


def test_flush_and_delete_forget() -> None:
    assert sources(chain("accept") + "flush ruleset\n" + chain(""), "a", 22) == "none"
    assert sources(chain("accept") + "flush table inet t\n", "a", 22) == "none"
    assert sources(chain("") + "destroy table inet t\ndelete table inet other", "a", 22) == ALL4


def test_an_order_of_rules_decides() -> None:
    assert sources(chain("tcp dport 22 drop\ntcp dport 22 accept"), "a", 22) == "none"
    assert sources(chain("ip saddr 192.0.2.1 continue\nip saddr 192.0.2.1 accept"), "a", 22) == "192.0.2.1"
    ruleset = parse_ruleset(chain("ip saddr 192.0.2.1 accept\nip saddr 192.0.2.0/30 accept"))
    answer = inbound(ruleset, Packet("ipv4", "tcp", 22, iif="a", destination=1))
    rule = accepting(answer, 0xC0000202)
    assert rule is not None
    assert rule.line == 4
    assert accepting(answer, 1) is None


def test_out_by_destination_and_user() -> None:
    text = chain(
        "meta skuid { 0, 1000-1999 } ip daddr 192.0.2.1 tcp dport 22 accept\nmeta skuid 33 udp dport 53 accept", hook="output"
    )
    ruleset = parse_ruleset(text)
    assert [sorted(u) for u in user_names(ruleset)] == [["0"], ["1"], ["33"]]

    def out(user: str, port: int, protocol: str = "tcp") -> str:
        packet = Packet("ipv4", protocol, port, oif="a", source=9, ask="daddr", user=frozenset({user}))
        return describe(ask(ruleset, "output", packet).accepted, "ipv4")

    assert (out("1500", 22), out("2000", 22), out("33", 53, "udp")) == ("192.0.2.1", "none", ALL4)
    assert port_ranges(ruleset, "tcp") == ((0, 21), (22, 22), (23, 52), (53, 53), (54, 65535))
    assert len(destinations(ruleset, "ipv4")) == 3
    assert user_names(parse_ruleset(chain(""))) == ()


def test_a_destination_is_looked_at_where_a_rule_does() -> None:
    ruleset = parse_ruleset(chain("ip daddr 192.0.2.9 ip saddr 192.0.2.1 accept"))
    yes = inbound(ruleset, Packet("ipv4", "tcp", 22, iif="a", destination=0xC0000209))
    no = inbound(ruleset, Packet("ipv4", "tcp", 22, iif="a", destination=0xC0000208))
    assert (describe(yes.accepted, "ipv4"), describe(no.accepted, "ipv4")) == ("192.0.2.1", "none")


def test_a_host_s_own_address_is_looked_at_where_a_rule_does() -> None:
    ruleset = parse_ruleset(chain("ip saddr 192.0.2.9 ip daddr 192.0.2.1 tcp dport 22 accept", hook="output"))
    yes, no = (Packet("ipv4", "tcp", 22, oif="a", source=source, ask="daddr") for source in (0xC0000209, 0xC0000208))
    assert [describe(outbound(ruleset, packet).accepted, "ipv4") for packet in (yes, no, yes)] == [
        "192.0.2.1",
        "none",
        "192.0.2.1",
    ]
    ways = [[way[:2] for way in ways_out(ruleset, packet, ("udp", "tcp"))] for packet in (yes, no, yes)]
    assert ways == [[("tcp", (22, 22))], [], [("tcp", (22, 22))]]


@pytest.mark.parametrize(
    "rule",
    [
        "ip saddr != 192.0.2.8 ip daddr 192.0.2.1 tcp dport 22 accept",
        "ip saddr . ip daddr { 192.0.2.9 . 192.0.2.1 } tcp dport 22 accept",
        "tcp dport 22 ip daddr 192.0.2.1 ip saddr vmap { 192.0.2.9 : accept }",
        "udp dport 53 drop\ntcp dport 22 ip daddr 192.0.2.1 jump more\n}\nchain more {\nip saddr 192.0.2.9 accept",
    ],
)
def test_so_it_is_in_every_form(rule: str) -> None:
    ruleset = parse_ruleset(chain(rule, hook="output"))
    for source, expected in ((0xC0000208, "none"), (0xC0000209, "192.0.2.1"), (0xC0000208, "none")):
        answer = outbound(ruleset, Packet("ipv4", "tcp", 22, oif="a", source=source, ask="daddr"))
        assert describe(answer.accepted, "ipv4") == expected


def test_what_stays_unknown_is_told_in_the_second_asking_too() -> None:
    ruleset = parse_ruleset(chain('ip saddr 192.0.2.9 iifname "b" tcp dport 22 accept', hook="output"))
    with pytest.raises(CannotProve):
        ways_out(ruleset, Packet("ipv4", "tcp", None, oif="a", source=0xC0000209, ask="daddr"), ("tcp",))


def test_what_no_rule_asks_a_host_s_address_for_is_answered_once_for_all() -> None:
    ruleset = parse_ruleset(chain("ip daddr 192.0.2.1 tcp dport 22 accept", hook="output"))
    first, second = (ways_out(ruleset, Packet("ipv4", "tcp", None, oif="a", source=n, ask="daddr"), ("tcp",)) for n in (1, 2))
    assert first is second
    assert [(way[:2], describe(way[2].accepted, "ipv4")) for way in first] == [(("tcp", (22, 22)), "192.0.2.1")]


def test_a_rate_by_source_refuses_nobody_who_keeps_to_it() -> None:
    slowed = 'iifname "a" tcp dport 22 update @came { ip saddr . tcp dport limit rate over 60/minute burst 9 packets } drop'
    assert sources(chain(f"{slowed}\nip saddr 192.0.2.1 tcp dport 22 accept"), "a", 22) == "192.0.2.1"
    for line in ("limit rate 60/minute drop", slowed.replace("} drop", "} accept"), slowed.replace("rate over", "rate")):
        with pytest.raises(CannotProve, match="depends on a rate"):
            sources(chain(line), "a", 22)
