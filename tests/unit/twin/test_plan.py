from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils.fabric.model import Fabric
from twin.errors import TwinError
from twin.faults import cut_links, ends_for, find_link
from twin.plan import End, Port, plan_twin
from twin.ports import management_script, port_script


def test_each_machine_is_a_node_of_its_kind_and_image(fabric: Fabric) -> None:
    nodes = {node.name: node for node in plan_twin(fabric).nodes}
    assert set(nodes) == set(fabric.hosts) | set(fabric.switches)
    assert (nodes["operator"].kind, nodes["operator"].image) == ("operator", "")
    assert (nodes["sw-nii"].kind, nodes["sw-nii"].image) == ("switch", "debian12+switch")
    assert nodes["compute1"].image == "debian13"
    assert nodes["inst-a1"].image == "debian12+foreign"
    assert nodes["infra1"].image == "debian13+packages"


def test_each_attachment_and_trunk_is_a_link_with_the_segments_mtu(fabric: Fabric) -> None:
    links = {link.name: link for link in plan_twin(fabric).links}
    assert len(links) == sum(len(host.attachments) for host in fabric.hosts.values()) + len(fabric.trunks)
    assert links["login1/hpc"].ends == (End("login1", "hpc0", 9000), End("sw-nii", "p4", 9000))
    assert {end.mtu for end in links["trunk/nii"].ends} == {9216}


def test_no_interface_is_planned_twice(fabric: Fabric) -> None:
    ends = [(end.node, end.interface) for link in plan_twin(fabric).links for end in link.ends]
    assert len(ends) == len(set(ends))


def test_addresses_of_interfaces_are_local_unicast_and_unlike(fabric: Fabric) -> None:
    macs = [end.mac for link in plan_twin(fabric).links for end in link.ends]
    assert len(macs) == len(set(macs))
    assert all(int(mac[:2], 16) & 0b11 == 0b10 for mac in macs)


def test_ports_carry_the_vlans_of_their_segments(fabric: Fabric) -> None:
    ports = {(port.switch, port.name): port for port in plan_twin(fabric).ports}
    assert ports["sw-nii", "p4"].tag == 2102
    assert ports["sw-nii", "up"].trunks == (2101, 2102, 2104, 2105)
    assert ports["sw-nii", "mgmt"] == Port("sw-nii", "mgmt", tag=2104, internal=True)


def test_a_dialect_that_cannot_be_built_is_refused(small: Fabric) -> None:
    switches = {name: replace(switch, dialect="cisco_ios") for name, switch in small.switches.items()}
    with pytest.raises(TwinError, match=r"^switch sw-east: fabric_dialect cisco_ios can't be built in a twin yet"):
        plan_twin(replace(small, switches=switches))


def test_a_tagged_attachment_is_refused(small: Fabric) -> None:
    login = small.hosts["login1"]
    tagged = replace(login, attachments=tuple(replace(at, mode="tagged") for at in login.attachments))
    with pytest.raises(TwinError, match="host login1: attachment on operations has mode tagged"):
        plan_twin(replace(small, hosts={**small.hosts, "login1": tagged}))


def test_a_name_longer_than_linux_allows_is_refused(small: Fabric) -> None:
    login = small.hosts["login1"]
    long = replace(login, attachments=(replace(login.attachments[0], interface="x" * 16), *login.attachments[1:]))
    with pytest.raises(TwinError, match="login1: interface or port name 'xxxxxxxxxxxxxxxx' is too long"):
        plan_twin(replace(small, hosts={**small.hosts, "login1": long}))


def test_ports_are_made_in_one_transaction() -> None:
    script = port_script([Port("s", "p1", tag=5), Port("s", "up", trunks=(5, 7)), Port("s", "mgmt", tag=9, internal=True)])
    assert script.count("ovs-vsctl") == 1
    assert "--if-exists del-port br0 p9 " in port_script([Port("s", "p1", tag=5)], ["p9"])
    assert "-- set port p1 vlan_mode=access tag=5" in script
    assert "-- set port up vlan_mode=trunk 'tag=[]' trunks=5,7" in script
    assert "-- set interface mgmt type=internal" in script


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.integers(2, 4094), unique=True))
def test_a_trunk_never_carries_every_vlan(vlans: list[int]) -> None:
    port = Port("s", "up", trunks=tuple(vlans))
    if not vlans:
        with pytest.raises(TwinError, match="switch s: port up would carry no VLAN"):
            port_script([port])
    else:
        assert f"trunks={','.join(map(str, vlans))}" in port_script([port])


def test_a_switch_gets_its_management_addresses(small: Fabric) -> None:
    script = management_script(small, small.switches["sw-east"])
    assert "192.0.2.220/26 dev mgmt" in script
    assert "2001:db8:0:2104::50/64 dev mgmt" in script


def test_links_are_found_by_name_and_cut_by_direction(small: Fabric) -> None:
    plan = plan_twin(small)
    trunk = find_link(plan, "wide")
    assert trunk == find_link(plan, "trunk/wide")
    host, switch = find_link(plan, "data1/hpc").ends
    assert ends_for(find_link(plan, "data1/hpc"), "both") == (host, switch)
    assert ends_for(find_link(plan, "data1/hpc"), "to-switch") == (host,)
    assert ends_for(find_link(plan, "data1/hpc"), "from-switch") == (switch,)
    with pytest.raises(TwinError, match="link 'data1/nowhere' is not in this twin; it has: operator/operations"):
        find_link(plan, "data1/nowhere")


def test_cut_links_are_told_by_name_and_direction(fabric: Fabric) -> None:
    plan = plan_twin(fabric)
    wanted = [("login1/hpc", "to-switch"), ("data1/hpc", "from-switch"), ("trunk/nii", "both")]
    ends = {end for name, direction in wanted for end in ends_for(find_link(plan, name), direction)}
    assert sorted(cut_links(plan, ends)) == sorted(wanted)
    assert cut_links(plan, ()) == []
