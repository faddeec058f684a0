from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from module_utils.fabric.views import host_views
from module_utils.netfilter import kernel
from module_utils.netfilter.guard import accepts
from plugin_utils.inventory import load_fabric

ROLE = "roles/packet_filter"
VIEWS = {name: view for name, view in host_views(load_fabric("inventories/twin")).items() if view["managed"]}


def rendered(arguments: dict[str, Any]) -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(f"{ROLE}/templates"), trim_blocks=True)  # noqa: S701 - no HTML
    variables = yaml.safe_load(Path(f"{ROLE}/defaults/main.yml").read_text(encoding="utf-8"))
    variables |= {f"packet_filter_{key}": value for key, value in arguments.items()}
    return environment.get_template("nftables.conf.j2").render(variables, ansible_managed="a test")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nft")
@pytest.mark.parametrize("enforce", [True, False])
@pytest.mark.parametrize("host", sorted(VIEWS))
def test_nft_takes_every_hosts_ruleset(host: str, enforce: bool) -> None:
    listed = kernel.canonical(rendered({**VIEWS[host]["packet_filter"], "enforce": enforce, "enforce_forward": enforce}))
    assert listed.count("policy drop;") == 3
    assert listed.count("counter drop" if enforce else "counter accept") == 4


def test_a_gateway_that_observes_is_no_open_router() -> None:
    fabric = load_fabric("inventories/twin")
    hosts = {name: replace(host, enforce=False) for name, host in fabric.hosts.items()}
    views = host_views(replace(fabric, hosts=hosts))
    assert {name for name, view in views.items() if view["managed"] and view["packet_filter"]["enforce_forward"]} == {"flow-gw1"}
    begun, forward = rendered(views["flow-gw1"]["packet_filter"]).split("chain forward {")
    assert begun.count("        counter accept\n") == 3
    assert "policy drop;" in forward
    assert "counter accept" not in forward
    assert "        counter drop\n" in forward
    assert "@would_drop_forward_v6" in forward
    assert "counter accept" in rendered(views["mdx1"]["packet_filter"]).split("chain forward {")[1]


@pytest.mark.parametrize("host", sorted(VIEWS))
def test_exactly_the_declared_peers_are_accepted(host: str) -> None:
    rules = VIEWS[host]["packet_filter"]["input"]
    text = rendered(VIEWS[host]["packet_filter"])
    peers = {address for view in VIEWS.values() for rule in view["packet_filter"]["input"] for address in rule["addresses"]}
    interfaces = {interface["name"] for interface in VIEWS[host]["segment_interface"]["interfaces"]}
    for interface in interfaces:
        for peer in peers:
            declared = any(r["interface"] == interface and peer in r["addresses"] and r["port"] == 22 for r in rules)
            assert accepts(text, interface, peer, 22) is declared


def test_a_rule_without_peers_accepts_nobody() -> None:
    rule = {"interface": "hpc0", "addresses": [], "service": "ssh", "protocol": "tcp", "port": 22}
    way = {"in": "a", "out": "b", "from": [], "to": ["192.0.2.1"], "service": "ssh", "protocol": "tcp", "port": 22}
    text = rendered({"input": [rule], "output": [rule], "forward": [way]})
    assert "dport" not in text


def test_confined_users_are_known_by_number_and_before_loopback_and_icmp() -> None:
    text = rendered(VIEWS["login1"]["packet_filter"])
    output = text.split("chain output {")[1]
    jump = output.index("meta skuid { 3001, 3002, 3003, 3004 } jump confined")
    assert output.index("ct state established,related accept") < jump < output.index('oifname "lo" accept') < output.index("icmp")
    assert '"lo"' not in text.split("chain confined {")[1].split("}\n")[0]
    assert 'oifname "lo" tcp dport 1024-65535 accept' in rendered(VIEWS["mdx1"]["packet_filter"])
    assert "skuid" not in rendered({})
