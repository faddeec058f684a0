"""inventories/jhpcn is the topology that inventories/twin rehearses, and asks for no password."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from module_utils.fabric.model import Fabric
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", name="twin")
def _twin() -> Fabric:
    return load_fabric(ROOT / "inventories" / "twin")


@pytest.fixture(scope="module", name="jhpcn")
def _jhpcn() -> Fabric:
    return load_fabric(ROOT / "inventories" / "jhpcn")


def test_same_groups(twin: Fabric, jhpcn: Fabric) -> None:
    assert jhpcn.groups == twin.groups


def test_same_network(twin: Fabric, jhpcn: Fabric) -> None:
    assert jhpcn.sites == twin.sites
    assert jhpcn.segments == twin.segments
    assert jhpcn.trunks == twin.trunks
    assert jhpcn.hosts == twin.hosts
    assert {n: replace(s, dialect="") for n, s in jhpcn.switches.items()} == {
        n: replace(s, dialect="") for n, s in twin.switches.items()
    }


def test_same_access(twin: Fabric, jhpcn: Fabric) -> None:
    assert jhpcn.services == twin.services
    assert jhpcn.flows == twin.flows
    assert jhpcn.data_platforms == twin.data_platforms
    assert jhpcn.compute_platforms == twin.compute_platforms


def test_every_person_has_a_key(jhpcn: Fabric) -> None:
    assert all(account.keys for account in jhpcn.accounts.values())
    assert all(operator.keys for operator in jhpcn.operators.values())


def test_secrets_are_placeholders_in_the_vault(jhpcn: Fabric) -> None:
    assert jhpcn.name == "jhpcn"
    vault = ROOT / "inventories" / "jhpcn" / "group_vars" / "all" / "vault.yml"
    tree = yaml.compose(vault.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    assert isinstance(tree, yaml.MappingNode)
    assert all(value.tag == "!vault" and value.value.startswith("$ANSIBLE_VAULT;") for _, value in tree.value)


def test_ansible_reads_it_without_a_password() -> None:
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", "inventories/jhpcn", "--graph"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    assert "mdx_nodes" in done.stdout
