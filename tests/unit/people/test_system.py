from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from module_utils.people import system
from module_utils.people.plan import Owner, PeopleError, Step, User, Wish, plan

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODYS_UID = 64999


def test_reads_the_machines_users() -> None:
    host = system.read_host(Wish((User("root", 0), User("nobody-yet", 3999)), locked=("daemon",)))
    assert host.entries["root"].uid == 0
    assert host.entries["root"].home == "/root"
    assert "nobody-yet" not in host.entries


def test_what_lets_somebody_in_without_a_login_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/authorized_keys").touch()
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool/sato").touch()
    monkeypatch.setattr(system, "_SPOOLS", (str(tmp_path / "spool"),))
    found = list(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path))))
    assert found == [f"{tmp_path}/.ssh/authorized_keys", f"{tmp_path}/spool/sato"]
    system.carry_out([Step("remove them", remove=tuple(found))])
    assert list(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path)))) == []


def spool(directory: Path, **owners: int) -> Path:
    """Make a spool of at: files by name, each with its owner's number."""
    directory.mkdir()
    for name, uid in owners.items():
        (directory / name).write_text("#!/bin/sh\n")
        os.chown(directory / name, uid, uid)
    return directory


def test_jobs_of_at_are_found_by_their_owner_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = spool(tmp_path / "atjobs", a00001019d1f60=NOBODYS_UID, a00002019d1f60=NOBODYS_UID + 1, b00003019d1f60=NOBODYS_UID)
    (jobs / "=00004019d1f60").touch()
    (jobs / ".SEQ").touch()
    for name in ("=00004019d1f60", ".SEQ"):
        os.chown(jobs / name, NOBODYS_UID, NOBODYS_UID)
    output = spool(tmp_path / "atspool", a00001019d1f60=NOBODYS_UID, a00002019d1f60=NOBODYS_UID + 1)
    monkeypatch.setattr(system, "_JOBS", (str(jobs), str(output), str(tmp_path / "none")))
    found = tuple(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path))))
    mine = ("=00004019d1f60", "a00001019d1f60", "b00003019d1f60")
    assert found == (*(f"{jobs}/{name}" for name in mine), f"{output}/a00001019d1f60")
    system.carry_out([Step("remove them", remove=found)])
    assert sorted(path.name for path in jobs.iterdir()) == [".SEQ", "a00002019d1f60"]
    assert [path.name for path in output.iterdir()] == ["a00002019d1f60"]
    assert list(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path)))) == []


def test_a_job_is_known_by_its_own_owner_not_by_what_a_link_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = spool(tmp_path / "atjobs")
    (tmp_path / "others").touch()
    os.chown(tmp_path / "others", NOBODYS_UID, NOBODYS_UID)
    (jobs / "a00001019d1f60").symlink_to(tmp_path / "others")
    monkeypatch.setattr(system, "_JOBS", (str(jobs),))
    assert list(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path)))) == []
    os.chown(jobs / "a00001019d1f60", NOBODYS_UID, NOBODYS_UID, follow_symlinks=False)
    system.carry_out([Step("remove it", remove=tuple(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path)))))])
    assert list(jobs.iterdir()) == []
    assert (tmp_path / "others").exists()


def test_jobs_of_at_are_read_of_whom_is_to_go_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = spool(tmp_path / "atjobs", a00001019d1f60=1, a00002019d1f60=2)
    monkeypatch.setattr(system, "_JOBS", (str(jobs),))
    monkeypatch.setattr(system, "_SPOOLS", ())
    wish = Wish((User("daemon", 1, present=False), User("bin", 2)))
    host = system.read_host(wish)
    assert host.entries["daemon"].leftovers == (f"{jobs}/a00001019d1f60",)
    assert host.entries["bin"].leftovers == ()
    assert f"remove {jobs}/a00001019d1f60" in [step.say for step in plan(wish, host)]
    assert (jobs / "a00001019d1f60").exists()


def test_nothing_is_removed_through_a_link_that_the_user_planted(tmp_path: Path) -> None:
    other, home = tmp_path / "other", tmp_path / "sato"
    for place in (other, home):
        place.mkdir()
    (other / "authorized_keys").touch()
    (home / ".ssh").symlink_to(other)
    # Planted before the host was read: the link itself goes.
    found = tuple(system._leftovers(Owner("sato", NOBODYS_UID, str(home))))
    assert found == (f"{home}/.ssh",)
    # Planted after: refused, in one sentence.
    with pytest.raises(PeopleError, match=r"\.ssh is no directory of its own now: look at it, then run again"):
        system.carry_out([Step("remove it", remove=(f"{home}/.ssh/authorized_keys",))])
    system.carry_out([Step("remove it", remove=found)])
    assert (other / "authorized_keys").exists()
    assert not (home / ".ssh").is_symlink()


def test_a_link_in_place_of_the_keys_goes_and_what_it_names_stays(tmp_path: Path) -> None:
    (tmp_path / "others").touch()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/authorized_keys").symlink_to(tmp_path / "others")
    system.carry_out([Step("remove it", remove=tuple(system._leftovers(Owner("sato", NOBODYS_UID, str(tmp_path)))))])
    assert (tmp_path / "others").exists()
    assert not (tmp_path / ".ssh/authorized_keys").is_symlink()


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "authorized_keys").mkdir()
    with pytest.raises(PeopleError, match="remove it by hand, then run again"):
        system.carry_out([Step("remove it", remove=(f"{tmp_path}/authorized_keys",))])
    system.carry_out([Step("remove it", remove=(f"{tmp_path}/none", f"{tmp_path}/no/directory"))])


def test_a_users_processes_end() -> None:
    with subprocess.Popen(["sleep", "600"], user=NOBODYS_UID) as process:
        assert NOBODYS_UID in {uid for _pid, uid in system._processes()}
        system.carry_out([Step("end", end_uid=NOBODYS_UID)])
        assert process.wait(timeout=5) == -9
    assert NOBODYS_UID not in {uid for _pid, uid in system._processes()}


def test_a_step_that_fails_is_told_with_the_tools_words() -> None:
    system.carry_out([Step("do nothing", ("true",))])
    with pytest.raises(PeopleError, match="could not list that: ls: "):
        system.carry_out([Step("list that", ("ls", "/no/such/place"))])
    with pytest.raises(PeopleError, match="could not try: exit status 1"):
        system.carry_out([Step("try", ("false",))])


MOUNTINFO = """\
22 1 0:21 / /proc rw,nosuid - proc proc rw
40 1 0:50 / /home/sato/data rw,nosuid,nodev - fuse.sshfs sato@data1:/ rw,user_id=3001,group_id=3001
41 40 0:51 / /home/sato/data/more\\040of\\040it rw - fuse.sshfs sato@data2:/ rw,user_id=3001,group_id=3001
42 1 0:52 / /sys/fs/fuse/connections rw - fusectl fusectl rw
43 1 0:53 / /mnt/other rw - fuseblk /dev/sdb rw,user_id=0,group_id=0
"""


def test_fuse_mounts_are_found_by_user_the_innermost_first() -> None:
    assert system.fuse_mounts(MOUNTINFO) == {3001: ["/home/sato/data/more of it", "/home/sato/data"], 0: ["/mnt/other"]}


def test_a_mount_that_went_by_itself_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text("22 1 0:21 / /proc rw,nosuid - proc proc rw\n")
    monkeypatch.setattr(system, "_MOUNTS", tmp_path / "mountinfo")
    system.carry_out([Step("unmount /home/sato/data", unmount="/home/sato/data")])
