"""What becomes of a change of who certifies hosts, or of a certificate: the real tasks, with a login that is made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
HERE: dict[str, Any] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
OFF: dict[str, Any] = {
    "ansible_host": "127.0.0.1",
    "ansible_port": 1,
    "ansible_ssh_common_args": "-o BatchMode=yes -o ConnectTimeout=5",
}


def tasks(name: str) -> Any:
    return yaml.safe_load((ROOT / f"playbooks/{name}").read_text())


def ran(place: Path, plays: list[dict[str, Any]], hosts: dict[str, dict[str, Any]], **values: Any) -> str:
    """Run plays and return what was printed."""
    (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (place / "plays.yml").write_text(yaml.safe_dump(plays))
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [playbook, "-i", str(place / "hosts.yml"), str(place / "plays.yml"), "-e", json.dumps(values)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return " ".join((done.stdout + done.stderr).split())


def said(word: str) -> dict[str, Any]:
    return {"name": word, "ansible.builtin.debug": {"msg": f"so it is {word} {{{{ inventory_hostname }}}}"}}


def proved(place: Path, host: str, hosts: dict[str, dict[str, Any]], unknown: list[str], **values: Any) -> str:
    """Prove a change of ``host`` where logins to hosts that are ``unknown`` fail."""
    source = tasks("tasks/prove_certified.yml")
    login = next(task for task in source if "ansible.builtin.command" in task)
    script = f"case $0 in {'|'.join(unknown) or 'nobody'}) echo unknown >&2; exit 255;; esac"
    login["ansible.builtin.command"] = {"argv": ["sh", "-c", script, "{{ __way.host }}"]}
    tried = next(task for task in source if task.get("ansible.builtin.import_tasks") == "prove_tried.yml")
    tried["ansible.builtin.import_tasks"] = str(ROOT / "playbooks/tasks/prove_tried.yml")
    play = {"hosts": host, "gather_facts": False, "tasks": [{"block": [*source, said("kept")], "rescue": [said("undone")]}]}
    targets = ["mdx1", "mdx2"]
    servers = ["login1", "login2"]
    facts = {
        "fabric_views": {
            **{name: {"login_server": {}, "host_certificate": {"known": targets}} for name in servers},
            **{name: {} for name in targets},
        },
        "change_proofs": {t: {"accounts": [{"login_server": s, "account": "sato"} for s in servers]} for t in targets},
        "rotation": {"certified": targets, "silent": []},
    }
    return ran(place, [play], hosts, **facts, **values)


EVERYBODY = dict.fromkeys(("login1", "login2", "mdx1", "mdx2"), HERE)


@pytest.mark.parametrize(
    ("host", "off", "unknown", "values", "outcome", "words"),
    [
        ("login1", "", [], {}, "kept", ""),
        ("login1", "", ["mdx1"], {}, "kept", "some were not reached: sato from login1 to mdx1 (unknown)"),
        ("login1", "", ["mdx1", "mdx2"], {}, "undone", "by hosts' certificates alone: sato from login1 to mdx1 (unknown)"),
        ("login1", "", ["mdx1"], {"rotate_without": ["mdx2"]}, "undone", "sato from login1 to mdx1 (unknown)"),
        ("login1", "", ["mdx1"], {"rotate_without": ["mdx1"]}, "kept", ""),
        ("mdx1", "", [], {"rotation_certified": ["mdx1"]}, "kept", ""),
        ("mdx1", "", ["mdx1"], {"rotation_certified": ["mdx1"]}, "undone", "sato from login2 to mdx1 (unknown)"),
        ("mdx1", "login2", [], {"rotation_certified": ["mdx1"]}, "kept", "by way of login2 was not tried"),
    ],
)
def test_what_comes_of_it(
    tmp_path: Path, host: str, off: str, unknown: list[str], values: dict[str, Any], outcome: str, words: str
) -> None:
    hosts = {**EVERYBODY, **({off: OFF} if off else {})}
    printed = proved(tmp_path, host, hosts, unknown, **values)
    assert f"so it is {outcome} {host}" in printed, printed
    assert words in printed, printed


def test_what_fails_on_the_first_host_that_moves_is_tried_on_no_other(tmp_path: Path) -> None:
    """Although one before it stays as it is."""
    plays = tasks("rotate_certified.yml")
    plays[0]["tasks"] = [task for task in plays[0]["tasks"] if "ansible.builtin.group_by" in task]
    for play in plays[1:]:
        play["tasks"] = [said("certified"), {"name": "Fail", "ansible.builtin.fail": {"msg": "it is broken"}}]
    for play in plays:
        play["become"] = False
    grouped = [{"ansible.builtin.group_by": {"key": name}} for name in ("rotating_host_authority", "stage_behind")]
    first = {"hosts": "all", "gather_facts": False, "tasks": grouped}
    rotation = {"step": "certify", "hosts": ["mdx2", "mdx3", "mdx4"]}
    printed = ran(tmp_path, [first, *plays], dict.fromkeys(("mdx1", "mdx2", "mdx3", "mdx4"), HERE), rotation=rotation)
    assert "so it is certified mdx2" in printed, printed
    for name in ("mdx1", "mdx3", "mdx4"):
        assert f"so it is certified {name}" not in printed, printed


@pytest.mark.parametrize("name", ["rotation_certify", "rotation_host"])
def test_the_ssh_that_is_asked_is_the_one_by_which_this_runs(tmp_path: Path, name: str) -> None:
    blocks = [task["block"] for task in tasks(f"tasks/{name}.yml") if "block" in task]
    ask = next(task for block in blocks for task in block if task["name"] == "Ask the ssh by which this runs")
    shown = {"ansible.builtin.debug": {"msg": f"asked: {ask['known_host_key']['arguments']} :"}, "vars": ask["vars"]}
    play = {"hosts": "mdx1,mdx2", "gather_facts": False, "tasks": [shown]}
    given = {"ansible_port": 2222, "ansible_ssh_common_args": "-o A=b", "ansible_ssh_extra_args": "-o C=d"}
    hosts = {"mdx1": {**HERE, **given, "ansible_ssh_args": "-F mine"}, "mdx2": HERE}
    printed = ran(tmp_path, [play], hosts)
    assert "asked: -p 2222 -F mine -o A=b -o C=d :" in printed, printed
    assert "ControlMaster" in printed, "else by what is configured"
