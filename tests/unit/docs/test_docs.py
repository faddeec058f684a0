"""What the documentation names exists: links, make targets, playbooks, roles' variables; and its edits make valid inventories."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from module_utils.fabric.access import Persona, accounts_on, declared_logins, sources
from module_utils.fabric.model import Fabric
from plugin_utils.inventory import load_fabric
from plugin_utils.show import diagram
from twin.errors import TwinError
from twin.plan import plan_twin

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/decisions").glob("*.md")}
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`|^ {4}(\S.*)$", re.MULTILINE)
EXAMPLES = ("add-node", "add-platform")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code(page: Path) -> list[str]:
    """Every piece of code of a page: in backquotes and in indented blocks."""
    return [one or other for one, other in CODE.findall(text(page))]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", text(ROOT / "Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(text(page)) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_exists(page: Path) -> None:
    commands = [piece for piece in code(page) if piece.startswith("make ")]
    named = {word for command in commands for word in command.split("#")[0].split()[1:] if "=" not in word}
    assert {name for name in named if re.fullmatch(r"[a-z][a-z-]*", name)} - targets() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_playbook_exists(page: Path) -> None:
    named = set(re.findall(r"playbooks/[\w/-]+\.yml", text(page)))
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tutorial_shows_the_example_as_it_is(name: str) -> None:
    shown = re.search(rf"<!-- docs/examples/{name}\.diff -->\n```diff\n(.*?)```", text(ROOT / "docs/tutorial.md"), re.DOTALL)
    assert shown is not None
    assert shown[1] == text(ROOT / f"docs/examples/{name}.diff")


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fabric]:
    """The fabric after each of the tutorial's edits, made in order on a copy of inventories/twin."""
    place = tmp_path_factory.mktemp("tutorial")
    shutil.copytree(ROOT / "inventories/twin", place / "inventories/mine")
    found = {}
    for name in EXAMPLES:
        command = ["git", "apply", "--unidiff-zero", "--whitespace=nowarn", str(ROOT / f"docs/examples/{name}.diff")]
        done = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        found[name] = load_fabric(place / "inventories/mine")
    return found


def test_the_node_of_the_tutorial_follows_its_group(edited: dict[str, Fabric]) -> None:
    fabric = edited["add-node"]
    mdx3 = fabric.hosts["mdx3"]
    assert {account.name for account in accounts_on(fabric, mdx3)} == {"sato", "suzuki"}
    allowed = sources(declared_logins(fabric, Persona("account", "sato"), mdx3))
    assert {str(address) for address in allowed} == {"192.0.2.70", "2001:db8:0:2102::10"}


def test_the_platform_of_the_tutorial_is_for_suzuki_from_the_login_server_only(edited: dict[str, Fabric]) -> None:
    fabric = edited["add-platform"]
    for name in ("kyoto1", "kyoto2"):
        host = fabric.hosts[name]
        assert [account.name for account in accounts_on(fabric, host)] == ["suzuki"]
        origins = {path.origin for path in declared_logins(fabric, Persona("account", "suzuki"), host)}
        assert origins == {"login1"}


@pytest.mark.parametrize("name", ["twin", "jhpcn"])
def test_observing_can_be_declared_for_all_at_once(name: str, tmp_path: Path) -> None:
    """As docs/adoption.md says: a file beside hosts.yml, and one host taken out of it."""
    shutil.copytree(ROOT / f"inventories/{name}", tmp_path / "mine")
    shutil.copy(ROOT / "docs/examples/observe.yml", tmp_path / "mine")
    hosts = tmp_path / "mine/hosts.yml"
    hosts.write_text(text(hosts).replace("            mdx1:\n", "            mdx1:\n              fabric_enforce: true\n", 1))
    fabric = load_fabric(tmp_path / "mine")
    assert {host.name for host in fabric.managed_hosts if host.enforce} == {"mdx1"}


def test_a_production_inventory_is_rehearsed_with_the_overlay(tmp_path: Path) -> None:
    """As docs/adoption.md says: a twin can be built of it, whatever its switches are."""
    shutil.copytree(ROOT / "inventories/jhpcn", tmp_path / "production")
    hosts = tmp_path / "production/hosts.yml"
    hosts.write_text(text(hosts).replace("fabric_dialect: ovs_linux", "fabric_dialect: cisco_ios"))
    with pytest.raises(TwinError, match="fabric_dialect cisco_ios can't be built"):
        plan_twin(load_fabric(tmp_path / "production"))
    plan = plan_twin(load_fabric(tmp_path / "production", ROOT / "docs/examples/rehearsal"))
    assert {"sw-nii", "mdx1"} <= {node.name for node in plan.nodes}


def test_the_picture_shows_the_twins_inventory() -> None:
    """After a change of inventories/twin: run playbooks/show.yml and copy build/show/twin/fabric.svg to docs/images/."""
    assert text(ROOT / "docs/images/fabric.svg").rstrip("\n") == diagram([str(ROOT / "inventories/twin")]).rstrip("\n")
