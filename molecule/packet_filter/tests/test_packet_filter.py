from __future__ import annotations

import re

import pytest
from testinfra.host import Host

PATIENCE = 60  # seconds for what has to be reached, on a busy machine


@pytest.fixture
def ruleset(host: Host) -> str:
    return str(host.check_output("nft -s list table inet kakehashi"))


def test_every_chain_drops_by_default(ruleset: str) -> None:
    assert re.findall(r"hook (\w+) priority filter; policy (\w+);", ruleset) == [
        ("input", "drop"),
        ("output", "drop"),
        ("forward", "drop"),
    ]
    assert len(re.findall(r"^\t\tcounter drop$", ruleset, re.MULTILINE)) == 4


def test_ssh_comes_only_from_the_login_server_over_ipv4_and_ipv6(ruleset: str) -> None:
    accepted = [line.strip() for line in ruleset.splitlines() if "iifname" in line and "dport" in line]
    assert accepted == [
        'iifname "hpc0" ip saddr 192.0.2.70 tcp dport 22 accept comment "ssh"',
        'iifname "hpc0" ip6 saddr 2001:db8:0:2102::10 tcp dport 22 accept comment "ssh"',
    ]
    assert not re.search(r"^\t\ttcp dport 22 accept", ruleset, re.MULTILINE)


def test_advertisements_and_redirects_are_dropped_before_anything_is_accepted(ruleset: str) -> None:
    chain = ruleset.partition("chain input {")[2]
    assert chain.index("nd-router-advert, nd-redirect } drop") < chain.index("ct state established")
    assert chain.index("icmp type redirect drop") < chain.index("ct state established")


def test_it_is_loaded_before_the_network_at_boot(host: Host) -> None:
    assert host.service("nftables").is_enabled
    shown = host.check_output("systemctl show nftables.service --property=Before,WantedBy,ExecStop")
    assert "network-pre.target" in shown
    assert "sysinit.target" in shown
    assert "flush" not in shown


def test_the_service_can_be_stopped_without_opening_the_host(host: Host) -> None:
    host.check_output("systemctl stop nftables.service")
    try:
        assert "policy drop" in host.check_output("nft list chain inet kakehashi input")
    finally:
        host.check_output("systemctl start nftables.service")


def dropped(host: Host, chain: str) -> int:
    """Packets that the last rule of a chain dropped: the neighbour, who has a filter too, doesn't count them."""
    listed = host.check_output("nft list chain inet kakehashi %s", chain)
    return int(re.findall(r"counter packets (\d+) bytes \d+ drop$", listed, re.MULTILINE)[-1])


def test_what_is_not_declared_does_not_leave(host: Host) -> None:
    before = dropped(host, "output")
    assert host.run("timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.72/22'").rc != 0
    assert dropped(host, "output") > before


def test_packages_can_be_fetched(host: Host) -> None:
    assert host.run(f"timeout {PATIENCE} bash -c 'exec 3<>/dev/tcp/192.0.2.75/80'").rc == 0


@pytest.mark.parametrize(("port", "reached"), [(8888, True), (22, False)])
def test_a_confined_user_reaches_its_own_ports_only(host: Host, port: int, reached: bool) -> None:
    user = "setpriv --reuid=3001 --regid=3001 --clear-groups"
    # Nobody listens at 8888: a refusal at once means that the packet arrived.
    seconds = PATIENCE if reached else 3
    ended = host.run(f"{user} timeout {seconds} bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'").rc
    assert (ended != 124) is reached
    assert host.run(f"timeout {PATIENCE} bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'").rc != 124


def test_a_confined_user_fetches_no_packages(host: Host) -> None:
    user = "setpriv --reuid=3001 --regid=3001 --clear-groups"
    assert host.run(f"{user} timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.75/80'").rc == 124
