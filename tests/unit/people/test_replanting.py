"""What a user plants while being removed, and what users left who were removed otherwise. Tried with real processes."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from module_utils.people import system
from module_utils.people.plan import Owner, PeopleError, Step, User, Wish, plan
from tests.support.modules import call

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
UID = 64997  # nobody's
PYTHON = "/usr/bin/python3"  # others may not reach the one that runs this
# Forks and ends, so that its number is another before one can end it by its number, and plants all again each time.
HOPS = """
import os, sys
signs = [sys.argv[1] + "/crontabs/sato", sys.argv[1] + "/atjobs/a00001019d1f60"]
while True:
    for sign in signs:
        os.close(os.open(sign, os.O_WRONLY | os.O_CREAT, 0o600))
    if os.fork():
        os._exit(0)
"""


@pytest.fixture
def spools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Spools into which everybody may write, as the programs of cron and at let them; in a place that others may enter."""
    with tempfile.TemporaryDirectory(prefix="kakehashi-spools-", dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        for spool in ("crontabs", "linger", "atjobs", "atspool"):
            (place / spool).mkdir()
            (place / spool).chmod(0o1777)
        monkeypatch.setattr(system, "_SPOOLS", (f"{place}/crontabs", f"{place}/linger"))
        monkeypatch.setattr(system, "_JOBS", (f"{place}/atjobs", f"{place}/atspool"))
        yield place


@contextlib.contextmanager
def hopping(spools: Path) -> Iterator[None]:
    """Run HOPS as the user, from when it has planted something on."""
    subprocess.run([PYTHON, "-c", HOPS, str(spools)], user=UID, group=UID, check=True, timeout=30)
    try:
        wait_until(lambda: bool(left(spools)))
        yield
    finally:
        system._end_processes(UID)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)  # until it is so


def left(spools: Path) -> list[str]:
    return sorted(path.name for path in spools.glob("*/*"))


def test_processes_that_plant_in_a_loop_do_not_win(spools: Path) -> None:
    with hopping(spools):
        done = system.carry_out([Step("remove sato", ("true",), clear=Owner("sato", UID, "/none"))])
        assert (left(spools), system._running(UID)) == ([], [])
    assert done[-1] == "remove sato"
    said = [f"remove {spools}/{name}, which came meanwhile" for name in ("crontabs/sato", "atjobs/a00001019d1f60")]
    assert sorted(done[:-1]) == sorted(said), "what nobody planned has to be told"


def test_what_was_planned_and_came_back_is_told_once(spools: Path) -> None:
    (spools / "crontabs/sato").touch()
    listed = (f"{spools}/crontabs/sato",)
    steps = [Step("remove it", remove=listed), Step("remove sato", ("true",), clear=Owner("sato", UID, "/none"))]
    assert system.carry_out(steps) == ["remove it", "remove sato"]
    assert left(spools) == []


def test_nor_do_they_where_the_user_has_no_entry(spools: Path) -> None:
    wish = Wish((User("sato", UID, present=False),))
    with hopping(spools):
        found = system.read_host(wish).traces
        assert found["sato"].leftovers
        steps = plan(wish, system.read_host(wish))
        assert steps[0].say.startswith("remove ")
        system.carry_out(steps)
        assert (left(spools), plan(wish, system.read_host(wish))) == ([], ())


def test_a_key_that_is_swapped_for_a_link_before_it_is_removed_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/authorized_keys").touch()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.ssh").symlink_to(tmp_path / "other")
    planned = Step("remove it", remove=(f"{tmp_path}/home/.ssh/authorized_keys",), again=True)
    system.carry_out([planned, Step("remove sato", ("true",), clear=Owner("sato", UID, f"{tmp_path}/home"))])
    assert not (tmp_path / "home/.ssh").is_symlink()
    assert (tmp_path / "other/authorized_keys").exists()


