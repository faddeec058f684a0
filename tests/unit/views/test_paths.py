"""What the two ends of a flow see of each other, and how operators get in."""

from __future__ import annotations

from dataclasses import replace

from module_utils.fabric.model import Fabric
from module_utils.fabric.paths import all_paths, paths, ways_in


def test_on_a_shared_segment_both_ends_use_their_addresses_on_it(fabric: Fabric) -> None:
    flow = next(f for f in fabric.flows if f.destination == "mdx_nodes")
    found = {(p.target, str(p.source), str(p.destination)) for p in paths(fabric, flow)}
    assert found == {
        ("mdx1", "192.0.2.70", "192.0.2.101"),
        ("mdx1", "2001:db8:0:2102::10", "2001:db8:0:2102::41"),
        ("mdx2", "192.0.2.70", "192.0.2.102"),
        ("mdx2", "2001:db8:0:2102::10", "2001:db8:0:2102::42"),
    }


def test_through_a_gateway_the_target_sees_the_node_and_not_the_gateway(fabric: Fabric) -> None:
    flow = next(f for f in fabric.flows if f.service == "data" and f.through)
    path = next(p for p in paths(fabric, flow) if p.target == "data1" and p.family == "ipv4")
    assert (path.origin, path.gateway) == ("flow-n1", "flow-gw1")
    assert (str(path.source), str(path.destination)) == ("198.51.100.141", "192.0.2.72")
    assert path.gateway_in is not None
    assert path.gateway_out is not None
    assert (path.gateway_in.interface, path.gateway_out.interface) == ("fgw0", "hpc0")


def test_every_path_exists_in_both_families(fabric: Fabric) -> None:
    found = [(p.origin, p.target, p.flow, p.leaves_by.segment, p.family) for p in all_paths(fabric)]
    for origin, target, flow, segment, family in found:
        other = "ipv6" if family == "ipv4" else "ipv4"
        assert (origin, target, flow, segment, other) in found


def test_no_path_leads_from_the_node_without_gateway_to_data(fabric: Fabric) -> None:
    assert not [p for p in all_paths(fabric) if p.origin == "flow-n3" and p.flow.service == "data"]


def test_operators_reach_every_machine_and_begin_at_the_login_server(fabric: Fabric) -> None:
    ways = ways_in(fabric)
    assert set(ways) == {*fabric.hosts, *fabric.switches} - {"operator"}
    assert ways["login1"].hops == ()
    assert all(way.hops[0] == "login1" for name, way in ways.items() if name != "login1")
    assert ways["society1"].hops == ("login1", "intake1")
    assert str(ways["storage1"].address) == "192.0.2.203"


def test_without_operators_flows_nobody_is_reached(fabric: Fabric) -> None:
    accounts_only = tuple(replace(f, users=("accounts",)) for f in fabric.flows)
    assert ways_in(replace(fabric, flows=accounts_only)) == {}


def test_a_flow_between_unknown_groups_has_no_path(fabric: Fabric) -> None:
    flow = replace(fabric.flows[0], origin="nobody")
    assert list(paths(fabric, flow)) == []
