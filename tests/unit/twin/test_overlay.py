from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from module_utils.fabric.model import Fabric
from plugin_utils.inventory import load_fabric
from twin.keys import KeyStore
from twin.overlay import Persona, SshFiles, inventory, known_hosts, ssh_config

FILES = SshFiles(Path("/state/ssh"), Path("/run/k/t/ssh"))
AOKI = Persona("aoki", "operator", "/keys/operator-aoki", "ssh-ed25519 AAAA aoki")
SATO = Persona("sato", "account", "/keys/account-sato", "ssh-ed25519 BBBB sato")
ROOT = Path(__file__).parents[3]


def block(text: str, host: str) -> list[str]:
    part = next(part for part in text.split("Host ") if part.startswith(f"{host}\n"))
    return [line.strip() for line in part.splitlines()[1:]]


def test_machines_are_reached_through_their_hops(fabric: Fabric) -> None:
    text = ssh_config(fabric, FILES, AOKI, shared=True)
    assert "HostName 203.0.113.10" in block(text, "login1")
    assert not any(line.startswith("ProxyJump") for line in block(text, "login1"))
    assert "ProxyJump login1" in block(text, "data1")
    assert "ProxyJump intake1" in block(text, "society1")
    assert "Host operator\n" not in text


def test_host_keys_are_checked_against_the_twins_own_list_only(fabric: Fabric) -> None:
    text = ssh_config(fabric, FILES, AOKI, shared=True)
    assert "StrictHostKeyChecking yes" in text
    assert "UserKnownHostsFile /state/ssh/known_hosts" in text
    assert "GlobalKnownHostsFile none" in text


def test_only_hops_share_connections_and_none_do_afresh(fabric: Fabric) -> None:
    shared = ssh_config(fabric, FILES, AOKI, shared=True)
    assert "ControlMaster auto" in block(shared, "login1")
    assert "ControlMaster auto" not in block(shared, "data1")
    assert "Control" not in ssh_config(fabric, FILES, AOKI, shared=False)


def test_a_machine_is_known_by_its_name_and_every_address(fabric: Fabric) -> None:
    text = known_hosts(fabric, {"data1": "ssh-ed25519 KEY host-data1\n"})
    assert text == "data1,192.0.2.72,2001:db8:0:2102::12,192.0.2.132,2001:db8:0:2103::12 ssh-ed25519 KEY\n"


def test_the_overlay_makes_an_inventory_its_twins(fabric: Fabric, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys")
    aoki, sato = (replace(person, public_key=keys.pair(person.name).public.strip()) for person in (AOKI, SATO))
    text = inventory("t", fabric, FILES, aoki, [aoki, sato])
    variables = yaml.safe_load(text)["all"]["vars"]
    assert variables["ansible_user"] == "aoki"
    assert variables["ansible_ssh_common_args"] == "-F /state/ssh/config"
    assert variables["twin_personas"][1]["kind"] == "account"
    (tmp_path / "hosts.yml").write_text(text)
    rehearsed = load_fabric(ROOT / "inventories/twin", tmp_path / "hosts.yml")
    assert rehearsed.accounts["sato"].keys == (sato.public_key,)
    assert rehearsed.operators["aoki"].keys == (aoki.public_key,)
    assert set(rehearsed.hosts) == set(fabric.hosts)
