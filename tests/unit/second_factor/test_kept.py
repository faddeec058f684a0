"""What a login server keeps, written on a disk of our own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from module_utils.second_factor.enrolment import Secret, written
from module_utils.second_factor.host import carry_out, kept, steps

SATO, KATO = Secret("aa" * 20, 100), Secret("bb" * 20, 200)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to root")
pytestmark = needs_root


@pytest.fixture
def room(tmp_path: Path) -> Path:
    wanted = {"sato": SATO, "kato": KATO}
    carry_out(tmp_path / "kept", wanted, steps(tmp_path / "kept", wanted))
    return tmp_path / "kept"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_written_for_root_alone_and_then_there(room: Path) -> None:
    assert kept(room) == {"sato": SATO, "kato": KATO}
    assert [mode(room / name) for name in ("", "secrets", "failures")] == [0o700] * 3
    assert mode(room / "secrets/sato") == 0o600
    assert steps(room, {"sato": SATO, "kato": KATO}) == []


def test_what_was_used_stays_with_its_secret(room: Path) -> None:
    used = written("sato", SATO).rstrip("\n") + "\t0\t017621\t2026-11-29T14:20:32L\n"
    (room / "secrets/sato").write_text(used)
    (room / "failures/sato").write_text("five")
    (room / "secrets/sato").chmod(0o644)
    todo = steps(room, {"sato": SATO, "kato": KATO})
    assert todo == [("write", "sato")]
    carry_out(room, {"sato": SATO}, todo)
    assert (room / "secrets/sato").read_text() == used
    assert mode(room / "secrets/sato") == 0o600
    assert (room / "failures/sato").exists()


def test_a_new_secret_begins_anew(room: Path) -> None:
    (room / "failures/sato").write_text("five")
    new = {"sato": Secret("cc" * 20, 300), "kato": KATO}
    carry_out(room, new, steps(room, new))
    assert kept(room) == new
    assert not (room / "failures/sato").exists()


def test_who_is_not_named_goes(room: Path) -> None:
    (room / "secrets/mallory").write_text("HOTP/T30/6\tmallory\t-\t" + "ee" * 20 + "\n")
    todo = steps(room, {"sato": SATO})
    assert sorted(todo) == [("remove", "kato"), ("remove", "mallory")]
    carry_out(room, {"sato": SATO}, todo)
    assert sorted(path.name for path in (room / "secrets").iterdir()) == ["sato"]


def test_it_waits_for_a_login_under_way(room: Path) -> None:
    lock, asked = room / "secrets/sato.lock", threading.Event()
    lock.touch()

    def login() -> None:
        asked.wait()
        (room / "secrets/sato").write_text("what pam_oath writes last")
        lock.unlink()

    other = threading.Thread(target=login)
    other.start()
    asked.set()
    new = {"sato": Secret("cc" * 20, 300)}
    carry_out(room, new, [("write", "sato")])
    other.join()
    assert kept(room)["sato"] == new["sato"]
    assert not lock.exists()


def test_a_lock_that_was_left_behind_goes(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it pam_oath refuses every code."""
    monkeypatch.setattr("module_utils.second_factor.host._PATIENCE", 0.0)
    (room / "secrets/sato.lock").touch()
    carry_out(room, {"sato": KATO}, [("write", "sato")])
    assert sorted(path.name for path in (room / "secrets").iterdir()) == ["kato", "sato"]


HOLD = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock in a process of its own, as a login does."""
    argv = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as login:
        assert login.stdin is not None
        assert login.stdout is not None
        login.stdout.readline()
        yield
        login.stdin.close()


def aged(path: Path, seconds: int) -> None:
    """Make a file that was written so long ago."""
    path.touch()
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("left", [(".lock",), (".new",), (".lock", ".new")])
@pytest.mark.parametrize("seconds", [600, -600])
def test_what_a_killed_login_left_is_seen_and_goes(room: Path, left: tuple[str, ...], seconds: int) -> None:
    wanted = {"sato": SATO, "kato": KATO}
    for suffix in left:
        aged(room / f"secrets/sato{suffix}", seconds)
    todo = steps(room, wanted)
    assert todo == [("unlock", "sato")]
    carry_out(room, wanted, todo)
    assert sorted(path.name for path in (room / "secrets").iterdir()) == ["kato", "sato"]
    assert (steps(room, wanted), kept(room)) == ([], wanted)


def test_the_lock_of_a_login_under_way_stays(room: Path) -> None:
    wanted, lock = {"sato": SATO, "kato": KATO}, room / "secrets/sato.lock"
    lock.touch()  # made, and not yet locked
    assert steps(room, wanted) == []
    with held(lock):
        aged(lock, 600)
        aged(room / "secrets/sato.new", 600)
        assert steps(room, wanted) == []
    assert steps(room, wanted) == [("unlock", "sato")]
