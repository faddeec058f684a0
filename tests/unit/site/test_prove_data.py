"""What becomes of a change of a data server by what its proofs answer: the real tasks, with answers that are made up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o BatchMode=yes -o ConnectTimeout=5"}
PLACE = {"address": "192.0.2.72", "port": 2022}
WAY = {"login_server": "login1", "account": "sato", "node": "mdx1", "endpoints": [PLACE]}
PROOFS = {
    "data_logins": [WAY, {**WAY, "node": "mdx2"}],
    "data_origins": [{"origin": "mdx1", "account": "sato", "endpoints": [PLACE]}],
    "data_answers": [{"user": "sato", "address": "192.0.2.101"}],
}
# Says what was asked, and answers by the node, the key or the module's name.
MODULE = """
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={{n: {{"type": "raw"}} for n in {arguments!r}}}, supports_check_mode=True)
given = module.params
asked = given.get("through") or ("key" if given.get("public_key") else {name!r})
with open({log!r}, "a") as log:
    log.write(asked + "\\n")
answer = {answers!r}.get(asked)
if (answer or "").startswith("broken"):
    module.fail_json(msg=answer)
if {name!r} == "data_login_probe":
    if given["host_keys"] != {keys!r}:
        module.fail_json(msg="broken: other host keys")
    module.exit_json(made=[["sftp", given["account"], ["data1", "192.0.2.72", 2022], None, answer, ""]])
if {name!r} == "neighbour_knock":
    module.exit_json(answers=[dict(target, answer=answer) for target in given["targets"]])
