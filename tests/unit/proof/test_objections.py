from __future__ import annotations

import shutil
from pathlib import Path

from plugin_utils.proof_run import objections, prove_inventory

ROOT = Path(__file__).resolve().parents[3]
WIDE = """
packet_filter_input:
  - {service: ssh, interface: hpc0, addresses: ["192.0.2.64/26"], protocol: tcp, port: 22}
"""


def inventory(place: Path, name: str, variables: str) -> Path:
    shutil.copytree(ROOT / "inventories/twin", place / name)
    (place / name / "host_vars").mkdir()
    (place / name / "host_vars/mdx1.yml").write_text(variables)
    return place / name


def test_what_would_let_in_more_than_is_declared_is_named_with_its_line(tmp_path: Path) -> None:
    told = objections([inventory(tmp_path, "wide", WIDE)])
    found = [line for line in told if line.startswith("mdx1: a port is open to more than is declared")]
    assert found
    assert all(line.startswith("mdx1: a declared login is refused") for line in told if line not in found), "IPv6 is closed"
    assert 'ip saddr { 192.0.2.64/26 } tcp dport 22 accept comment "ssh"' in found[0]
    assert "host_vars/mdx1.yml:2)" in found[0], "where it is to be taken out"
    assert "packet_filter_input (" in found[0]
    assert sum("packet_filter_input (" in line for line in found) == 1, "told once"


def test_a_host_that_observes_lets_in_more_on_purpose(tmp_path: Path) -> None:
    assert objections([inventory(tmp_path, "observing", "fabric_enforce: false\n" + WIDE)]) == []


def test_what_shuts_a_declared_login_out_is_told(tmp_path: Path) -> None:
    found = objections([inventory(tmp_path, "closed", "packet_filter_input: []\n")])
    assert found
    assert all(line.startswith("mdx1: a declared login is refused") for line in found), found


def test_a_data_service_that_moves_away_is_told(tmp_path: Path) -> None:
    place = inventory(tmp_path, "moved", "{}\n")
    (place / "host_vars/mdx1.yml").unlink()
    (place / "host_vars/data2.yml").write_text("data_server_port: 2023\n")
    assert any("data2" in line and "2022" in line for line in objections([place]))


def test_while_a_host_observes_what_is_closed_is_closed_on_purpose(tmp_path: Path) -> None:
    place = inventory(tmp_path, "adopting", "{}\n")
    (place / "host_vars/data1.yml").write_text("login_restriction_max_sessions: 3\n")
    (place / "host_vars/flow-gw1.yml").write_text("fabric_enforce: false\n")
    proof = prove_inventory([place])
    assert any(f.kind == "missing_login" and f.host == "data1" for f in proof.findings), "the gateway forwards nothing yet"
    assert objections([place]) == []


def test_to_the_twins_inventory_there_is_none() -> None:
    assert objections([ROOT / "inventories/twin"]) == []


def test_what_cannot_be_judged_is_refused_with_its_line(tmp_path: Path) -> None:
    found = objections([inventory(tmp_path, "odd", 'packet_filter_log_rate: "100/second accept #"\n')])
    assert any(line.startswith("mdx1: an artefact can't be judged: /etc/nftables.conf:") for line in found), found


def test_a_value_that_only_a_run_knows_is_refused(tmp_path: Path) -> None:
    found = objections([inventory(tmp_path, "template", 'packet_filter_log_rate: "{{ rate }}"\n')])
    assert [line for line in found if "packet_filter_log_rate" in line and "mdx1.yml:1" in line], found


def test_an_administrator_who_is_no_operator_is_named(tmp_path: Path) -> None:
    person = "{name: mallory, uid: 3999, admin: true}"
    found = objections([inventory(tmp_path, "admin", f"base_users: [{person}]\n")])
    assert any(
        line.startswith("mdx1: somebody who is no operator may become root, as mallory: base_users (") and "mdx1.yml:1" in line
        for line in found
    ), found
