from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.changes import host as host_module
from module_utils.changes import links
from module_utils.changes.host import Done, Host, HostError, run
from module_utils.changes.links import Link
from module_utils.changes.running import (
    Running,
    Unit,
    differences,
    parse_units,
    ruleset_back,
    settings_back,
    unit_calls,
    unit_calls_at_boot,
    units_left,
    without_traffic,
)

RUNS = Unit("loaded", "active", "enabled", "notify", can_reload=True)
STANDS = Unit("loaded", "inactive", "disabled", "notify")


@pytest.mark.parametrize(
    ("before", "now", "wanted"),
    [
        ("a", "a", None),
        ("a", None, None),
        ("a", "b", "flush ruleset\na"),
        ("", "b", "flush ruleset\n"),
        (None, "", None),
        (None, "table ip filter {\n}\ntable inet kakehashi {\n}\n", "delete table inet kakehashi\n"),
    ],
)
def test_the_ruleset_comes_back_in_one_transaction(before: str | None, now: str | None, wanted: str | None) -> None:
    assert ruleset_back(before, now) == wanted


def test_settings_of_all_interfaces_are_written_before_those_of_each() -> None:
    before = {"net/ipv4/conf/eth0/forwarding": "1", "net/ipv4/conf/all/forwarding": "0", "net/ipv4/ip_forward": "0"}
    assert settings_back(before, before) == []
    assert settings_back(before, {**before, "net/ipv4/ip_forward": "1"}) == [
        ("net/ipv4/ip_forward", "0"),
        ("net/ipv4/conf/eth0/forwarding", "1"),
    ]
    assert settings_back(before, {"net/ipv4/conf/eth0/forwarding": "0"}) == [("net/ipv4/conf/eth0/forwarding", "1")]


@pytest.mark.parametrize(
    ("name", "then", "now", "wanted"),
    [
        ("a.service", RUNS, STANDS, [["start", "a.service"]]),
        ("a.service", RUNS, Unit("loaded", "failed"), [["reset-failed", "a.service"], ["start", "a.service"]]),
        ("a.service", STANDS, RUNS, [["stop", "a.service"]]),
        ("a.service", RUNS, RUNS, [["reload", "a.service"]]),
        ("a.service", RUNS, Unit("loaded", "active", "enabled", "notify"), [["try-restart", "a.service"]]),
        ("a.service", RUNS, Unit("loaded", "active", "enabled", "oneshot"), []),
        ("a.socket", RUNS, RUNS, []),
        ("nftables.service", RUNS, RUNS, []),
        ("a.service", STANDS, STANDS, []),
    ],
)
def test_units_run_as_they_did_and_read_their_files_again(name: str, then: Unit, now: Unit, wanted: list[list[str]]) -> None:
    assert unit_calls({name: then}, {name: now}) == wanted


def test_at_boot_only_what_the_files_would_not_do_is_asked_for() -> None:
    before = {"a.service": RUNS, "b.service": STANDS, "c.service": Unit(file="enabled"), "gone.service": STANDS}
    now = {"b.service": STANDS, "c.service": Unit("loaded", file="enabled"), "gone.service": Unit()}
    wanted = [["--no-block", "start", "a.service"], ["--no-block", "stop", "b.service"]]
    assert unit_calls_at_boot(before, now) == wanted
    assert units_left(before, now) == ["a.service does not run"]
    assert units_left({"b.service": STANDS}, {"b.service": RUNS}) == ["b.service still runs"]


def test_reads_what_systemd_shows() -> None:
    text = "Id=a.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nType=notify\nCanReload=yes\n\nId=b\n"
    assert parse_units(text, ["a.service", "b"]) == {"a.service": RUNS, "b": Unit()}


def test_what_ran_survives_its_record() -> None:
    link = Link(
        True, 1500, "veth", "b", (("192.0.2.1/24", "scope", "global"),), (("-4", "default", "dev", "a"),), ("192.0.2.7/24",)
    )
    before = Running("table", {"x": "1"}, {"a": link}, {"s.service": RUNS})
    assert Running.from_json(json.loads(json.dumps(before.to_json()))) == before
    other = Running("", {"x": "2"}, {"v": Link(True, 1500, "vlan")}, {})
    assert differences(before, before) == []
    assert differences(before, other) == ["the ruleset", "setting x", "interface a", "interface v", "unit s.service"]


