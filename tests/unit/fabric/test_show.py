"""Tables, notes and the picture."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from module_utils.fabric import diagram, tables, words
from module_utils.fabric.model import Fabric
from module_utils.fabric.notes import notes
from module_utils.fabric.validate import checked_fabric as checked
from plugin_utils import show
from plugin_utils.inventory import load_fabric
from tests.support import overlays
from tests.support.fabrics import Shape, generated_fabric, raw_fabric

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", name="base")
def _base() -> Fabric:
    return load_fabric(HERE / "base")


def test_tables_fit_a_terminal(base: Fabric) -> None:
    for fabric in (base, load_fabric(ROOT / "inventories" / "twin")):
        assert max(len(line) for line in tables.text(fabric).splitlines()) <= 92


def test_every_address_is_in_the_tables(base: Fabric) -> None:
    table = tables.hosts_table(base)
    for host in base.hosts.values():
        assert all(str(a.ipv4) in table and str(a.ipv6) in table for a in host.attachments)
    assert "(a1)" in table
    assert "  gw1" in table


def test_who_may_log_in(base: Fabric) -> None:
    rows = [line.split("  ") for line in tables.logins_table(base).splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["login1", "sato, kato", "a1, b1"] in cells
    assert ["data1, storage1, gw1, ca1", "aoki", "login1"] in cells
    assert ["c1, c2", "sato", "login1"] in cells


def test_nobody_is_said_in_words() -> None:
    raw = raw_fabric(Shape(institutions=0, accounts=0))
    fabric = checked(raw, str)
    operators = {name: o for name, o in fabric.operators.items() if name == "nobody"}
    alone = Fabric(**{f: getattr(fabric, f) for f in Fabric.__dataclass_fields__} | {"operators": operators})
    assert "nobody" in tables.logins_table(alone)


def test_accounts_against_platforms(base: Fabric) -> None:
    lines = tables.accounts_table(base).splitlines()
    assert lines[0].split() == ["account", "images", "centre", "cloud"]
    assert lines[-1].split() == ["kato", "yes", "yes", "-"]


def test_flows_name_ports(base: Fabric) -> None:
    assert "data 2022" in tables.flows_table(base)


def test_udp_is_said() -> None:
    raw = raw_fabric(Shape())
    raw.variables["fabric_services"][2]["protocol"] = "udp"
    assert "nfs 2049/udp" in tables.flows_table(checked(raw, str))


def test_notes_on_what_nothing_uses(base: Fabric, tmp_path: Path) -> None:
    assert list(notes(base)) == []
    overlay = tmp_path / "overlay.yml"
    overlay.write_text(
        '- {replace: "segments: [institutions, inside]}\\n  - {name: b", '
        'with: "segments: [institutions, inside, hpc]}\\n  - {name: b"}\n'
        '- {replace: "  - {name: nfs,", with: "  - {name: dns, protocol: udp, port: 53}\\n  - {name: nfs,"}\n'
    )
    overlays.apply(HERE / "base", overlay, tmp_path / "inventory")
    assert list(notes(load_fabric(tmp_path / "inventory"))) == [
        "Trunk a carries hpc, but no host beyond sw-a is on it.",
        "No flow uses the service dns.",
    ]
    assert "have no key" in tables.text(generated_fabric(50))


def test_roles_in_words(base: Fabric) -> None:
    assert {host.name: words.role(base, host) for host in base.hosts.values()} == {
        "operator": "operators' own host",
        "login1": "login server",
        "ca1": "signer",
        "data1": "data server of images",
        "compute1": "compute server of images",
        "storage1": "storage server of images",
        "gw1": "gateway of centre",
        "n1": "job node of centre",
        "n2": "other node of centre",
        "c1": "node of cloud",
        "c2": "node of cloud",
        "a1": "institution host",
        "b1": "institution host",
    }


def test_a_host_of_no_flow_is_a_host(base: Fabric) -> None:
    lone = {f: getattr(base, f) for f in Fabric.__dataclass_fields__} | {"flows": ()}
    assert words.role(Fabric(**lone), base.hosts["a1"]) == "host"


def test_a_compute_platforms_own_login_server(base: Fabric) -> None:
    lone = {f: getattr(base, f) for f in Fabric.__dataclass_fields__} | {"data_platforms": {}}
    assert words.role(Fabric(**lone), base.hosts["login1"]) == "login server"


def test_the_picture_shows_every_host_and_attachment(base: Fabric) -> None:
    root = ElementTree.fromstring(diagram.svg(base))  # noqa: S314 - our own text
    shown = {text.text for text in root.iter(f"{SVG}text")}
    assert set(base.hosts) <= shown
    assert set(base.segments) <= shown
    dots = [c for c in root.iter(f"{SVG}circle") if c.find(f"{SVG}title") is not None]
    assert len(dots) == sum(len(h.attachments) for h in base.hosts.values())


def test_the_picture_speaks_to_screen_readers(base: Fabric) -> None:
    root = ElementTree.fromstring(diagram.svg(base))  # noqa: S314 - our own text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    desc = root.find(f"{SVG}desc")
    assert desc is not None
    assert "Segment jobs (VLAN 2104) joins gw1, n1." in str(desc.text)


def test_the_picture_stands_alone_and_is_always_the_same(base: Fabric) -> None:
    text = diagram.svg(base)
    assert text == diagram.svg(load_fabric(HERE / "base"))
    assert "prefers-color-scheme: dark" in text
    assert not any(word in text for word in ("href", "url(", "<script", "@import"))


def test_names_are_escaped() -> None:
    raw = raw_fabric(Shape())
    raw.variables["fabric_sites"][0]["description"] = "<b> & co"
    assert "&lt;b&gt; &amp; co" in diagram.svg(checked(raw, str))


def test_many_like_hosts_share_a_row() -> None:
    picture = diagram.svg(generated_fabric(1000))
    assert "direct0-n0 … direct0-n" in picture
    assert len(picture) < 100_000
    assert "and 469 more" in picture or " more." in picture


def test_a_segment_without_hosts_is_drawn() -> None:
    raw = raw_fabric(Shape(institutions=0))
    raw.variables["fabric_segments"].append(
        {"name": "empty", "kind": "vlan", "vlan": 4000, "ipv4": "198.19.255.0/24", "ipv6": "2001:db8:ffff::/64", "mtu": 1500}
    )
    assert "joins no host yet" in diagram.svg(checked(raw, str))


def test_filters() -> None:
    source = [str(HERE / "base")]
    assert show.faults(source) == ""
    assert "there is no such inventory" in show.faults(["nowhere"])
    assert set(show.views(source)) == set(load_fabric(HERE / "base").hosts)
    assert show.tables(source).startswith("Hosts")
    assert show.diagram(source).startswith("<svg")


def _show(inventory: Path, *more: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-i", str(inventory), "playbooks/show.yml", "--check", *more]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    )


def test_the_playbook_runs_with_limit_and_check() -> None:
    done = _show(HERE / "base", "--limit", "c1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Who may log in where" in done.stdout


def test_a_wrong_inventory_ends_the_playbook_in_clear_lines(tmp_path: Path) -> None:
    overlays.apply(HERE / "base", HERE / "broken" / "two-faults-at-once.yml", tmp_path / "inventory")
    done = _show(tmp_path / "inventory", "--limit", "c1")
    assert done.returncode == 2
    assert "fabric_segments[3].vlan = 2102: is the VLAN of segment hpc too" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "Show the tables" not in done.stdout
