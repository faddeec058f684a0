from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.mark.parametrize("interface", ["hpc0", "fgw0"])
def test_the_gateways_interfaces_forward_and_believe_nobody(host: Host, interface: str) -> None:
    assert host.sysctl(f"net.ipv4.conf.{interface}.forwarding") == 1
    assert host.sysctl(f"net.ipv4.conf.{interface}.rp_filter") == 1
    assert host.sysctl(f"net.ipv4.conf.{interface}.accept_redirects") == 0
    assert host.sysctl(f"net.ipv4.conf.{interface}.send_redirects") == 0
    assert host.sysctl(f"net.ipv6.conf.{interface}.accept_redirects") == 0


def test_ipv6_forwards_too(host: Host) -> None:
    assert host.sysctl("net.ipv6.conf.all.forwarding") == 1


def test_forwarding_begins_at_boot_only_behind_the_filter(host: Host) -> None:
    assert host.service("kakehashi-forwarding").is_enabled
    shown = host.check_output("systemctl show kakehashi-forwarding.service --property=Requires,After")
    assert shown.count("nftables.service") == 2


def test_without_a_closed_filter_it_refuses_to_forward(host: Host) -> None:
    script = "/usr/local/sbin/kakehashi-forwarding check"
    assert host.run(script).rc == 0
    # In a network namespace of its own no filter is loaded, or an open one.
    unfiltered = host.run(f"unshare --net {script}")
    assert unfiltered.rc == 1
    assert "No forward chain is loaded" in unfiltered.stderr
    opened = "nft add table inet kakehashi; nft add chain inet kakehashi forward '{ type filter hook forward priority 0; }'"
    assert "doesn't drop by default" in host.run(f'unshare --net sh -c "{opened}; {script}"').stderr


def test_only_declared_flows_pass(host: Host) -> None:
    chain = host.check_output("nft -s list chain inet kakehashi forward")
    assert "policy drop" in chain
    accepted = [line.split("accept")[0].split("saddr")[0].strip() for line in chain.splitlines() if "dport" in line]
    assert sorted(accepted) == [
        'iifname "fgw0" oifname "hpc0" ip',
        'iifname "fgw0" oifname "hpc0" ip6',
        'iifname "hpc0" oifname "fgw0" ip',
        'iifname "hpc0" oifname "fgw0" ip6',
    ]


def test_nobody_but_operators_has_a_shell(host: Host) -> None:
    shells = host.check_output("awk -F: '$7 !~ /(nologin|false|sync)$/ {print $1}' /etc/passwd")
    assert sorted(shells.split()) == ["aoki", "breakglass", "root", "ueda"]
