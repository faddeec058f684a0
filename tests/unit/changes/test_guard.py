from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from module_utils.changes import arming, guard

from .support import ICHIRO, Bench

TOO_LATE = (
    "the time of this change (change_seconds) was over before this task, so the host puts everything back and nothing more was "
    "written: run again with a larger change_seconds"
)


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
        ("boot", "the host was restarted before this task, so the host puts everything back and nothing more was written"),
        ("asked", "undoing this change was asked for before this task, so "),
    ],
)
def test_what_was_undone_is_over_and_why_is_told(bench: Bench, why: str, words: str) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--id", change, "--why", why])
    assert guard.over(change, bench.base).startswith(words)
    other = arming.arm(bench.site, bench.wanted(ICHIRO))["id"]
    assert guard.over(change, bench.base).startswith(words), "another change does not cover this one's writing"
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
    assert guard.over(change, bench.base)


def test_a_record_that_cannot_be_read_lets_nothing_be_written(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    record = bench.base / "pending/change.json"
    for text in ("{", "[]"):
        record.write_text(text)
        assert f"nothing more was written: {record} is damaged" in guard.over(change, bench.base)
    record.unlink()
    record.mkdir()
    assert guard.over(change, bench.base).endswith(f"{record}: Is a directory")


def test_a_module_is_ended_with_the_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def fail_json(msg: str) -> None:
        said.append(msg)

    module = SimpleNamespace(fail_json=fail_json)
    monkeypatch.setattr(guard, "BASE", bench.base)
    change = arming.arm(bench.site, bench.wanted())["id"]
    monkeypatch.delenv(guard.VARIABLE, raising=False)
    guard.refuse_when_over(module)
    monkeypatch.setenv(guard.VARIABLE, change)
    guard.refuse_when_over(module)
    assert said == []
    bench.program(["--id", change, "--why", "timer"])
    guard.refuse_when_over(module)
    assert said == [TOO_LATE]


def test_the_record_is_where_the_guard_looks(bench: Bench) -> None:
    """The keys that the guard reads by hand are those that arming writes."""
    arming.arm(bench.site, bench.wanted())
    assert {"id", "boot", "ends"} <= set(json.loads((bench.base / "pending/change.json").read_text()))