ADDRESSES: list[dict[str, Any]] = [
    {},
    {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "mtu": 65536},
    {
        "ifname": "a",
        "flags": ["UP"],
        "mtu": 1400,
        "linkinfo": {"info_kind": "vlan"},
        "link": "b",
        "addr_info": [
            {"family": "inet", "local": "192.0.2.1", "prefixlen": 24, "broadcast": "192.0.2.255", "scope": "global"},
            {"family": "inet", "local": "198.51.100.1", "address": "198.51.100.2", "prefixlen": 32, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
            {"family": "inet6", "local": "2001:db8::9", "prefixlen": 64, "scope": "global", "dynamic": True},
        ],
    },
]
ROUTES: dict[str, list[dict[str, Any]]] = {
    "-4": [
        {
            "dst": "default",
            "gateway": "192.0.2.254",
            "dev": "a",
            "protocol": "static",
            "metric": 7,
            "metrics": [{"mtu": 1300}],
            "flags": ["onlink"],
        },
        {"dst": "203.0.113.0/24", "via": {"family": "inet6", "host": "fe80::9"}, "dev": "a", "flags": []},
        {"dst": "192.0.2.0/24", "dev": "a", "protocol": "kernel"},
        {"type": "local", "dst": "192.0.2.1", "dev": "a", "protocol": "boot"},
    ],
    "-6": [{"dst": "2001:db8:5::/48", "nexthops": [{"gateway": "fe80::1", "dev": "a", "weight": 1}, {"dev": "b"}]}],
}


def test_reads_interfaces() -> None:
    found = links.parse(ADDRESSES, ROUTES)
    assert set(found) == {"a"}
    assert links.parse(ADDRESSES, ROUTES, ["c"]) == {}
    assert found["a"].addresses == (
        ("192.0.2.1/24", "broadcast", "192.0.2.255", "scope", "global"),
        ("198.51.100.1", "peer", "198.51.100.2/32", "scope", "global"),
    )
    assert found["a"].leased == ("2001:db8::9/64",)
    assert [" ".join(route) for route in found["a"].routes] == [
        "-4 203.0.113.0/24 via inet6 fe80::9 dev a",
        "-4 default via 192.0.2.254 dev a onlink proto static metric 7 mtu 1300",
        "-6 2001:db8:5::/48 nexthop via fe80::1 dev a weight 1 nexthop dev b",
    ]
    assert links.strangers({}, found) == ["a"]
    assert links.differing(found, {}) == ["a"]


@given(st.booleans(), st.integers(1280, 9000))
def test_an_interface_that_is_as_it_was_needs_only_its_routes(up: bool, mtu: int) -> None:
    link = Link(up, mtu, routes=(("-4", "default", "dev", "a"),))
    assert list(links.commands("a", link, link)) == [["ip", "-4", "route", "replace", "default", "dev", "a"]]


def test_a_lost_lease_is_left_to_networkd() -> None:
    before = {"a": Link(True, 1500, leased=("192.0.2.7/24",))}
    now = {"a": Link(True, 1500)}
    assert links.differing(before, now) == ["a"]
    assert links.left(before, now) == []


def test_programs_that_are_missing_fail_or_hang_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["no-such-program"]).status == 127
    assert run(["sh", "-c", "echo one >&2; echo two >&2; exit 3"]) == Done(3, "", "one; two")
    monkeypatch.setattr(host_module, "TIMEOUT", 0.01)
    assert run(["sleep", "5"]).words == "no end after 0 s"


def test_a_host_without_nft_has_no_ruleset_and_an_error_is_told() -> None:
    assert Host(lambda _argv, _text: Done(127)).ruleset() is None
    with pytest.raises(HostError, match="no permission"):
        Host(lambda _argv, _text: Done(1, words="no permission")).ruleset()
    with pytest.raises(HostError, match="it ended with status 5"):
        Host(lambda _argv, _text: Done(5)).systemctl(["x"])
    assert Host(lambda _argv, _text: Done(5)).units([]) == {}


