"""ssh itself reads the operators' configuration as it is meant."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

from module_utils.fabric.ssh_client import client_config, hosts_config
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).resolve().parents[3]
FABRIC = load_fabric(ROOT / "inventories/twin")


def asked(config: Path, name: str) -> dict[str, str]:
    said = subprocess.run(["ssh", "-G", "-F", str(config), name], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def test_every_machine_is_reached_through_the_login_server(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(client_config(FABRIC))
    direct, behind = asked(config, "login1"), asked(config, "mdx1")
    assert direct["hostname"] == "203.0.113.10"
    assert "proxyjump" not in direct
    assert (behind["hostname"], behind["proxyjump"], behind["hostkeyalias"]) == ("192.0.2.101", "login1", "mdx1")
    assert behind["stricthostkeychecking"] == "true"


def test_hops_alone_get_more_lines() -> None:
    lines = list(hosts_config(FABRIC, lambda hop: [f"    Tag {hop}"]))
    assert "    Tag login1" in lines
    assert "    Tag mdx1" not in lines


def test_the_first_login_server_that_takes_a_connection_leads_on(tmp_path: Path) -> None:
    two = client_config(load_fabric(ROOT / "inventories/twin", ROOT / "docs/examples/second-login-server.yml"))
    asks = set(re.findall(r"</dev/tcp/([^']+)'", two))
    assert asks == {"203.0.113.10/22"}, "the last one is not asked for"
    config = tmp_path / "ssh_config"
    with socket.create_server(("127.0.0.1", 0)) as server:
        config.write_text(two.replace("203.0.113.10/22", f"127.0.0.1/{server.getsockname()[1]}"))
        through_first = [asked(config, name) for name in ("mdx1", "sw-mdx")]
    through_second = [asked(config, name) for name in ("mdx1", "sw-mdx")]
    assert [found["proxyjump"] for found in (*through_first, *through_second)] == ["login1", "login1", "login2", "login2"]
    assert {found["hostname"] for found in (through_first[0], through_second[0])} == {"192.0.2.101"}
    assert through_second[0]["hostkeyalias"] == "mdx1"
    assert "proxyjump" not in asked(config, "login2")


def test_where_one_login_server_leads_on_nothing_is_asked() -> None:
    assert "Match" not in client_config(FABRIC)
