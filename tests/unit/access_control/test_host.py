from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from module_utils.access_control import host, mounts_host
from module_utils.access_control.mounts import Mount, MountError, plan, unit_name, unit_text
from module_utils.deployer.connection import UnknownConnectionError

ROOT = Path(__file__).resolve().parents[3]
CT = Mount("/data/ct", "/srv/kakehashi/sato/ct")


def connected_below(source: str) -> str:
    """Return what a process finds that stands below one with ``source`` in its environment."""
    program = "from module_utils.access_control.host import connected; print(connected())"
    inner = [sys.executable, "-c", program]
    outer = [sys.executable, "-c", f"import subprocess, sys; sys.exit(subprocess.call({inner!r}, env={{}}))"]
    environ = {"SSH_CONNECTION": source} if source else {}
    return subprocess.run(outer, env=environ, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_deployer_is_found_above_what_sudo_stripped() -> None:
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert connected_below("192.0.2.70 50000 192.0.2.101 22") == f"Deployer(user={user!r}, source='192.0.2.70')"


@pytest.mark.skipif("SSH_CONNECTION" in os.environ, reason="the tests themselves run over ssh")
def test_without_ssh_there_is_no_deployer() -> None:
    assert connected_below("") == "None"
    assert host._unknown() == ""


def test_who_deploys_unseen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden() -> None:
        raise UnknownConnectionError("hidden")

    monkeypatch.setattr(host, "live_connection", hidden)
    assert host._unknown() == "hidden"


def test_a_machine_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pid").write_text("1")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "50-cloud-init.conf").write_text("PasswordAuthentication yes\n")
    answers = {"ssh": "OpenSSH_9.2p1 Debian", "systemctl": "ActiveState=active\n"}
    monkeypatch.setattr(host, "_output", lambda command: answers[command[0]])
    config = tmp_path / "sshd_config"
    config.write_text("")
    found = host.describe("ssh", str(config), str(tmp_path / "pid"), str(tmp_path / "drop"))
    assert found["openssh"] == [9, 2]
    assert found["service_active"] is True
    assert found["drop_ins"] == [str(tmp_path / "drop" / "50-cloud-init.conf")]
    assert found["pam_service_name"] is False
    os.utime(tmp_path / "pid")
    (tmp_path / "pid").chmod(0o600)
    (tmp_path / "pid").write_text("2")
    assert host.describe("ssh", str(config), str(tmp_path / "none"), str(tmp_path / "none"))["stale"] is False


def test_a_configuration_newer_than_the_daemon_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"config": 2.0, "pid": 1.0}
    monkeypatch.setattr(Path, "stat", lambda self, **_: type("Times", (), {"st_ctime": times[self.name]})())
    assert host._newer(tmp_path / "config", tmp_path / "pid")
    assert not host._newer(tmp_path / "pid", tmp_path / "config")


def test_what_is_not_installed_answers_nothing() -> None:
    assert host._output(["/nonexistent/program"]) == ""


def test_pam_modules_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pam_access.so").write_bytes(b"..nodefgroup..nodns..")
    monkeypatch.setattr(host, "_module_rooms", lambda: [tmp_path])
    assert host.pam_modules() == {"pam_access.so"}
    assert host._knows_nodns()


def test_mounts_are_told_to_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "srv"
    (root / "sato").mkdir(parents=True)
    mount = Mount("/data/ct", f"{root}/sato/ct")
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(mounts_host, "UNITS", tmp_path)
    monkeypatch.setattr(mounts_host, "_systemctl", lambda *words: told.append(words[:2]))
    mounts_host.apply(plan([mount], *mounts_host.observe(str(root))))
    unit = unit_name(mount.target)
    assert told == [("daemon-reload",), ("enable", unit), ("start", unit)]
    units, mounted = mounts_host.observe(str(root))
    assert units == {mount.target: unit_text(mount)}
    assert mounted == {}
    mounts_host.apply(plan([], units, mounted))
    assert told[3:] == [("stop", unit), ("disable", unit), ("daemon-reload",)]
    assert mounts_host.observe(str(root)) == ({}, {})


def test_systemds_words_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 1, "", "Unit x.mount does not exist\n")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: answer)
    mounts_host._systemctl("disable", "x.mount", CT.target)
    with pytest.raises(MountError, match=r"could not start the mount /srv/kakehashi/sato/ct: Unit x.mount does not exist"):
        mounts_host._systemctl("start", "x.mount", CT.target)