def test_what_comes_back_without_the_user_is_named(spools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_PATIENCE", 0.3)
    over = threading.Event()

    def plant() -> None:
        while not over.is_set():
            (spools / "crontabs/sato").touch()

    planting = threading.Thread(target=plant)
    planting.start()
    try:
        with pytest.raises(PeopleError) as told:
            system.carry_out([Step("remove sato", ("false",), clear=Owner("sato", UID, "/none"))])
    finally:
        over.set()
        planting.join()
    assert str(told.value) == (
        f"{spools}/crontabs/sato of sato can't be cleared away (it comes back as soon as it is taken away): "
        "find what makes it, then run again"
    )


def test_what_can_not_be_taken_away_is_named_with_the_reason(spools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_PATIENCE", 0.1)
    (spools / "crontabs/sato").mkdir()
    with pytest.raises(PeopleError, match=r"crontabs/sato of sato can't be cleared away \(could not remove .*: Is a directory"):
        system.carry_out([Step("remove sato", ("false",), clear=Owner("sato", UID, "/none"))])


def test_a_program_that_has_put_on_another_user_ends_too() -> None:
    put_on = f"import os; os.setresuid({UID}, 1, 1); os.execvp('sleep', ['sleep', '600'])"
    with subprocess.Popen([sys.executable, "-c", put_on]) as process:
        try:
            wait_until(lambda: system._running(UID) == [process.pid])
            system.carry_out([Step("end", end_uid=UID)])
            assert process.wait(timeout=5) == -9
        finally:
            process.kill()


def test_a_process_is_not_hidden_by_its_name() -> None:
    code = (
        "import ctypes; ctypes.CDLL(None).prctl(15, b'x\\rUid:\\t0\\t0\\t0\\t'); print(flush=True); import time; time.sleep(600)"
    )
    with subprocess.Popen([PYTHON, "-c", code], user=UID, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            assert system._running(UID) == [process.pid]
        finally:
            process.kill()


def test_a_process_with_a_number_of_the_users_own_namespace_ends_too() -> None:
    """As newuidmap has it for whom /etc/subuid gives numbers."""
    inside = "read -r mapped && exec setpriv --reuid 1 --clear-groups sleep 600"
    argv = ["unshare", "--user", "sh", "-c", f"echo; {inside}"]
    with subprocess.Popen(argv, user=UID, group=UID, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            if process.stdout.readline() != b"\n":
                pytest.skip("users may not have namespaces of their own here")
            for kind in ("uid_map", "gid_map"):
                Path(f"/proc/{process.pid}/{kind}").write_text(f"0 {UID} 1\n1 {UID + 1000} 1\n")
            process.stdin.write(b"\n")
            process.stdin.close()
            wait_until(lambda: system._running(UID + 1000) == [process.pid])
            system.carry_out([Step("remove sato", ("true",), clear=Owner("sato", UID, ""))])
            assert process.wait(timeout=5) == -signal.SIGKILL
        finally:
            process.kill()


def test_processes_of_root_are_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process of root's would have ended"))
    monkeypatch.setattr(system, "_end_at_once", lambda _: pytest.fail("all processes would have ended"))
    with pytest.raises(PeopleError, match="look at the user by hand"):
        system.carry_out([Step("end", end_uid=0)])


def test_only_the_users_own_end() -> None:
    with subprocess.Popen(["sleep", "600"], user=UID + 1) as other, subprocess.Popen(["sleep", "600"], user=UID) as own:
        try:
            system._end_at_once(UID)
            assert own.wait(timeout=5) == -signal.SIGKILL
            assert other.poll() is None
        finally:
            other.kill()


def module(spools: Path, monkeypatch: pytest.MonkeyPatch, *, check: bool = False) -> dict[str, object]:
    """Run the module for an absent user without an entry, with sudoers of its own."""
    monkeypatch.setattr("library.people.SUDOERS", str(spools / "sudoers.d/kakehashi"))
    monkeypatch.setattr("library.people.SUDOERS_ROOM", str(spools / "sudoers.d"))
    monkeypatch.setattr("ansible.module_utils.files.disk.validate", lambda _wish, **_how: [])
    for name in ("_SPOOLS", "_JOBS"):  # what the module imports stands under another name
        monkeypatch.setattr(f"ansible.module_utils.people.system.{name}", getattr(system, name))
    monkeypatch.delenv("SUDO_USER", raising=False)
    wanted = {"users": [{"name": "sato", "uid": UID, "state": "absent"}], "emptied_groups": []}
    return call("people", wanted, check=check)


def test_what_a_user_without_an_entry_left_is_told_removed_and_then_nothing(
    spools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module(spools, monkeypatch)
    mine, others = ["crontabs/sato", "linger/sato", "atjobs/a1", "atspool/a1"], ["crontabs/kato", "linger/kato", "atjobs/b1"]
    for name in mine + others:
        (spools / name).touch()
        os.chown(spools / name, UID if name in mine else UID + 1, 0)
    words = ["remove " + ", ".join(f"{spools}/{name}" for name in mine)]
    there = left(spools)
    checked = module(spools, monkeypatch, check=True)
    assert (checked["changed"], checked["steps"], left(spools)) == (True, words, there)
    assert checked["diff"] == [{"before": "", "after": f"{words[0]}\n"}]
    done = module(spools, monkeypatch)
    assert (done["changed"], done["steps"], done["diff"]) == (True, words, checked["diff"])
    assert all((spools / name).exists() is (name in others) for name in mine + others)
    again = module(spools, monkeypatch)
    assert (again["changed"], again["steps"]) == (False, [])


def test_a_number_or_home_that_is_somebody_elses_now_keeps_what_is_theirs(spools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("crontabs/sato", "atjobs/a1"):
        (spools / name).touch()
        os.chown(spools / name, UID, 0)
    kato = pwd.struct_passwd(("kato", "x", UID, UID, "", "/home/sato", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [kato])
    monkeypatch.setattr(pwd, "getpwuid", {UID: kato}.__getitem__)
    monkeypatch.setattr(os.path, "lexists", lambda path: path == "/home/sato/.ssh/authorized_keys" or Path(path).exists())
    wish = Wish((User("sato", UID, present=False),))
    with subprocess.Popen(["sleep", "600"], user=UID) as process:
        try:
            (step,) = plan(wish, system.read_host(wish))
            assert (step.remove, step.clear) == ((f"{spools}/crontabs/sato",), None)
            system.carry_out([step])
            assert (left(spools), process.poll()) == (["a1"], None)
        finally:
            process.kill()


def test_who_is_known_but_not_listed_is_left_alone(spools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spools / "crontabs/sato").touch()
    monkeypatch.setattr(pwd, "getpwnam", lambda name: name)  # as from a directory service
    assert system.read_host(Wish((User("sato", UID, present=False),))).traces == {}


def test_a_process_alone_does_not_tell_whose_it_is() -> None:
    wish = Wish((User("sato", UID, present=False),))
    with subprocess.Popen(["sleep", "600"], user=UID) as process:
        try:
            assert plan(wish, system.read_host(wish)) == ()
        finally:
            process.kill()


def test_a_directory_in_place_of_the_keys_lets_nobody_in_and_hinders_nothing(tmp_path: Path) -> None:
    (tmp_path / ".ssh/authorized_keys/x").mkdir(parents=True)
    assert list(system._leftovers(Owner("sato-of-a-test", UID, str(tmp_path)))) == []
