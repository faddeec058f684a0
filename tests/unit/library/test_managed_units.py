"""The whole module against a systemctl that answers as systemd does; the machine may run without systemd."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.modules import call

UNIT = "kakehashi-test.service"


class Systemd:
    """What systemd would know; ``asked`` are the calls other than show."""

    def __init__(self, room: Path) -> None:
        self.room = room
        program = room / "systemctl"
        program.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = show ]; then cat {room}/answer; exit; fi\n'
            f'echo "$*" >> {room}/asked\n'
            f'if [ "$1" = daemon-reload ]; then sed -i s/NeedDaemonReload=yes/NeedDaemonReload=no/ {room}/answer; fi\n'
        )
        program.chmod(0o755)
        self.knows()

    def knows(self, *, outdated: str = "no", since: float = 0) -> None:
        (self.room / "answer").write_text(
            f"Id={UNIT}\nNames={UNIT}\nLoadState=loaded\nUnitFileState=enabled\nActiveState=active\n"
            f"NeedDaemonReload={outdated}\nActiveEnterTimestampMonotonic={int(since * 1e6)}\n"
        )

    @property
    def asked(self) -> list[str]:
        log = self.room / "asked"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    room = tmp_path / "systemd"
    room.mkdir()
    monkeypatch.setenv("PATH", str(room), prepend=":")
    return Systemd(room)


def test_a_run_cut_short_before_systemd_was_told_is_made_good(systemd: Systemd) -> None:
    systemd.knows(outdated="yes")
    wish = {"started": [UNIT]}
    checked = call("managed_units", wish, check=True)
    assert (checked["changed"], checked["calls"], systemd.asked) == (True, ["daemon-reload"], [])
    done = call("managed_units", wish)
    assert (done["changed"], done["calls"], systemd.asked) == (True, ["daemon-reload"], ["daemon-reload"])
    assert call("managed_units", wish)["changed"] is False
    assert systemd.asked == ["daemon-reload"]


def test_a_reader_that_started_before_its_file_changed_is_restarted(systemd: Systemd, tmp_path: Path) -> None:
    settings = tmp_path / "settings.conf"
    settings.write_text("new")
    wish = {"readers": [{"unit": UNIT, "files": [str(settings), str(tmp_path / "absent")]}]}
    systemd.knows(since=time.monotonic() - 60)
    assert call("managed_units", wish, check=True)["calls"] == [f"restart {UNIT}"]
    assert systemd.asked == []
    assert call("managed_units", wish)["changed"] is True
    assert systemd.asked == [f"restart {UNIT}"]
    systemd.knows(since=time.monotonic() + 1)
    assert call("managed_units", wish)["changed"] is False


def test_of_what_units_read_systemd_is_not_told(systemd: Systemd, tmp_path: Path) -> None:
    room = tmp_path / "more/upload.conf.d"
    wish = {
        "directories": [{"path": str(room.parent), "mode": "0750"}],
        "files": [{"path": str(room / "x.conf"), "content": "URL=x\n", "mode": "0600"}],
        "started": [UNIT],
    }
    done = call("managed_units", wish)
    assert (done["changed"], done["calls"], systemd.asked) == (True, [], [])
    assert (room.parent.stat().st_mode & 0o777, (room / "x.conf").stat().st_mode & 0o777) == (0o750, 0o600)
    assert call("managed_units", wish)["changed"] is False


@pytest.mark.parametrize("name", ["a.service", "a@.service", "a.service.d/x.conf", "service.d/x.conf", "a.socket"])
@pytest.mark.usefixtures("systemd")
def test_of_units_and_drop_ins_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "system").mkdir()
    assert call("managed_units", {"files": [{"path": str(tmp_path / "system" / name), "content": "[X]\n"}]})["calls"] == [
        "daemon-reload"
    ]


def test_without_systemd_no_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / UNIT
    said = call("managed_units", {"files": [{"path": str(path), "content": "[Service]\n"}]})
    assert said["msg"] == "systemctl is not installed: install the package that brings it, then run again"
    assert not path.exists()
