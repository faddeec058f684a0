from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from module_utils.proof.intervals import block
from module_utils.proof.layer2 import Cable, Plug, Port, broadcast_domains, read_ovs_ports
from module_utils.proof.networkd import parse_network
from module_utils.proof.problem import CannotProve

FILE = """# ours
[Match]
Name=hpc0

[Network]
Address=
Address=192.0.2.70/26
IPv4Forwarding={forwards}

[Address]
Address=2001:db8::10/64

[Route]
Destination=198.51.100.0/24
Gateway=192.0.2.90

[Route]
Gateway=2001:db8::1

[Route]
Destination=203.0.113.0/24
"""


def test_addresses_and_routes() -> None:
    files = {
        "/etc/systemd/network/20-a.network": FILE.format(forwards="no"),
        "/etc/systemd/network/20-b.network": "[Match]\nType=ether\n[Network]\nAddress=10.0.0.1/8\n",
        "/etc/kakehashi/forwarding.conf": "net/ipv4/conf/hpc0/forwarding = 1\nnet/ipv6/conf/all/forwarding = 1\n# x\nx = 0\n",
    }
    network = parse_network(files)
    assert list(network.interfaces) == ["hpc0"]
    assert network.interfaces["hpc0"].addresses == [
        ("ipv4", int(ip_address("192.0.2.70"))),
        ("ipv6", int(ip_address("2001:db8::10"))),
    ]
    direct = network.way("ipv4", int(ip_address("192.0.2.99")))
    assert direct is not None
    assert direct[1].via is None
    routed = network.way("ipv4", int(ip_address("198.51.100.9")))
    assert routed is not None
    assert routed[1].via == block("192.0.2.90")[1][0]
    assert network.way("ipv6", int(ip_address("2001:db9::1"))) is not None
    assert network.way("ipv4", 1) is None
    assert network.forwards("ipv4", "hpc0")
    assert network.forwards("ipv6", "hpc0")
    assert not network.forwards("ipv4", "other")


@pytest.mark.parametrize("word", ["yes", "ipv4"])
def test_forwarding_by_networkd_and_sysctl(word: str) -> None:
    found = parse_network({"a.network": FILE.format(forwards=word)})
    assert found.forwards("ipv4", "hpc0")
    assert not found.forwards("ipv6", "hpc0")
    assert parse_network({"/etc/sysctl.d/1.conf": "net.ipv4.ip_forward=1\n"}).forwards("ipv4", "any")
    assert parse_network({"a.network": "[Match]\nName=a\n[Network]\nIPForward=yes\n"}).forwards("ipv6", "a")


def test_a_file_for_several_interfaces_is_refused() -> None:
    with pytest.raises(CannotProve):
        parse_network({"a.network": "[Match]\nName=eth*\n[Network]\nAddress=192.0.2.1/24\n"})


TRUNK = Port(None, frozenset({10, 20}))
SWITCHES = {
    "a": {"up": TRUNK, "p1": Port(10), "p2": Port(20), "p3": Port(None, frozenset({10}))},
    "b": {"up": TRUNK, "p1": Port(10), "p2": Port(20)},
}
CABLE = Cable("c", (("a", "up"), ("b", "up")))
PLUGS = [Plug("h1", "e", "a", "p1"), Plug("h2", "e", "b", "p1"), Plug("h3", "e", "b", "p2"), Plug("h4", "e", "a", "p3", 10)]


def test_domains() -> None:
    found = broadcast_domains(SWITCHES, [CABLE], PLUGS)
    assert found.of_plug["h1", "e"] == found.of_plug["h2", "e"] == found.of_plug["h4", "e"]
    assert found.of_plug["h1", "e"] != found.of_plug["h3", "e"]
    assert found.leaks == ()


@pytest.mark.parametrize(
    ("switch", "port", "value", "kind", "words"),
    [
        ("b", "up", Port(None, frozenset({10})), "one_end", "passes VLAN 20"),
        ("b", "up", Port(20, frozenset({10, 20})), "one_end", "untagged frames"),
        ("b", "p1", Port(10, frozenset({20})), "open_port", "VLAN 20"),
        ("a", "p3", Port(10), "dead_port", "tag 10"),
        ("a", "p1", Port(None, frozenset({10})), "dead_port", "untagged frames"),
        ("b", "p1", None, "no_port", "no port p1"),
        ("b", "up", None, "no_port", "for cable c"),
    ],
)
def test_leaks(switch: str, port: str, value: Port | None, kind: str, words: str) -> None:
    switches = {name: dict(ports) for name, ports in SWITCHES.items()}
    if value is None:
        del switches[switch][port]
    else:
        switches[switch][port] = value
    leaks = broadcast_domains(switches, [CABLE], PLUGS).leaks
    assert any(leak.kind == kind and words in leak.text for leak in leaks), leaks


def test_access_ports_joined_by_a_cable_join_vlans() -> None:
    switches = {"a": {"x": Port(10), "p": Port(10)}, "b": {"x": Port(20), "p": Port(20)}}
    plugs = [Plug("h1", "e", "a", "p"), Plug("h2", "e", "b", "p")]
    found = broadcast_domains(switches, [Cable("c", (("a", "x"), ("b", "x")))], plugs)
    assert found.of_plug["h1", "e"] == found.of_plug["h2", "e"]
    assert [leak.kind for leak in found.leaks] == ["joined"]


def test_open_vswitch_ports() -> None:
    none: list[object] = ["set", []]
    rows = [
        ["access", 10, none, none],
        ["trunk", none, ["set", [10, 20]], "trunk"],
        ["every", none, none, none],
        ["native", 10, ["set", [10, 20]], "native-untagged"],
        ["zero", none, ["set", [0, 7]], none],
        ["one", none, 5, none],
    ]
    text = json.dumps({"headings": ["name", "tag", "trunks", "vlan_mode"], "data": rows})
    ports = read_ovs_ports(text)
    assert ports["access"] == Port(10)
    assert ports["trunk"] == Port(None, frozenset({10, 20}))
    assert (ports["every"].untagged, len(ports["every"].tagged)) == (0, 4095)
    assert ports["native"] == Port(10, frozenset({10, 20}))
    assert ports["zero"] == Port(0, frozenset({7}))
    assert ports["one"] == Port(None, frozenset({5}))
    odd = json.dumps({"headings": ["name", "tag", "trunks", "vlan_mode"], "data": [["q", 1, none, "dot1q-tunnel"]]})
    with pytest.raises(CannotProve, match="dot1q"):
        read_ovs_ports(odd)
