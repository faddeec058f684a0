"""Plays that change one host after another end at the first that fails or goes out of reach; what proves a change may be off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o BatchMode=yes -o ConnectTimeout=5"}
HERE = {"ansible_connection": "local"}
WAY = {"account": "sato"}


def ran(place: Path, plays: list[dict[str, Any]], hosts: dict[str, dict[str, Any]], **values: Any) -> tuple[int, str]:
    """Run plays on hosts, by the real Ansible; returns how it ended and what was said."""
    python = {"ansible_python_interpreter": sys.executable}
    (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {name: {**python, **own} for name, own in hosts.items()}}}))
    (place / "plays.yml").write_text(yaml.safe_dump(plays))
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [playbook, "-i", str(place / "hosts.yml"), str(place / "plays.yml"), "-e", json.dumps(values)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def said(word: str) -> dict[str, Any]:
    return {"name": word, "ansible.builtin.debug": {"msg": f"{word} {{{{ inventory_hostname }}}}"}}


@pytest.mark.parametrize("path", sorted(ROOT.glob("playbooks/*.yml")), ids=lambda path: path.stem)
def test_no_play_counts_a_host_twice(path: Path) -> None:
    for play in yaml.safe_load(path.read_text()):
        assert not ("serial" in play and "any_errors_fatal" in play), play["name"]


@pytest.mark.parametrize(("settings", "ends"), [({}, True), ({"any_errors_fatal": True}, False)])
def test_the_first_that_goes_out_of_reach_ends_the_run(tmp_path: Path, settings: dict[str, Any], ends: bool) -> None:
    ping = {"name": "Go out of reach", "ansible.builtin.ping": {}}
    block = {"name": "Change", "block": [ping, said("changed")], "rescue": [said("undone")]}
    first = {"hosts": "all", "gather_facts": False, "serial": 1, **settings, "tasks": [block]}
    then = {"hosts": "all", "gather_facts": False, "tasks": [said("behind")]}
    code, output = ran(tmp_path, [first, then], {"login1": OFF, "login2": HERE})
    assert code != 0
    assert ("changed login2" in output, "behind login2" in output) == (not ends, not ends), output


def proved(place: Path, servers: dict[str, dict[str, Any]], command: str) -> tuple[int, str]:
    """Prove a change of mdx1 by a login of an account by way of login servers, and say what came of it."""
    source = yaml.safe_load((ROOT / "playbooks/tasks/prove_access.yml").read_text())
    by_account = next(task for task in source if task["name"] == "Log in as an ordinary account, by the real path")
    by_account["ansible.builtin.command"] = {"argv": [command]}
    tried = next(task for task in source if task.get("ansible.builtin.import_tasks") == "prove_tried.yml")
    tried["ansible.builtin.import_tasks"] = str(ROOT / "playbooks/tasks/prove_tried.yml")
    block = {"name": "Prove", "block": [by_account, tried, said("kept")], "rescue": [said("undone")]}
    play = {"hosts": "mdx1", "gather_facts": False, "tasks": [block]}
    ways = {"mdx1": {"accounts": [{"login_server": name, **WAY} for name in servers]}}
    return ran(place, [play], {"mdx1": HERE, **servers}, change_proofs=ways)


@pytest.mark.parametrize(
    ("servers", "command", "outcome", "words"),
    [
        ({"login1": HERE, "login2": OFF}, "true", "kept", "by way of login2 was not tried"),
        ({"login1": HERE, "login2": OFF}, "false", "undone", ""),
        ({"login1": OFF, "login2": HERE}, "false", "undone", ""),
        ({"login1": OFF, "login2": OFF}, "true", "undone", "no login server could try"),
        ({"login1": HERE}, "true", "kept", ""),
        ({}, "true", "kept", ""),
    ],
)
def test_a_login_server_that_is_off_proves_nothing_and_hinders_nothing(
    tmp_path: Path, servers: dict[str, dict[str, Any]], command: str, outcome: str, words: str
) -> None:
    _code, output = proved(tmp_path, servers, command)
    other = {"kept": "undone", "undone": "kept"}[outcome]
    assert f"{outcome} mdx1" in output, output
    assert f"{other} mdx1" not in output, output
    assert words in output
