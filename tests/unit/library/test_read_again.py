"""What a module says it changed is what is there: it reads all again, and fails where something else set it back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from module_utils.people.plan import Entry, Host, Step, User, Wish, plan
from tests.support.modules import call

ROOT = Path(__file__).parents[3]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_a_kernel_setting_that_is_set_back_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("held", "fine"):
        (tmp_path / name).write_text("0\n")
    # A write that is taken and has no effect, as some settings of the kernel do.
    (tmp_path / "held").unlink()
    (tmp_path / "held").symlink_to("/dev/null")
    monkeypatch.setattr("library.kernel_settings.ROOM", tmp_path)
    wanted = [{"name": "held", "value": "1"}, {"name": "fine", "value": "1"}]
    assert call("kernel_settings", {"settings": wanted}, check=True)["changes"] == ["held", "fine"]
    said = call("kernel_settings", {"settings": wanted})
    assert said["failed"] is True
    assert f"after all were written {tmp_path}/held is , not 1: see in dmesg" in said["msg"]
    assert call("kernel_settings", {"settings": wanted[1:]})["changed"] is False


RULES = "table inet kakehashi\ndelete table inet kakehashi\ntable inet kakehashi {\n chain input { counter drop\n }\n}\n"


def filtered(tmp_path: Path, load: str) -> dict[str, Any]:
    """Run nftables_ruleset in a network namespace of its own, after the line `load`."""
    code = (
        "import sys, json, os; sys.path.insert(0, '.'); import tests.conftest; from tests.support.modules import call\n"
        "import library.nftables_ruleset as module; from ansible.module_utils.netfilter import kernel\n"
        "module.live_connection = lambda: None\n"
        f"real = kernel.load\n{load}\n"
        f"wish = dict(content={RULES!r}, path={str(tmp_path / 'rules')!r})\n"
        "print(json.dumps([call('nftables_ruleset', wish), call('nftables_ruleset', wish)]))"
    )
    argv = ["unshare", "--net", sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = {"first": json.loads(done.stdout)[0], "second": json.loads(done.stdout)[1]}
    return result


@needs_root
@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")
def test_a_ruleset_that_another_program_alters_is_told(tmp_path: Path) -> None:
    said = filtered(tmp_path, "")
    assert (said["first"]["changed"], said["second"]["changed"]) == (True, False)
    other = "os.system('nft add rule inet kakehashi input accept')"
    said = filtered(tmp_path, f"kernel.load = lambda text: (real(text), {other})")
    assert said["first"]["failed"] is True
    assert said["first"]["msg"].startswith(
        "the running table inet kakehashi was loaded or written, but is otherwise than declared"
    )


def people(monkeypatch: pytest.MonkeyPatch, room: Path, done: list[str], *, obeys: bool) -> dict[str, Any]:
    """Run people on a host that is held in memory, apart from sudoers' files, which are real."""
    found = {"tanaka": Entry(3003, "", "/home/tanaka", "/bin/bash", "*")}
    (room / "old").write_text("tanaka ALL=(ALL) ALL\n")

    def carry_out(steps: list[Step]) -> list[str]:
        for step in steps:
            done.append(f"{step.say}, others' sudoers {'there' if (room / 'old').exists() else 'gone'}")
            if obeys and step.say == "create aoki":
                found["aoki"] = Entry(2001, "", "/home/aoki", "/bin/bash", "*")
            if obeys and step.say == "remove tanaka":
                del found["tanaka"]
        return [step.say for step in steps]

    monkeypatch.setattr("library.people.SUDOERS", str(room / "kakehashi"))
    monkeypatch.setattr("library.people.SUDOERS_ROOM", str(room))
    monkeypatch.setattr("library.people.carry_out", carry_out)
    monkeypatch.setattr("library.people.read_host", lambda _wish: Host(dict(found)))
    monkeypatch.setattr("ansible.module_utils.files.disk.validate", lambda _wish, **_how: [])
    monkeypatch.delenv("SUDO_USER", raising=False)
    users = [{"name": "aoki", "uid": 2001, "admin": True}, {"name": "tanaka", "uid": 3003, "state": "absent"}]
    return call("people", {"users": users})


@needs_root
def test_new_administrators_are_there_before_others_lose_their_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    said = people(monkeypatch, tmp_path, done, obeys=True)
    assert said["changed"] is True
    assert done == [
        "create aoki, others' sudoers there",
        "expire tanaka, others' sudoers gone",
        "remove tanaka, others' sudoers gone",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["kakehashi"]


@needs_root
def test_users_that_are_not_as_planned_afterwards_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = people(monkeypatch, tmp_path, [], obeys=False)
    assert said["failed"] is True
    assert "read again this is still to do: create aoki, expire tanaka, remove tanaka; find what else" in said["msg"]


def test_only_what_takes_nothing_away_gives() -> None:
    host = Host({"tanaka": Entry(3003, "", "/home/tanaka", "/bin/bash", "*"), "aoki": Entry(2001, "x", "", "", "!", "1")})
    wish = Wish((User("aoki", 2001, admin=True), User("ueda", 2002), User("tanaka", 3003, present=False)), locked=("mdxuser",))
    assert [s.say for s in plan(wish, host) if s.gives] == ["set right aoki", "create ueda"]