module.exit_json() if answer is None else module.fail_json(msg=answer)
"""
ARGUMENTS = {
    "data_login_probe": ["account", "host", "endpoints", "host_keys", "through", "public_key"],
    "data_answers": ["logins", "port"],
    "neighbour_knock": ["targets"],
}
KEYS = ["ssh-ed25519 AAAA data1"]
# Not among what is asked: it only reads.
KNOWN = f"""
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={{}}, supports_check_mode=True).exit_json(host_keys={KEYS!r})
"""


def proved(place: Path, answers: dict[str, str], proofs: dict[str, Any], off: str) -> tuple[list[str], str]:
    """Return what was asked, in order, and what was printed."""
    log = place / "asked"
    for name, arguments in ARGUMENTS.items():
        text = MODULE.format(name=name, arguments=arguments, answers=answers, log=str(log), keys=KEYS)
        (place / f"{name}.py").write_text(text)
    (place / "ssh_info.py").write_text(KNOWN)
    source = yaml.safe_load((ROOT / "playbooks/tasks/prove_access.yml").read_text())
    include = next(task for task in source if task.get("ansible.builtin.include_tasks") == "prove_data.yml")
    include["ansible.builtin.include_tasks"] = str(ROOT / "playbooks/tasks/prove_data.yml")
    said = [{"name": word, "ansible.builtin.debug": {"msg": f"so it is {word}"}} for word in ("kept", "undone")]
    play = {"hosts": "data1", "gather_facts": False, "tasks": [{"block": [include, said[0]], "rescue": [said[1]]}]}
    (place / "play.yml").write_text(yaml.safe_dump([play]))
    hosts = {name: OFF if name == off else HERE for name in ("data1", "login1", "mdx1", "mdx2")}
    (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    facts = {
        "change_proofs": {"data1": proofs},
        "onward_keys": {"sato": ["ssh-ed25519 AAAA sato"]},
        "data_server_port": 2022,
    }
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [playbook, "-i", str(place / "hosts.yml"), str(place / "play.yml"), "-e", json.dumps(facts)]
    # Before the repository's own.
    environment = {**os.environ, "ANSIBLE_LIBRARY": str(place)}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    return log.read_text().split() if log.exists() else [], " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("answers", "asked", "outcome", "words"),
    [
        ({"mdx1": "admitted"}, ["mdx1"], "kept", ""),
        ({"mdx1": "auth-denied"}, ["mdx1"], "undone", "did not get to it: sato at 192.0.2.72: sshd took none of the keys"),
        ({"mdx1": "not-tried", "mdx2": "admitted"}, ["mdx1", "mdx2"], "kept", ""),
        (
            {"mdx1": "not-tried", "mdx2": "not-tried", "key": "key-taken"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "kept",
            "",
        ),
        (
            {"mdx1": "not-tried", "mdx2": "not-tried", "key": "auth-denied"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "undone",
            "sshd took none of the keys",
        ),
        (
            {"mdx1": "not-tried", "mdx2": "not-tried", "key": "key-taken", "data_answers": "PAM refuses them"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "undone",
            "PAM refuses them",
        ),
        (
            {"mdx1": "not-tried", "mdx2": "not-tried", "key": "not-tried"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "kept",
            "was not tried from where they come",
        ),
        (
            {"mdx1": "tcp-timeout", "mdx2": "tcp-timeout", "neighbour_knock": "silent"},
            ["mdx1", "mdx2", "neighbour_knock", "neighbour_knock"],
            "undone",
            "no answer to the connect",
        ),
        # One node alone is shut out.
        (
            {"mdx1": "tcp-timeout", "mdx2": "admitted", "neighbour_knock": "silent"},
            ["mdx1", "mdx2", "neighbour_knock"],
            "undone",
            "no answer to the connect",
        ),
        # The node's own packet filter has not heard of the flow yet.
        (
            {"mdx1": "tcp-timeout", "mdx2": "tcp-timeout", "neighbour_knock": "open", "key": "tcp-timeout"},
            ["mdx1", "mdx2", "neighbour_knock", "neighbour_knock", "key", "neighbour_knock", "data_answers"],
            "kept",
            "was not tried from where they come",
        ),
        # A broken cable, or a gateway that is off: the data server is asked another way.
        ({"mdx1": "no-route", "mdx2": "admitted"}, ["mdx1", "mdx2"], "kept", "from mdx1 to 192.0.2.72: there is no route"),
        (
            {"mdx1": "tcp-timeout", "mdx2": "admitted", "neighbour_knock": "absent"},
            ["mdx1", "mdx2", "neighbour_knock"],
            "kept",
            "from mdx1 to 192.0.2.72: no answer to the connect",
        ),
        (
            {"mdx1": "tcp-timeout", "mdx2": "admitted", "neighbour_knock": "broken: on no segment of this host"},
            ["mdx1", "mdx2", "neighbour_knock"],
            "kept",
            "from mdx1 to 192.0.2.72: no answer to the connect",
        ),
        (
            {"mdx1": "no-route", "mdx2": "no-route", "key": "auth-denied"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "undone",
            "sshd took none of the keys",
        ),
        (
            {"mdx1": "no-route", "mdx2": "no-route", "key": "no-route"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "kept",
            "was not tried from where they come",
        ),
        # In doubt, another login decides, and nothing less.
        ({"mdx1": "timeout", "mdx2": "admitted"}, ["mdx1", "mdx2"], "kept", ""),
        (
            {"mdx1": "timeout", "mdx2": "not-tried", "key": "key-taken"},
            ["mdx1", "mdx2", "key", "data_answers"],
            "undone",
            "no end within the time given",
        ),
        ({"mdx1": "broken: no sftp"}, ["mdx1"], "undone", "sato from mdx1: the attempt broke off"),
    ],
)
def test_what_is_asked_and_what_comes_of_it(
    tmp_path: Path, answers: dict[str, str], asked: list[str], outcome: str, words: str
) -> None:
    done, printed = proved(tmp_path, answers, PROOFS, "")
    assert done == asked, printed
    assert f"so it is {outcome}" in printed, printed
    assert words in printed


def test_a_login_server_that_is_off_proves_nothing_and_hinders_nothing(tmp_path: Path) -> None:
    done, printed = proved(tmp_path, {"key": "key-taken"}, PROOFS, "login1")
    assert done == ["key", "data_answers"], printed
    assert "so it is kept" in printed, printed


def test_a_host_without_data_is_not_asked(tmp_path: Path) -> None:
    done, printed = proved(tmp_path, {}, {}, "")
    assert done == [], printed
    assert "so it is kept" in printed, printed
