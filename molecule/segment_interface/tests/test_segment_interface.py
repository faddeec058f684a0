from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host


def addresses(host: Host, interface: str) -> dict[str, Any]:
    (found,) = json.loads(host.check_output("ip -json address show dev %s", interface))
    return dict(found)


@pytest.mark.parametrize(
    ("interface", "declared"),
    [
        ("hpc0", {"192.0.2.72/26", "2001:db8:0:2102::12/64"}),
        ("plat0", {"192.0.2.132/26", "2001:db8:0:2103::12/64"}),
    ],
)
def test_each_interface_has_the_declared_addresses_and_mtu(host: Host, interface: str, declared: set[str]) -> None:
    found = addresses(host, interface)
    assert found["mtu"] == 9000
    assert {f"{a['local']}/{a['prefixlen']}" for a in found["addr_info"] if a["scope"] == "global"} == declared


def test_job_nodes_behind_the_gateway_are_reached_through_it(host: Host) -> None:
    assert json.loads(host.check_output("ip -json route get 198.51.100.141"))[0]["gateway"] == "192.0.2.90"
    assert json.loads(host.check_output("ip -json route get 2001:db8:0:2107::31"))[0]["gateway"] == "2001:db8:0:2102::30"


def test_nothing_comes_by_advertisement(host: Host) -> None:
    routes = host.check_output("ip route show default") + host.check_output("ip -6 route show default")
    assert routes == ""
    for interface in ("hpc0", "plat0"):
        assert host.sysctl(f"net.ipv6.conf.{interface}.accept_ra") == 0


def test_only_our_files_are_there_and_networkd_runs_now_and_at_boot(host: Host) -> None:
    assert host.file("/etc/systemd/network").listdir() == ["20-kakehashi-hpc0.network", "20-kakehashi-plat0.network"]
    assert host.service("systemd-networkd").is_enabled
    assert host.service("systemd-networkd").is_running
    assert "IPv6AcceptRA=no" in host.file("/etc/systemd/network/20-kakehashi-hpc0.network").content_string
