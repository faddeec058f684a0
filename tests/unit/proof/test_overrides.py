"""Role arguments that an inventory sets itself: the proof sees what a run would take, by Ansible's precedence."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from module_utils.fabric.model import Host, Override
from module_utils.fabric.problems import FabricError
from module_utils.proof.findings import Proof
from plugin_utils.adoption import HOST_KEY_IN_WORDS, wanted_files
from plugin_utils.inventory import load_fabric
from plugin_utils.live_proof import host_drift
from plugin_utils.proof_run import prove_inventory, with_keys
from plugin_utils.render import render_fabric

ROOT = Path(__file__).resolve().parents[3]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIImmCeF+5+W6AN0Wdg9+IStSwHRRIoYZijV3/K4JUR1t mallory@example.org"
MALLORY = f"""---
login_restriction_users:
  - {{name: mallory, kind: operator, sources: [0.0.0.0/0, 192.0.2.0/24], keys: ["{KEY}"], onward: false}}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "inventories" / "twin", tmp_path / "inventory"))


def write(inventory: Path, path: str, text: str) -> Path:
    file = inventory / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def child_group() -> str:
    """Return a group of mdx1, asked elsewhere: Ansible remembers within a process which folders an inventory lacks."""
    return min(load_fabric(ROOT / "inventories" / "twin").hosts["mdx1"].groups - {"all"})


def told(proof: Proof, host: str, kind: str) -> list[str]:
    return [str(f) for f in proof.findings if f.host == host and f.kind == kind]


def set_itself(host: Host) -> dict[str, object]:
    """Return what an inventory overrides for a host, other than the twin's own."""
    return {o.variable: o.value for o in host.overrides if o.variable != "base_host_aliases"}


def test_the_twin_overrides_no_login(inventory: Path) -> None:
    assert all(set_itself(host) == {} for host in load_fabric(inventory).hosts.values())
    assert prove_inventory([inventory]).summary() == "146 pairs declared, 146 admitted, 0 extra, 0 missing"


@pytest.mark.parametrize("path", ["host_vars/mdx1.yml", "group_vars/{group}.yml"])
def test_somebody_let_in_by_host_vars_or_a_child_group(inventory: Path, path: str) -> None:
    write(inventory, path.format(group=child_group()), MALLORY)
    proof = prove_inventory([inventory])
    assert any("mallory" in text for text in told(proof, "mdx1", "extra_login")), [str(f) for f in proof.findings]
    assert any("mallory" in text and "/etc/ssh/sshd_config" in text for text in told(proof, "mdx1", "missing_layer"))
    assert told(proof, "mdx1", "missing_login")
    assert proof.extra > 0
    assert not proof.holds


def test_a_group_file_of_all_loses_to_the_playbooks_unless_they_are_silent(inventory: Path) -> None:
    write(inventory, "group_vars/all/roles.yml", MALLORY + "login_restriction_max_sessions: 3\n")
    host = load_fabric(inventory).hosts["mdx1"]
    assert set_itself(host) == {"login_restriction_max_sessions": 3}
    places = [o.place for o in host.overrides if o.variable == "login_restriction_max_sessions"]
    assert places == [f"{inventory}/group_vars/all/roles.yml:4"]
    rendered = render_fabric(with_keys(load_fabric(inventory))).hosts["mdx1"]
    assert "MaxSessions 3\n" in rendered["/etc/ssh/sshd_config"]
    assert prove_inventory([inventory]).holds


def test_the_variables_of_a_group_in_the_inventory_file_lose_and_those_of_a_host_win(inventory: Path, tmp_path: Path) -> None:
    group = child_group()
    more = tmp_path / "more.yml"
    more.write_text(f"{group}:\n  hosts:\n    mdx1:\n  vars:\n    packet_filter_enforce: false\n")
    assert set_itself(load_fabric(inventory, more).hosts["mdx1"]) == {}
    more.write_text(f"{group}:\n  hosts:\n    mdx1:\n      packet_filter_enforce: false\n")
    assert set_itself(load_fabric(inventory, more).hosts["mdx1"]) == {"packet_filter_enforce": False}


def test_a_filter_that_doesnt_enforce_is_an_open_port(inventory: Path) -> None:
    write(inventory, "host_vars/mdx1.yml", "packet_filter_enforce: false\n")
    assert told(prove_inventory([inventory]), "mdx1", "open_port")


@pytest.mark.parametrize(
    "value",
    ['"{{ some_users }}"', "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3331\n", '[{name: "{{ who }}"}]', "[mallory]", "7"],
)
def test_what_cant_be_resolved_cant_be_proved(inventory: Path, value: str) -> None:
    file = write(inventory, "host_vars/mdx1.yml", f"---\nlogin_restriction_users: {value}\n")
    proof = prove_inventory([inventory])
    wanted = f"cannot prove: mdx1 overrides login_restriction_users ({file}:2)"
    assert [t.partition(": an artefact can't be judged: ")[2] for t in told(proof, "mdx1", "cannot_prove")] == [wanted]
    assert proof.admitted < proof.declared


