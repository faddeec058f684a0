from __future__ import annotations

import shutil
from pathlib import Path

from plugin_utils.proof_run import too_open

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
    found = too_open([inventory(tmp_path, "wide", WIDE)])
    assert found
    assert all(line.startswith("mdx1: a port is open to more than is declared") for line in found)
    assert 'ip saddr { 192.0.2.64/26 } tcp dport 22 accept comment "ssh"' in found[0]


def test_a_host_that_observes_lets_in_more_on_purpose(tmp_path: Path) -> None:
    assert too_open([inventory(tmp_path, "observing", "fabric_enforce: false\n" + WIDE)]) == []


def test_what_refuses_more_than_declared_is_not_too_open(tmp_path: Path) -> None:
    assert too_open([inventory(tmp_path, "closed", "packet_filter_input: []\n")]) == []


def test_the_twins_inventory_is_not_too_open() -> None:
    assert too_open([ROOT / "inventories/twin"]) == []
