"""What decides whether anybody gets in is proved before it is kept: the condition knows what the roles register."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
END = (ROOT / "playbooks/tasks/change_end.yml").read_text()
# Says which packages are there; what a signer says, before it is kept.
READ_ONLY = {"__login_restriction_oath", "__host_certificate_signed"}
ROLES = (
    "session_recording",
    "login_server",
    "login_restriction",
    "data_server",
    "gateway",
    "onward_certificates",
    "host_certificate",
)
# Roles of which each task that writes is a reason, and by what these write.
EACH_WRITE = ("data_server", "gateway", "onward_certificates")
WRITING = {
    "managed_files",
    "managed_units",
    "kernel_settings",
    "key_pair",
    "read_only_mounts",
    "ansible.builtin.user",
    "ansible.builtin.file",
}


@pytest.mark.parametrize("role", ROLES)
def test_each_thing_that_shuts_out_is_a_reason_for_a_login(role: str) -> None:
    tasks = "".join(path.read_text() for path in sorted((ROOT / f"roles/{role}/tasks").glob("*.yml")))
    registered = set(re.findall(r"register: (\w+)", tasks)) - READ_ONLY
    assert registered, "a role that registers nothing is kept without a proof"
    assert {name for name in registered if not re.search(rf"\b{name}\b", END)} == set()


def tasks_of(role: str) -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / f"roles/{role}/tasks").glob("*.yml")):
        yield from yaml.safe_load(path.read_text())


@pytest.mark.parametrize("role", EACH_WRITE)
def test_each_task_that_writes_tells_whether_it_did(role: str) -> None:
    writes = [task for task in tasks_of(role) if WRITING & set(task)]
    assert writes
    assert [task["name"] for task in writes if "register" not in task] == []
