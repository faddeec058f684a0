"""What a module's own call leaves in the log of the host it runs on: Ansible writes all arguments there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule

from tests.support.modules import call


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that go to the host's log."""
    lines: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, msg, log_args=None: lines.append(f"{msg} {log_args}"))
    return lines


def test_private_keys_of_a_probe_are_not_logged(tmp_path: Path, logged: list[str]) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    key = (tmp_path / "key").read_text()
    plan = {"origin": "inst-a1", "users": ["sato"], "endpoints": [], "hops": []}
    users = [{"name": "sato", "identities": ["own-sato"]}]
    said = call(
        "login_probe", {"plan": plan, "users": users, "identities": ["own-sato"], "private_keys": [key], "known_hosts": []}
    )
    assert said["made"] == [], said
    [line] = logged
    assert "own-sato" in line, "the call itself is logged"
    for secret in key.splitlines():
        assert secret not in line


def test_keys_without_a_name_are_refused() -> None:
    said = call("login_probe", {"plan": {}, "users": [], "private_keys": ["a key"], "known_hosts": []})
    assert said["msg"] == "Nothing was tried: private_keys must hold one key for each of identities, in the same order."
