from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from module_utils.adoption import network
from module_utils.adoption.switch_ports import PortVlans, declared_ports, ovs_ports, port_findings
from module_utils.fabric.model import Fabric

View = Callable[[str], dict[str, Any]]
LISTENERS = """tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))
tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=1,fd=4))
tcp LISTEN 0 5 *:8888 *:* users:(("jupyter-lab",pid=9,fd=3))
udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=2,fd=12))
udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*
u_str LISTEN 0 1 /run/x 1 * 0
"""


def texts(found: Any) -> list[str]:
    return [f"{f.subject}: {f.effect}" for f in found]


def test_listeners_are_read_in_every_form() -> None:
    found = [(s.protocol, s.address, s.port, s.program) for s in network.sockets(LISTENERS)]
    assert found == [
        ("tcp", "0.0.0.0", 22, "sshd"),  # noqa: S104 - read, not bound
        ("tcp", "::", 22, "sshd"),
        ("tcp", "*", 8888, "jupyter-lab"),
        ("udp", "127.0.0.53", 53, "systemd-resolve"),
        ("udp", "fe80::1", 546, ""),
    ]


def test_listeners_to_which_no_flow_leads_are_found_once(view: View) -> None:
    assert texts(network.listener_findings(network.sockets(LISTENERS), view("mdx1"))) == [
        "tcp port 8888 (jupyter-lab): would be closed: no flow leads to it",
        "udp port 546 (program unknown): would be closed: no flow leads to it",
    ]


def test_connections_are_judged_by_their_direction(view: View) -> None:
    text = """tcp 0 0 192.0.2.101:22 192.0.2.70:50000 users:(("sshd",pid=1,fd=3))
tcp 0 0 192.0.2.101:22 192.0.2.21:50001
tcp 0 0 [::ffff:192.0.2.101]:22 [::ffff:192.0.2.21]:50002
tcp 0 0 192.0.2.101:40000 192.0.2.72:2022
tcp 0 0 192.0.2.101:40001 198.51.100.9:443 users:(("curl",pid=1,fd=3))
tcp 0 0 127.0.0.1:8888 127.0.0.1:40002
tcp 0 0 192.0.2.101:8888 192.0.2.101:40002
"""
    found = texts(network.connection_findings(network.sockets(text), network.sockets(LISTENERS), view("mdx1")))
    assert [line.split(" (")[0] for line in found] == ["tcp from 192.0.2.21, port 22", "tcp to 198.51.100.9, port 443"]


def address(local: str, prefix: int, **more: Any) -> dict[str, Any]:
    return {"family": "inet6" if ":" in local else "inet", "local": local, "prefixlen": prefix, "scope": "global", **more}


def test_addresses_that_differ_are_found(view: View) -> None:
    links = [
        {"ifname": "lo", "mtu": 65536, "addr_info": [address("10.9.9.9", 32)]},
        {
            "ifname": "hpc0",
            "mtu": 1500,
            "addr_info": [
                address("192.0.2.101", 26),
                address("2001:db8:0:2102::99", 64, dynamic=True),
                {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
            ],
        },
        {"ifname": "eth9", "mtu": 1500, "addr_info": [address("10.0.0.5", 24)]},
    ]
    assert texts(network.address_findings(json.dumps(links), view("mdx1"))) == [
        "hpc0 2001:db8:0:2102::99/64 (learnt by itself): is not declared: would be taken away",
        "hpc0 lacks 2001:db8:0:2102::41/64: is declared: would be added",
        "hpc0 mtu 1500: would become 9000",
        "eth9 10.0.0.5/24: is on an interface that is not declared: would carry no traffic",
    ]


def test_a_declared_interface_that_is_not_there_is_found(view: View) -> None:
    (line,) = texts(network.address_findings("[]", view("mdx1")))
    assert line.startswith("interface hpc0 (192.0.2.101/26")


@pytest.mark.parametrize("text", ["", "no json", "[{}]"])
def test_no_list_of_routes_is_no_route(view: View, text: str) -> None:
    assert list(network.route_findings(text, view("mdx1"), "ipv4")) == []


def test_routes_that_differ_are_found(view: View) -> None:
    routes = [
        {"dst": "default", "gateway": "192.0.2.126", "dev": "hpc0"},
        {"dst": "10.0.0.0/8", "gateway": "10.0.0.1", "dev": "eth9"},
        {"dst": "192.0.2.64/26", "dev": "hpc0"},
    ]
    assert texts(network.route_findings(json.dumps(routes), view("data1"), "ipv4")) == [
        "0.0.0.0/0 via 192.0.2.126 on hpc0: is not declared: would be taken away",
        "10.0.0.0/8 via 10.0.0.1 on eth9: is on an undeclared interface: stays",
        "198.51.100.128/26 via 192.0.2.90 is missing: is declared: would be added",
    ]
    assert "2001:db8:0:2107::/64" in texts(network.route_findings("[]", view("data1"), "ipv6"))[0]


def test_other_packet_filters_are_found() -> None:
    ruleset = {
        "nftables": [
            {"metainfo": {}},
            {"table": {"family": "inet", "name": "kakehashi"}},
            {"table": {"family": "ip", "name": "filter"}},
            {"rule": {"family": "ip", "table": "filter"}},
        ]
    }
    assert texts(network.ruleset_findings(json.dumps(ruleset), {"ip nat": "*nat\n-A X\n-A Y\n"})) == [
        "nftables table ip filter, 1 rule: stays beside ours, what it drops stays dropped: packet_filter_exclusive removes it",
        "iptables-legacy table ip nat, 2 rules: stays beside ours and may refuse more: clear it by hand",
    ]
    assert list(network.ruleset_findings("broken", {})) == []


def test_other_network_managers_are_found() -> None:
    assert "take declared interfaces out" in texts(network.manager_findings(["/etc/netplan/x.yaml"]))[0]


def ovs(*rows: list[Any]) -> str:
    return json.dumps({"headings": ["name", "tag", "trunks"], "data": list(rows)})


EMPTY = ["set", []]


def test_ovs_answers_are_read() -> None:
    text = ovs(["p1", 2102, EMPTY], ["up", EMPTY, ["set", [2103, 2102]]], ["one", EMPTY, 7], ["br0", EMPTY, EMPTY])
    assert ovs_ports(text) == {
        "p1": PortVlans(2102, ()),
        "up": PortVlans(None, (2102, 2103)),
        "one": PortVlans(None, (7,)),
        "br0": PortVlans(None, None),
    }


def test_a_fabric_compared_with_itself_has_no_findings(fabric: Fabric) -> None:
    for switch in fabric.switches:
        assert list(port_findings(fabric, switch, declared_ports(fabric, switch))) == []


def test_ports_that_differ_are_found(fabric: Fabric) -> None:
    ports = declared_ports(fabric, "sw-mdx")
    ports |= {
        "p1": PortVlans(2101, ()),
        "up": PortVlans(None, None),
        "p9": PortVlans(None, (2102, 2103)),
        "br0": PortVlans(None, None),
    }
    del ports["p2"]
    assert texts(port_findings(fabric, "sw-mdx", ports)) == [
        "p1 has access VLAN 2101: is declared with access VLAN 2102",
        "p2 is missing: is declared with access VLAN 2102",
        "up has every VLAN, tagged: is declared with VLANs 2102, 2104, tagged",
        "p9 has VLANs 2102, 2103, tagged: is not declared: nothing may hang on it",
    ]
