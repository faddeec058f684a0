"""The whole module against a systemctl that answers as systemd does, and an sshd that reads its configuration late or never."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.modules import call


class Sshd:
    """A service and the pid file that it writes when it has read its configuration."""

    def __init__(self, room: Path) -> None:
        self.pid_file = room / "sshd.pid"
        self.asked = room / "asked"
        self._room = room
        self.acts()

    def acts(self, *, state: str = "active", when_told: str = "true") -> None:
        """Let systemd say that it is in ``state``, and run the shell command ``when_told`` on a reload."""
        program = self._room / "systemctl"
        program.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = show ]; then printf "Id=ssh.service\\nNames=ssh.service\\nActiveState={state}\\n"; exit; fi\n'
            f'echo "$*" >> {self.asked}\n{when_told}\n'
        )
        program.chmod(0o755)

    def arguments(self, seconds: float = 30) -> dict[str, object]:
        return {"pid_file": str(self.pid_file), "seconds": seconds}


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Sshd(tmp_path)


def test_it_ends_only_once_sshd_has_read_its_configuration(sshd: Sshd) -> None:
    sshd.pid_file.write_text("1\n")
    before = sshd.pid_file.stat().st_mtime_ns
    sshd.acts(when_told=f"(sleep 0.3; echo 1 > {sshd.pid_file}) > /dev/null 2>&1 &")
    assert call("sshd_reload", sshd.arguments())["changed"] is True
    assert sshd.pid_file.stat().st_mtime_ns > before
    assert sshd.asked.read_text() == "reload ssh.service\n"


def test_the_first_pid_file_counts_too(sshd: Sshd) -> None:
    sshd.acts(when_told=f"echo 1 > {sshd.pid_file}")
    assert call("sshd_reload", sshd.arguments())["changed"] is True


def test_one_that_does_not_act_fails_in_one_sentence(sshd: Sshd) -> None:
    sshd.pid_file.write_text("1\n")
    said = call("sshd_reload", sshd.arguments(seconds=0.2))
    assert said["failed"]
    assert said["msg"] == (
        f"ssh.service was told to read its configuration and has not after 0.2 s ({sshd.pid_file} was not written), so logins "
        "may still go by the rules of before: see `systemctl status ssh` and `journalctl -u ssh`, then run again."
    )


def test_one_that_refuses_is_quoted(sshd: Sshd) -> None:
    sshd.acts(when_told="echo 'Job for ssh.service failed' >&2; exit 1")
    said = call("sshd_reload", sshd.arguments())
    assert said["failed"]
    assert said["msg"] == (
        "systemctl reload ssh.service: Job for ssh.service failed. Logins still go by the rules of before: mend that, then run "
        "again."
    )


def test_nothing_is_reloaded_where_a_socket_starts_sshd(sshd: Sshd) -> None:
    sshd.acts(state="inactive")
    assert call("sshd_reload", sshd.arguments())["changed"] is False
    assert not sshd.asked.exists()


def test_check_mode_tells_and_does_nothing(sshd: Sshd) -> None:
    assert call("sshd_reload", sshd.arguments(), check=True)["changed"] is True
    assert not sshd.asked.exists()
