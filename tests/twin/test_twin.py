"""A real small twin: reached, cut, stopped, saved, changed. The tests of one module share it and leave it whole."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.twin.machine import INVENTORY, Twin, wait_until
from twin.cgroups import Groups
from twin.nodes import FORMER

pytestmark = pytest.mark.twin
TRIES = 3  # of what is measured: another test may take the machine for a while
CAPTURE = (Path(__file__).parent / "capture.py").read_text()


@pytest.mark.parametrize("node", ["login1", "data1", "sw-east", "sw-west"])
def test_operators_reach_each_machine_through_the_hops(twin: Twin, node: str) -> None:
    assert twin.ok("ssh", node, "hostname; sudo id -u") == f"{node}\n0\n"


def test_hosts_talk_over_ipv6_too(twin: Twin) -> None:
    twin.ok("ssh", "login1", "exec 3<>/dev/tcp/2001:db8:0:2102::12/22; head -c 4 <&3")


def test_frames_between_switches_carry_the_tags_of_their_segments(twin: Twin) -> None:
    capture = twin.command("exec", "sw-west", "--", "python3", "-c", CAPTURE, "wan", "12")
    with subprocess.Popen(capture, stdout=subprocess.PIPE, text=True, cwd=INVENTORY.parents[2]) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        twin.fresh_ssh("data1", "true")
        twin.fresh_ssh("sw-west", "true")
        seen = set(reader.communicate(timeout=120)[0].split())
    assert "untagged" not in seen
    assert seen <= {"2102", "2104"}
    assert "2102" in seen


def test_nothing_but_the_twin_is_reached_from_the_operators_host(twin: Twin) -> None:
    for address in ("192.0.2.1", "198.51.100.1", "2001:db8:ffff::1"):
        script = f"import socket; socket.create_connection(('{address}', 80), 3)"
        refused = twin("run", "--", "python3", "-c", script)
        assert "No route to host" in refused.stderr


def test_a_host_key_that_is_not_the_recorded_one_is_refused(twin: Twin, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    lines = (twin.state / "ssh/known_hosts").read_text().splitlines()
    keys = [line.split() for line in lines]
    other.write_text(
        "".join(f"{names[0]} {kind} {key}\n" for names, (_, kind, key) in zip(keys, keys[1:] + keys[:1], strict=True))
    )
    config = str(twin.state / "ssh/config-fresh")
    refused = twin("run", "--", "ssh", "-F", config, "-o", f"UserKnownHostsFile={other}", "login1", "true")
    assert "Host key verification failed" in refused.stderr


def test_managed_hosts_have_the_addresses_of_the_way_in_and_no_forwarding(twin: Twin) -> None:
    addresses = json.loads(twin.ok("ssh", "data1", "ip -json address show dev hpc0"))
    shown = {entry["local"] for entry in addresses[0]["addr_info"]}
    assert {"192.0.2.72", "2001:db8:0:2102::12"} <= shown
    assert addresses[0]["mtu"] == 9000
    assert twin.ok("ssh", "login1", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding") == "0\n0\n"


def test_largest_frames_pass_the_trunk(twin: Twin) -> None:
    script = "import socket; s = socket.create_connection(('192.0.2.72', 22)); print(s.getsockopt(6, 2))"
    segment_size = int(twin.ok("ssh", "login1", f'python3 -c "{script}"'))
    assert segment_size > 8900
    done = twin("run", "--", "sh", "-c", f"head -c 8000000 /dev/zero | ssh -F {twin.state}/ssh/config-fresh data1 'wc -c'")
    assert done.stdout.strip() == "8000000"


def test_a_cut_stops_a_link_without_taking_its_carrier_and_heals(twin: Twin) -> None:
    for link in ("data1/hpc", "trunk/wide"):
        twin.ok("cut", link)
        assert len(twin.status()["cut"]) == 2
        assert twin.fresh_ssh("data1", "true", seconds=2).returncode != 0
        assert "LOWER_UP" in twin.ok("exec", "data1", "--", "ip", "link", "show", "hpc0")
        twin.ok("heal", link)
        wait_until(lambda: twin.fresh_ssh("data1", "true", seconds=10).returncode == 0)
    assert twin.status()["cut"] == []


def test_one_direction_is_cut_alone(twin: Twin) -> None:
    twin.ok("cut", "data1/hpc", "--direction", "to-switch")
    assert twin.status()["cut"] == ["data1 hpc0"]
    assert twin.fresh_ssh("data1", "true", seconds=2).returncode != 0
    twin.ok("heal")
    wait_until(lambda: twin.fresh_ssh("data1", "true", seconds=10).returncode == 0)


@pytest.mark.parametrize("how", [(), ("--power-cut",)])
def test_a_node_comes_back_with_what_it_held(twin: Twin, how: tuple[str, ...]) -> None:
    twin.ok("ssh", "data1", f"echo kept{len(how)} >kept; sync")
    twin.ok("stop", "data1", *how)
    assert twin.state_of("data1") == "off"
    twin.ok("start")
    assert twin.state_of("data1") == "running"
    assert twin.ok("ssh", "data1", "cat kept") == f"kept{len(how)}\n"


def test_a_switch_keeps_its_ports_over_a_power_cut(twin: Twin) -> None:
    twin.ok("ssh", "sw-west", "sudo ovs-vsctl set port p1 external_ids:note=kept")
    twin.ok("stop", "sw-west", "--power-cut")
    assert twin.fresh_ssh("data1", "true", seconds=2).returncode != 0
    twin.ok("start", "sw-west")
    wait_until(lambda: twin.fresh_ssh("data1", "true", seconds=10).returncode == 0)
    assert "kept" in twin.ok("ssh", "sw-west", "sudo ovs-vsctl get port p1 external_ids tag")


def timed(twin: Twin, *words: str) -> float:
    """Return the seconds that a command took."""
    began = time.monotonic()
    twin.ok(*words)
    return time.monotonic() - began


def test_one_node_is_saved_and_restored_within_ten_seconds(twin: Twin) -> None:
    took: list[float] = []
    while not took or (min(took) >= 20 and len(took) < TRIES):
        twin.ok("ssh", "data1", "echo before >state; sync")
        saving = timed(twin, "save", "good", "data1")
        twin.ok("ssh", "data1", "echo after >state; sudo rm /etc/hostname; sync")
        took.append(saving + timed(twin, "restore", "good", "data1"))
        assert twin.ok("ssh", "data1", "cat state /etc/hostname") == "before\ndata1\n"
    assert min(took) < 20, took


def test_the_whole_is_saved_and_restored(twin: Twin) -> None:
    twin.ok("ssh", "login1", "echo before >state; sync")
    twin.ok("save", "all")
    twin.ok("ssh", "login1", "echo after >state; sync")
    twin.ok("restore", "all")
    assert twin.fresh_ssh("login1", "cat state").stdout == "before\n"
    assert twin.fresh_ssh("data1", "hostname").stdout == "data1\n"


def test_nodes_that_a_save_cut_short_left_held_go_on(twin: Twin) -> None:
    for group in Groups(twin.name).of("data1"):
        if (group / "cgroup.freeze").exists():
            (group / "cgroup.freeze").write_text("1")
    assert twin.fresh_ssh("data1", "true", seconds=2).returncode != 0
    twin.up()
    assert twin.fresh_ssh("data1", "hostname").stdout == "data1\n"


def test_a_restore_cut_short_leaves_what_was_there_before(twin: Twin) -> None:
    twin.ok("ssh", "data1", "echo before >state; sync")
    twin.ok("stop", "data1")
    home = twin.state / "nodes/data1"
    (home / "upper").rename(home / FORMER)
    (home / "upper.new/etc").mkdir(parents=True)
    twin.ok("start")
    assert twin.fresh_ssh("data1", "cat state").stdout == "before\n"
    twin.ok("save", "later", "data1")
    twin.ok("restore", "later", "data1")
    assert not (home / "upper.new").exists()


def test_restoring_what_was_never_saved_is_refused_and_harms_nothing(twin: Twin) -> None:
    refused = twin("restore", "never", "data1")
    assert refused.returncode == 1
    assert "data1 has no saved state 'never'" in refused.stderr
    assert twin.state_of("data1") == "running"


def test_a_file_is_copied_both_ways(twin: Twin, tmp_path: Path) -> None:
    odd = "a.b,c&d[1]*"
    (tmp_path / odd).write_text("carried\n")
    twin.ok("copy", str(tmp_path / odd), f"data1:/root/{odd}.taken")
    twin.ok("copy", f"data1:/root/{odd}.taken", str(tmp_path / f"back{odd}"))
    assert (tmp_path / f"back{odd}").read_text() == "carried\n"


def test_up_again_changes_nothing(twin: Twin) -> None:
    started = twin.ok("exec", "data1", "--", "stat", "-c", "%Y", "/run")
    twin.up()
    assert twin.ok("exec", "data1", "--", "stat", "-c", "%Y", "/run") == started


def test_a_host_added_to_the_inventory_is_added_alone(twin: Twin, tmp_path: Path) -> None:
    data = yaml.safe_load((INVENTORY / "hosts.yml").read_text())
    servers = data["all"]["children"]["data_servers"]["hosts"]
    attachment = {"segment": "hpc", "interface": "hpc0", "ipv4": "192.0.2.73", "ipv6": "2001:db8:0:2102::13"}
    servers["data2"] = {"fabric_site": "west", "fabric_attachments": [{**attachment, "switch": "sw-west", "port": "p2"}]}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(data))
    twin.ok("ssh", "sw-west", "sudo ovs-vsctl set port p1 external_ids:note=untouched")
    started = twin.ok("exec", "login1", "--", "cat", "/proc/1/stat")
    twin.up(tmp_path)
    assert twin.ok("ssh", "data2", "hostname") == "data2\n"
    assert twin.ok("exec", "login1", "--", "cat", "/proc/1/stat").split()[21] == started.split()[21]
    assert "untouched" in twin.ok("ssh", "sw-west", "sudo ovs-vsctl get port p1 external_ids")
    twin.up()
    assert twin("exec", "data2", "--", "true").returncode == 1


def test_an_unknown_node_or_link_is_named_with_those_there_are(twin: Twin) -> None:
    said = twin("exec", "nobody").stderr
    assert said.startswith("node 'nobody' is not in this twin; it has: ")
    assert all(name in said for name in ("operator", "login1", "data1", "sw-east", "sw-west"))
    assert "data1/hpc" in twin("cut", "nowhere/hpc").stderr
