"""What records sessions and what begins them come together, each after what it can't do without, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import call

SETTINGS = {"shell": "/bin/bash", "session_mib": 64, "day_mib": 256, "admitted": ["aoki"]}
NAMES = ("SETTINGS", "PROGRAM", "SHELL", "BEGINNING")
SOCKET, SERVICE = "kakehashi-sessions.socket", "kakehashi-sessions@.service"
Put = Callable[..., dict[str, Any]]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """The module, with a directory in the place of those that it writes to."""
    for name in NAMES:
        monkeypatch.setattr(f"library.session_program.{name}", str(tmp_path / name))
    (tmp_path / "dash").write_bytes(b"\x7fELF\x00\x1b[2J")
    monkeypatch.setattr("library.session_program.DASH", str(tmp_path / "dash"))
    tmp_path.chmod(0o755)
    monkeypatch.setattr("library.session_program.UNITS", str(tmp_path))
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    shown = f"Id={SOCKET}\\nNames={SOCKET}\\nLoadState=loaded\\nUnitFileState=enabled\\nActiveState=active\\n"
    program.write_text(f'#!/bin/sh\nif [ "$1" = show ]; then printf "{shown}"; else echo "$*" >>{tmp_path}/asked; fi\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    def run(beginning: str = "exit 0\n", *, check: bool = False) -> dict[str, Any]:
        units = {"keeper_socket": "[Socket]\n", "keeper_service": "[Service]\n"}
        return call("session_program", {"settings": SETTINGS, "beginning": beginning, **units}, check=check)

    return run


def test_it_is_put_in_order_and_once(put: Put, tmp_path: Path) -> None:
    assert put(check=True)["changed"] is True
    assert not (tmp_path / "BEGINNING").exists()
    said = put()
    assert [Path(path).name for path in said["files_changed"]] == [*NAMES, SOCKET, SERVICE]
    assert said["calls"] == ["daemon-reload"]
    assert (tmp_path / "asked").read_text() == "daemon-reload\n"
    assert (tmp_path / "SHELL").read_bytes() == (tmp_path / "dash").read_bytes()
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in NAMES] == [0o644, 0o755, 0o711, 0o755]
    assert put()["changed"] is False


def test_of_a_program_the_difference_tells_which_one(put: Put, tmp_path: Path) -> None:
    shown = next(part for part in put()["diff"] if part["after_header"].endswith("SHELL"))["after"]
    assert hashlib.sha256((tmp_path / "dash").read_bytes()).hexdigest() in shown
    assert "\x1b" not in shown


def test_a_mode_alone_is_set_right(put: Put, tmp_path: Path) -> None:
    put()
    (tmp_path / "SHELL").chmod(0o755)
    assert [Path(path).name for path in put()["files_changed"]] == ["SHELL"]
    assert (tmp_path / "SHELL").stat().st_mode & 0o777 == 0o711


def test_a_beginning_that_no_shell_can_read_changes_nothing(put: Put, tmp_path: Path) -> None:
    said = put("if true; then\n")
    assert said["failed"] is True
    assert "BEGINNING" in said["msg"]
    assert [name for name in NAMES if (tmp_path / name).exists()] == []


def test_a_host_without_dash_is_told_so(put: Put, tmp_path: Path) -> None:
    (tmp_path / "dash").unlink()
    assert "install the package dash" in put()["msg"]
    assert [name for name in NAMES if (tmp_path / name).exists()] == []
