"""A module that belongs to a change which is over writes nothing and says so: nothing would bring it back any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from module_utils.access_control.granted import Grant
from module_utils.people.plan import Host
from tests.support.modules import call

WORDS = "this host no longer holds the change that this task belongs to, so this task wrote nothing: run again"
INTERFACE = {"name": "lo", "mtu": 1500, "addresses": ["192.0.2.1/24"]}
UNIT = "kakehashi-test.service"


def must_not(*_words: Any, **_named: Any) -> None:
    raise AssertionError("it went on to write")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that holds no change, on which a task of one runs; systemctl knows an active unit and must not be told anything."""
    monkeypatch.setattr("ansible.module_utils.changes.guard.BASE", tmp_path / "changes")
    monkeypatch.setenv("KAKEHASHI_CHANGE", "20260102T030405Z-abcd")
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    shown = f"Id={UNIT}\\nNames={UNIT} ssh.service systemd-networkd.service\\nLoadState=loaded\\nActiveState=active\\n"
    program.write_text(f'#!/bin/sh\nif [ "$1" = show ]; then printf "{shown}"; exit; fi\ntouch {tmp_path}/told\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return tmp_path


def refused(room: Path, name: str, arguments: dict[str, Any]) -> None:
    checked = call(name, arguments, check=True)
    assert checked["changed"] is True, "check mode tells what would change"
    said = call(name, arguments)
    assert (said.get("failed"), said["msg"]) == (True, WORDS)
    assert not (room / "told").exists()
    assert not (room / "f").exists()


def test_files(room: Path) -> None:
    wanted = {"files": [{"path": str(room / "f"), "content": "x"}]}
    refused(room, "managed_files", wanted)


def test_what_is_there_already_is_no_reason_to_fail(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"files": [{"path": str(room / "there"), "content": "x"}]}
    monkeypatch.setenv("KAKEHASHI_CHANGE", "")
    assert call("managed_files", wanted)["changed"] is True
    monkeypatch.setenv("KAKEHASHI_CHANGE", "20260102T030405Z-abcd")
    assert call("managed_files", wanted)["changed"] is False


def test_unit_files(room: Path) -> None:
    refused(room, "managed_units", {"files": [{"path": str(room / "f"), "content": "[Service]\n"}]})


def test_states_of_units(room: Path) -> None:
    refused(room, "managed_units", {"stopped": [UNIT]})


def test_reloading_sshd(room: Path) -> None:
    refused(room, "sshd_reload", {"pid_file": str(room / "pid")})


def test_kernel_settings(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (room / "setting").write_text("0\n")
    monkeypatch.setattr("library.kernel_settings.ROOM", room)
    refused(room, "kernel_settings", {"settings": [{"name": "setting", "value": "1"}]})
    assert (room / "setting").read_text() == "0\n"


def test_onward_keys(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("library.onward_keys.apply", must_not)
    directory = str(room / "onward")
    refused(room, "onward_keys", {"accounts": ["root"], "directory": directory})
    assert call("onward_keys", {"read_only": True, "directory": directory})["changed"] is False, "reading goes on"


def test_mounts(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("library.read_only_mounts.observe", lambda _root: ({}, {}))
    monkeypatch.setattr("library.read_only_mounts.apply", must_not)
    mounts = [{"source": "/srv", "target": f"{room}/nara/data"}]
    refused(room, "read_only_mounts", {"root": str(room), "mounts": mounts})


def test_granted_keys(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("library.granted_keys.look", lambda _name, lines: Grant(str(room / "f"), "", lines or "x"))
    monkeypatch.setattr("library.granted_keys.write", must_not)
    refused(room, "granted_keys", {"users": [{"name": "aoki"}]})


def test_people(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("library.people.SUDOERS", str(room / "f"))
    monkeypatch.setattr("library.people.SUDOERS_ROOM", str(room))
    monkeypatch.setattr("library.people.carry_out", must_not)
    monkeypatch.setattr("library.people.read_host", lambda _wish: Host({}))
    monkeypatch.setattr("ansible.module_utils.files.disk.validate", lambda _wish, **_how: [])
    monkeypatch.delenv("SUDO_USER", raising=False)
    refused(room, "people", {"users": [{"name": "aoki", "uid": 2001, "admin": True}]})


@pytest.mark.parametrize("differences", [{"lo": ["x"]}, {}], ids=["what runs differs", "networkd alone does"])
def test_interfaces(room: Path, monkeypatch: pytest.MonkeyPatch, differences: dict[str, list[str]]) -> None:
    name = "library.segment_interfaces"
    monkeypatch.setattr(f"{name}.plan", lambda *_words: [])
    for function, answer in (("missing", []), ("live_connection", None), ("refusal", None), ("differences", differences)):
        monkeypatch.setattr(f"{name}.{function}", lambda *_words, answer=answer: answer)
    monkeypatch.setattr(f"{name}.system.read", dict)
    monkeypatch.setattr(f"{name}.system.bootstrap_files", lambda _names: ())
    monkeypatch.setattr(f"{name}.system.reconfigure", must_not)
    monkeypatch.setattr(f"{name}.disk.apply", must_not)
    refused(room, "segment_interfaces", {"interfaces": [INTERFACE]})


def test_what_records_and_begins_sessions(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("library.session_program.apply", must_not)
    settings = {"shell": "/bin/bash", "session_mib": 1, "day_mib": 1, "admitted": []}
    kept = {"keeper_socket": "[Socket]\n", "keeper_service": "[Service]\n"}
    refused(room, "session_program", {"settings": settings, "beginning": "exit\n", **kept})


def test_the_ruleset(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "library.nftables_ruleset"
    monkeypatch.setattr(f"{name}.shutil.which", lambda _name: "/usr/sbin/nft")
    monkeypatch.setattr(f"{name}.live_connection", lambda: None)
    monkeypatch.setattr(f"{name}.refusal", lambda *_words: None)
    for function, answer in (("interface_addresses", []), ("canonical", "table inet kakehashi {\n}\n"), ("running", "")):
        monkeypatch.setattr(f"{name}.kernel.{function}", lambda *_words, answer=answer: answer)
    monkeypatch.setattr(f"{name}.kernel.load", must_not)
    refused(room, "nftables_ruleset", {"content": "table inet kakehashi {\n}\n", "path": str(room / "f")})
