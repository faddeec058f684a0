"""Reading inventories as Ansible does: several sources, templates, secrets left closed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from module_utils.fabric.problems import FabricError, Problem, Unreadable, listed, shorten
from plugin_utils.inventory import load_fabric, load_raw
from plugin_utils.render import stand_in

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIImmCeF+5+W6AN0Wdg9+IStSwHRRIoYZijV3/K4JUR1t other@example.org"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HERE / "base", tmp_path / "inventory"))


def test_templates_are_resolved(base: Path) -> None:
    network = base / "group_vars" / "all" / "network.yml"
    text = network.read_text().replace("vlan: 2102", 'vlan: "{{ first_vlan + 2 }}"')
    network.write_text(text + "first_vlan: 2100\n")
    assert load_fabric(base).segments["hpc"].vlan == 2102


def test_secrets_stay_closed(base: Path) -> None:
    (base / "group_vars" / "all" / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n3331\n")
    (base / "group_vars" / "switches.yml").write_text("vault_x: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3331\n")
    assert load_fabric(base).name == "base"


def test_a_later_source_wins(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "group_vars").mkdir(parents=True)
    (other / "hosts.yml").write_text("all:\n  hosts:\n    c2:\n")
    (other / "group_vars" / "all.yml").write_text("fabric_name: rehearsal\n")
    assert load_fabric(base, other).name == "rehearsal"


def test_keys_of_a_rehearsal_stand_in(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "keys.yml"
    other.write_text(f'all:\n  vars:\n    fabric_key_overrides: [{{name: sato, keys: ["{KEY}"]}}, {{name: aoki, keys: []}}]\n')
    fabric = load_fabric(base, other)
    assert fabric.accounts["sato"].keys == (KEY,)
    assert fabric.operators["aoki"].keys == ()
    assert fabric.accounts["kato"].keys[0].endswith("kato@example.org")


def test_a_rehearsals_operators_come_by_its_keys_though_keys_are_given_up(base: Path, tmp_path: Path) -> None:
    people = base / "group_vars" / "all" / "people.yml"
    people.write_text(f'{people.read_text()}\nfabric_operator_authorities: ["{stand_in("ca")}"]\nfabric_operator_keys: false\n')
    assert load_fabric(base).operator_keys is False
    other = tmp_path / "keys.yml"
    other.write_text("all:\n  vars:\n    fabric_key_overrides: [{name: aoki, keys: []}]\n")
    rehearsed = load_fabric(base, other)
    assert (rehearsed.operator_keys, rehearsed.operator_authorities) == (True, (stand_in("ca"),))


def test_overrides_of_a_wrong_shape_are_left_alone(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "keys.yml"
    other.write_text("all:\n  vars:\n    fabric_key_overrides: [7, {name: sato}]\n")
    people = base / "group_vars" / "all" / "people.yml"
    people.write_text(people.read_text().replace("fabric_operators:\n", "fabric_operators: none\nspare:\n"))
    with pytest.raises(FabricError, match="fabric_operators = 'none': is not a list"):
        load_fabric(base, other)


def test_values_are_plain_python(base: Path) -> None:
    raw = load_raw([base])
    assert type(raw.variables["fabric_segments"][0]["vlan"]) is int
    assert type(raw.variables["fabric_name"]) is str
    assert type(raw.hosts["n1"].variables["fabric_managed"]) is bool


def test_other_kinds_of_values_come_through(base: Path) -> None:
    (base / "group_vars" / "all" / "zz.yml").write_text("fabric_name: 1.5\nfabric_trunks: ~\nfabric_flows: 2026-01-01\n")
    with pytest.raises(FabricError) as caught:
        load_fabric(base)
    assert "fabric_name = 1.5: is no name" in str(caught.value)
    assert "fabric_trunks: is not a list" in str(caught.value)
    assert "fabric_flows = 2026-01-01: is not a list" in str(caught.value)


def test_a_private_key_is_never_shown_wherever_it_stands() -> None:
    assert "b3Bl" not in shorten({"description": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"})


def test_names_in_messages() -> None:
    assert listed(["a", "b", "a"]) == "a, b"
    assert listed("abcdefg") == "a, b, c, d and 3 more"
    assert (
        Problem(("host", "h", "x", 2), Unreadable("w", "w"), "m", "w").text("f:1", more=1).startswith("f:1: h (and 1 more): x[2]")
    )


def test_the_error_counts_faults() -> None:
    assert str(FabricError(["a"])).startswith("1 fault in")
    assert str(FabricError(["a", "b"])).startswith("2 faults in")


@pytest.mark.parametrize("name", ["twin", "jhpcn"])
def test_our_own_inventories_are_valid(name: str) -> None:
    assert load_fabric(ROOT / "inventories" / name).name == name
