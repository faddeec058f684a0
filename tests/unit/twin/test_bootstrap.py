from __future__ import annotations

from module_utils.fabric.model import Fabric
from twin.bootstrap import (
    Access,
    bootstrap_attachments,
    merged,
    network_tree,
    package_source_tree,
    routes_of,
    ssh_activation_tree,
    system_tree,
    users_of,
)

ACCESS = Access(
    {"aoki": "ssh-ed25519 A\n", "ueda": "ssh-ed25519 U\n", "breakglass": "ssh-ed25519 B\n"},
    {"hpc-user": "L\n"},
    {"mdxuser": "M\n"},
    {"mdxuser": "$6$x"},
)


def segments(fabric: Fabric, host: str) -> list[str]:
    return [at.segment for at in bootstrap_attachments(fabric, fabric.hosts[host])]


def test_managed_hosts_begin_with_their_ways_in_only(fabric: Fabric) -> None:
    assert segments(fabric, "login1") == ["operations", "institutions", "hpc", "management"]
    assert segments(fabric, "data1") == ["hpc"]
    assert segments(fabric, "storage1") == ["management"]
    assert segments(fabric, "intake1") == ["intake", "management"]  # a hop to the society's host
    assert segments(fabric, "flow-gw1") == ["hpc"]


def test_hosts_of_others_and_the_package_server_begin_with_all(fabric: Fabric) -> None:
    assert segments(fabric, "flow-n1") == ["flow-gateway", "flow-internal"]
    assert segments(fabric, "infra1") == ["hpc", "management"]


def test_hosts_behind_a_gateway_know_the_way_through_it(fabric: Fabric) -> None:
    routes = routes_of(fabric, fabric.hosts["flow-n1"])
    assert ("192.0.2.64/26", "198.51.100.140") in routes["flow-gateway"]
    assert ("2001:db8:0:2102::/64", "2001:db8:0:2107::30") in routes["flow-gateway"]
    assert routes_of(fabric, fabric.hosts["flow-n3"]) == {}


def test_network_files_hold_mtu_addresses_and_routes(fabric: Fabric) -> None:
    files = network_tree(fabric, fabric.hosts["flow-n1"]).files
    text = files["/etc/systemd/network/50-bootstrap-fgw0.network"]
    assert "Name=fgw0\n" in text
    assert "MTUBytes=9000\n" in text
    assert "Address=198.51.100.141/26\n" in text
    assert "[Route]\nDestination=192.0.2.64/26\nGateway=198.51.100.140\n" in text
    assert "IPv6AcceptRA=no\n" in text


def test_managed_hosts_begin_without_routes_through_gateways(fabric: Fabric) -> None:
    assert "[Route]" not in "".join(network_tree(fabric, fabric.hosts["login1"]).files.values())


def test_a_machine_has_its_name_and_its_own_host_key(fabric: Fabric) -> None:
    tree = system_tree("one", fabric, fabric.hosts["data1"], ("private", "public"))
    assert tree.files["/etc/hostname"] == "data1\n"
    assert "192.0.2.75 packages.twin.example\n" in tree.files["/etc/hosts"]
    assert tree.private == {"/etc/ssh/ssh_host_ed25519_key"}
    other = system_tree("two", fabric, fabric.hosts["data1"], ("private", "public"))
    assert tree.files["/etc/machine-id"] != other.files["/etc/machine-id"]


def test_socket_activated_ssh_takes_the_service_away(fabric: Fabric) -> None:
    assert ssh_activation_tree(fabric.hosts["mdx1"]).links == {}
    tree = ssh_activation_tree(fabric.hosts["mdx2"])
    assert "/etc/systemd/system/sockets.target.wants/ssh.socket" in tree.links
    assert "/etc/systemd/system/multi-user.target.wants/ssh.service" in tree.removed


def test_packages_come_from_the_twins_own_server(fabric: Fabric) -> None:
    source = package_source_tree(fabric, fabric.hosts["data2"]).files["/etc/apt/sources.list.d/kakehashi.sources"]
    assert "URIs: http://packages.twin.example/debian13\n" in source
    assert "Signed-By: " in source
    assert set(package_source_tree(fabric, fabric.hosts["society1"]).files) == {"/etc/apt/sources.list"}


def test_each_machine_has_the_users_declared_for_it(fabric: Fabric) -> None:
    on_mdx = {user.name: user for user in users_of(fabric, fabric.hosts["mdx1"], ACCESS)}
    assert set(on_mdx) == {"aoki", "ueda", "breakglass", "mdxuser"}
    assert on_mdx["mdxuser"].administrator
    assert on_mdx["mdxuser"].password == ACCESS.initial_passwords["mdxuser"]
    on_flow = {user.name: user for user in users_of(fabric, fabric.hosts["flow-n1"], ACCESS)}
    assert set(on_flow) == {"aoki", "ueda", "breakglass", "hpc-user"}
    assert not on_flow["hpc-user"].administrator
    assert {user.name for user in users_of(fabric, fabric.switches["sw-nii"], ACCESS)} == {"aoki", "ueda", "breakglass"}


def test_trees_merge_and_the_later_file_wins(fabric: Fabric) -> None:
    tree = package_source_tree(fabric, fabric.hosts["data2"])
    assert merged(tree, ssh_activation_tree(fabric.hosts["mdx2"])).files == tree.files