class Networkd:
    """Answers like a host whose interface gets right only when ``cure`` is called."""

    def __init__(self, cure: str) -> None:
        self.cure = cure
        self.right = False
        self.calls: list[str] = []

    def __call__(self, argv: Sequence[str], _text: str | None) -> Done:
        call = " ".join(argv)
        self.calls.append(call)
        self.right = self.right or call.startswith(self.cure)
        if "address show" in call:
            return Done(0, json.dumps([{"ifname": "a", "flags": ["UP"], "mtu": 1500 if self.right else 9000}]))
        return Done(0, "[]" if "-json" in argv else "")


def test_networkd_is_asked_first() -> None:
    before = {"a": Link(True, 1500)}
    networkd = Networkd("networkctl reconfigure")
    assert Host(networkd, patience=0.0).reconfigure(before, ["a"]) == ["had networkd configure a again"]
    assert not [c for c in networkd.calls if c.startswith("ip link")]
    assert Host(networkd, patience=0.0).reconfigure(before, []) == []
    by_hand = Networkd("ip link set dev a mtu 1500")
    assert len(Host(by_hand, patience=0.3).reconfigure(before, ["a"])) == 2
    with pytest.raises(HostError, match="interfaces are not as they were: a"):
        Host(Networkd("never"), patience=0.0).reconfigure(before, ["a"])


REAL = """\
import json, subprocess
from module_utils.changes.host import Host

def sh(text):
    subprocess.run(["sh", "-ec", text], check=True)

host = Host(patience=0.0)
sh('''ip link add name va type veth peer name vb; ip link set va mtu 1400 up; ip link set vb up
ip address add 192.0.2.1/24 dev va; ip address add 192.0.2.2/24 dev va; ip address add 2001:db8::1/64 dev va nodad
ip route add 198.51.100.0/24 via 192.0.2.9 metric 7 mtu 1300; ip route add default via 192.0.2.254
ip -6 route add 2001:db8:9::/48 via 2001:db8::9; ip route add 203.0.113.0/24 dev va table 77
nft add table inet kakehashi; nft 'add chain inet kakehashi input { type filter hook input priority 0; policy drop; }'
nft add rule inet kakehashi input ip saddr 192.0.2.0/24 counter accept
nft 'add set inet kakehashi hosts { type ipv4_addr; elements = { 192.0.2.7, 192.0.2.8 }; }' ''')
before = host.read([], [])
host.check_ruleset(before.ruleset)
assert host.reconfigure(before.links, []) == []
sh('''ip address flush dev va; ip address add 198.51.100.9/24 dev va; ip link set va mtu 1500 down
nft flush ruleset; nft add table ip other''')
host.load_ruleset("flush ruleset\\n" + before.ruleset)
print(host.reconfigure(before.links, []))
after = host.read([], [])
assert after.ruleset == before.ruleset
assert after.links == before.links, (before.links, after.links)
try:
    host.check_ruleset("table inet broken {")
except RuntimeError as error:
    print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nft")
def test_the_real_kernel_takes_back_its_ruleset_addresses_and_routes() -> None:
    argv = ["unshare", "-n", "env", "PYTHONPATH=.", shutil.which("python3") or "python3", "-c", REAL]
    result = subprocess.run(argv, cwd=Path(__file__).resolve().parents[3], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "addresses, routes, MTU and state of va back" in result.stdout
    assert "refused" in result.stdout


def test_what_packets_put_into_sets_is_left_out() -> None:
    kept = "table inet k {\n\tset fixed {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1 }\n\t}\n\n"
    head = "\tset came {\n\t\ttype ipv4_addr . inet_service\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 10m\n"
    put = "\t\telements = { 192.0.2.1 . 22 limit rate over 60/minute,\n\t\t\t     192.0.2.2 . 22 limit rate over 60/minute }\n"
    assert without_traffic(f"{kept}{head}{put}\t}}\n}}\n") == f"{kept}{head}\t}}\n}}\n"