def test_arguments_that_no_artefact_shows_dont_stop_the_proof(inventory: Path) -> None:
    write(inventory, "host_vars/mdx1.yml", 'base_packages: "{{ more }}"\nbase_unknown: 1\n')
    assert set(set_itself(load_fabric(inventory).hosts["mdx1"])) == {"base_packages"}
    assert prove_inventory([inventory]).holds


@pytest.mark.parametrize("line", ["login_restriction_enforce: false", "fabric_enforce: false"])
def test_an_observing_host_keeps_the_sshd_it_has(inventory: Path, line: str) -> None:
    write(inventory, "host_vars/mdx1.yml", f"{line}\n")
    files = render_fabric(with_keys(load_fabric(inventory))).hosts["mdx1"]
    login = {path for path in files if path.startswith(("/etc/ssh/", "/etc/pam.d/", "/etc/security/"))}
    assert login == {"/etc/security/access-observe.conf"}
    assert "-:ALL:ALL" in files["/etc/security/access-observe.conf"]
    proof = prove_inventory([inventory])
    assert "stay as they were found" in told(proof, "mdx1", "cannot_prove")[0]
    assert told(proof, "mdx1", "missing_login") == []
    assert proof.admitted < proof.declared
    assert bool(told(proof, "mdx1", "open_port")) == line.startswith("fabric")


def test_drift_is_judged_against_what_a_run_would_write(inventory: Path) -> None:
    write(inventory, "host_vars/mdx1.yml", "login_restriction_max_sessions: 3\n")
    fabric = with_keys(load_fabric(inventory))
    artefacts = render_fabric(fabric)
    files = artefacts.hosts["mdx1"]
    ruleset = files["/etc/nftables.conf"]
    found = {
        "files": files,
        "shadow": files["/etc/shadow"],
        "ruleset": ruleset,
        "ruleset_of_file": ruleset,
        "daemons": [],
        "owned": {},
    }
    assert [d.text() for d in host_drift(fabric, {"mdx1": found}, artefacts.switches) if d.host == "mdx1"] == []
    of_fabric = replace(fabric, hosts={n: replace(h, overrides=()) for n, h in fabric.hosts.items()})
    drift = [d for d in host_drift(of_fabric, {"mdx1": found}, artefacts.switches) if d.host == "mdx1"]
    assert ["MaxSessions" in d.text() for d in drift] == [True]
    sealed = Override("login_restriction_users", None, "here.yml:1", known=False)
    unknown = replace(fabric, hosts={**fabric.hosts, "mdx1": replace(fabric.hosts["mdx1"], overrides=(sealed,))})
    told_of = [d.text() for d in host_drift(unknown, {"mdx1": found}, artefacts.switches) if d.host == "mdx1"]
    assert told_of == ["mdx1: sshd: files: cannot prove: mdx1 overrides login_restriction_users (here.yml:1)"]


def test_a_survey_shows_what_enforcing_would_write(inventory: Path) -> None:
    file = write(inventory, "host_vars/mdx1.yml", "fabric_enforce: false\nlogin_restriction_max_sessions: 3\n")
    wanted = {f.path: f.content for f in wanted_files(load_fabric(inventory), "mdx1")}
    assert "MaxSessions 3\n" in str(wanted["/etc/ssh/sshd_config"])
    assert "127.0.1.1 mdx1" in wanted["/etc/hosts"]
    assert "SystemMaxUse=" in wanted["/etc/systemd/journald.conf.d/kakehashi.conf"]
    assert "aoki ALL=" in wanted["/etc/sudoers.d/kakehashi"]
    entrance = {f.path: f for f in wanted_files(load_fabric(inventory), "login1")}
    assert entrance["/etc/cron.allow"].content == "root\n"
    assert entrance["/etc/cron.allow"].role == "login_server"
    assert HOST_KEY_IN_WORDS in entrance["/etc/ssh/ssh_known_hosts"].content
    bad = Override("login_restriction_users", [7], f"{file}:3")
    fabric = load_fabric(inventory)
    broken = replace(fabric, hosts={**fabric.hosts, "mdx1": replace(fabric.hosts["mdx1"], overrides=(bad,))})
    with pytest.raises(FabricError, match="mdx1 overrides login_restriction_users"):
        list(wanted_files(broken, "mdx1"))


def test_a_survey_shows_by_what_operators_come_once_the_host_enforces(inventory: Path) -> None:
    authority = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMNnrr20a8zBVKmMT0NCsSCi5GBoBmyw8Du15FXlbSYz operators"
    write(inventory, "group_vars/all/certified.yml", f"fabric_operator_authorities: [{authority}]\n")
    write(inventory, "host_vars/mdx1.yml", "fabric_enforce: false\n")
    wanted = {f.path: str(f.content) for f in wanted_files(load_fabric(inventory), "mdx1")}
    assert "cert-authority" in wanted["/etc/ssh/authorized_keys.d/aoki"]
    assert "ExposeAuthInfo yes" in wanted["/etc/ssh/sshd_config"]
