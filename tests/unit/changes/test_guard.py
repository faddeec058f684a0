from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from types import SimpleNamespace

import pytest

from module_utils import programs
from module_utils.changes import arming, guard, restore, store
from module_utils.changes.record import ChangeError

from .support import ICHIRO, Bench

TOO_LATE = (
    "the time of this change (change_seconds) was over before this task, so the host puts everything back, and this task wrote "
    "nothing: run again with a larger change_seconds"
)
AGAIN = "so the host puts everything back, and this task wrote nothing: run again"
RESTARTED = f"the host was restarted before this task, {AGAIN}"
HALF = f"this change is being undone, and not all is back yet, {AGAIN}"


@pytest.fixture(autouse=True)
def handles(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """What a module's process would hold until it ends."""
    found: list[int] = []
    monkeypatch.setattr(guard, "inherited", found)
    monkeypatch.setattr(programs, "inherited", found)
    yield found
    for handle in found:
        os.close(handle)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    found = Bench.make(tmp_path)
    monkeypatch.setattr(guard, "BOOT_ID", found.site.boot_id)
    return found


def test_writing_goes_on_while_the_change_is_held(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    assert guard.over(change, bench.base) == ""
    assert guard.over("", bench.base) == "", "nothing was armed: check mode, or a benchmark"


def test_without_an_id_nothing_is_looked_at(tmp_path: Path) -> None:
    assert guard.over("", tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("timer", TOO_LATE),
        ("boot", RESTARTED),
        ("asked", f"undoing this change was asked for before this task, {AGAIN}"),
    ],
)
def test_what_was_undone_is_over_and_why_is_told(bench: Bench, why: str, words: str) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--id", change, "--why", why])
    assert guard.over(change, bench.base) == words
    other = arming.arm(bench.site, bench.wanted(ICHIRO))["id"]
    assert guard.over(change, bench.base) == words, "another change does not cover this one's writing"
    assert guard.over(other, bench.base) == ""


def test_what_was_confirmed_or_never_armed_is_over_too(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    arming.confirm(bench.site, change)
    for gone in (change, "20260102T030405Z-abcd"):
        assert guard.over(gone, bench.base).startswith("this host no longer holds the change that this task belongs to")


def test_a_time_that_passed_is_over_before_the_host_begins_to_undo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    late = time.monotonic() + 601
    monkeypatch.setattr("module_utils.changes.guard.time.monotonic", lambda: late)
    assert guard.over(change, bench.base) == TOO_LATE


def test_another_boot_is_over(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.site.boot_id.write_text("the-next-boot\n")
    assert guard.over(change, bench.base) == RESTARTED


def test_a_change_that_is_half_undone_is_over_and_not_confirmed(bench: Bench) -> None:
    """What was put back in part is a mixture of before and after, even where time is left."""
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.machine.ruleset = ""
    bench.machine.failing = {"nft -f": "no such table"}
    assert bench.program(["--id", change, "--why", "asked"]) == 1
    assert guard.over(change, bench.base) == HALF
    with pytest.raises(ChangeError, match=r"its undoing was asked for; .*not put back: the ruleset: nft -f -: no such table"):
        arming.confirm(bench.site, change)
    assert bench.site.store.change() is not None, "the way back is kept"


def module(said: list[str]) -> SimpleNamespace:
    def fail_json(msg: str) -> None:
        said.append(msg)

    return SimpleNamespace(fail_json=fail_json)


def test_undoing_waits_for_what_a_module_has_begun_to_write(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, handles: list[int]
) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    said: list[str] = []
    monkeypatch.setattr(guard, "BASE", bench.base)
    monkeypatch.setenv(guard.VARIABLE, change)
    guard.refuse_when_over(module(said))
    with ThreadPoolExecutor() as pool:
        undoing = pool.submit(bench.program, ["--id", change, "--why", "timer"])
        with pytest.raises(FutureTimeout):
            undoing.result(0.5)
        (bench.root / "etc/ssh/sshd_config").write_text("written meanwhile")
        os.close(handles.pop())
        assert undoing.result(20) == 0
    assert said == []
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"


def begun(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> str:
    """Arm a change and have a module begin to write, for which undoing then waits 0.2 s; return the change's id."""
    change = str(arming.arm(bench.site, bench.wanted())["id"])
    monkeypatch.setattr(restore, "_WRITERS", 0.2)
    monkeypatch.setattr(guard, "BASE", bench.base)
    monkeypatch.setenv(guard.VARIABLE, change)
    guard.refuse_when_over(module([]))
    return change


def test_a_module_that_hangs_keeps_no_host_from_coming_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, handles: list[int]
) -> None:
    change = begun(bench, monkeypatch)
    (bench.root / "etc/ssh/sshd_config").write_text("written first")
    assert bench.program(["--id", change, "--why", "timer"]) == 1, "the timer comes again"
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"
    (bench.root / "etc/ssh/sshd_config").write_text("written last")
    os.close(handles.pop())
    assert bench.program(["--id", change, "--why", "timer"]) == 0
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"


def test_undoing_waits_for_what_a_killed_module_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, handles: list[int], tmp_path: Path
) -> None:
    change = begun(bench, monkeypatch)
    script = f"read _ < {tmp_path}/fifo; echo late > {bench.root}/etc/ssh/sshd_config"
    os.mkfifo(tmp_path / "fifo")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(programs.run, ["sh", "-c", script], RuntimeError)
        with (tmp_path / "fifo").open("w") as fifo:  # opens once the program has begun
            os.close(handles.pop())  # as when the module dies
            assert bench.program(["--id", change, "--why", "timer"]) == 1, "its program has not ended"
            fifo.write("\n")
        assert running.result(20).returncode == 0
    assert bench.program(["--id", change, "--why", "timer"]) == 0
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"


_HOLD = """import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("extra", "status"), [([], 0), (["/usr/local/sbin/kakehashi-revert"], 1)])
def test_one_that_hangs_while_it_confirms_keeps_no_host_from_coming_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, extra: list[str], status: int
) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    (bench.root / "etc/ssh/sshd_config").write_text("Port 2222\n")
    monkeypatch.setattr(restore, "_PATIENCE", 0.2)
    monkeypatch.setattr(store, "_GONE", 5.0 if status == 0 else 0.2)
    argv = [sys.executable, "-c", _HOLD, str(bench.base), *extra]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hanging:
        try:
            assert hanging.stdout is not None
            assert hanging.stdout.readline() == "held\n"
            hanging.send_signal(signal.SIGSTOP)
            assert bench.program(["--id", change, "--why", "asked"]) == 1, "before its time is over nobody is killed"
            assert bench.program(["--id", change, "--why", "timer"]) == status, "one that undoes is let be"
        finally:
            hanging.kill()
    assert (bench.root / "etc/ssh/sshd_config").read_text() == ("Port 22\n" if status == 0 else "Port 2222\n")


def test_nothing_is_written_while_an_undoing_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    said: list[str] = []
    monkeypatch.setattr(guard, "BASE", bench.base)
    monkeypatch.setattr(guard, "_PATIENCE", 0.2)
    monkeypatch.setenv(guard.VARIABLE, change)
    with bench.site.store.alone(0):
        guard.refuse_when_over(module(said))
    assert said == [HALF]


def test_a_record_that_cannot_be_read_lets_nothing_be_written(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    record = bench.base / "pending/change.json"
    for text in ("{", "[]"):
        record.write_text(text)
        assert f"this task wrote nothing: {record} is damaged" in guard.over(change, bench.base)
    record.unlink()
    record.mkdir()
    assert guard.over(change, bench.base).endswith(f"{record}: Is a directory")


def test_a_module_is_ended_with_the_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch, handles: list[int]) -> None:
    said: list[str] = []
    monkeypatch.setattr(guard, "BASE", bench.base)
    change = arming.arm(bench.site, bench.wanted())["id"]
    monkeypatch.delenv(guard.VARIABLE, raising=False)
    guard.refuse_when_over(module(said))
    monkeypatch.setenv(guard.VARIABLE, change)
    guard.refuse_when_over(module(said))
    assert said == []
    os.close(handles.pop())  # the process has ended
    bench.program(["--id", change, "--why", "timer"])
    guard.refuse_when_over(module(said))
    assert said == [TOO_LATE]


def test_the_record_is_where_the_guard_looks(bench: Bench) -> None:
    """The keys that the guard reads by hand are those that arming writes."""
    arming.arm(bench.site, bench.wanted())
    assert {"id", "boot", "ends"} <= set(json.loads((bench.base / "pending/change.json").read_text()))
