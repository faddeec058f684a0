from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.changes.entries import Entry, changed_paths, steps_back
from module_utils.changes.record import (
    DEFAULT_TREES,
    DEFAULT_UNITS,
    Change,
    ChangeError,
    Holder,
    Result,
    Scope,
    check_id,
    check_seconds,
    held,
    make_id,
    remaining,
    told,
)

HANA = Holder("hana", "ops.example.org", 4711, "2026-01-02T03:04:05Z")
CHANGE = Change("20260102T030405Z-9f3a", HANA, "new keys", 1.5, 600, 1600.0, "boot", ("/etc/ssh",), ("ssh.service",))


def test_a_change_survives_its_record() -> None:
    assert Change.from_json(json.loads(json.dumps(CHANGE.to_json()))) == CHANGE
    for damage in ({}, {**CHANGE.to_json(), "more": 1}, {**CHANGE.to_json(), "format": 99}):
        with pytest.raises(ChangeError, match="the record of the change is"):
            Change.from_json(damage)


def test_a_result_survives_its_record() -> None:
    result = Result(CHANGE.id, "2026-01-02T03:14:05Z", "timer", HANA, "new keys", ["put /etc/hosts back"], [])
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert told(result) == (
        "the change of hana on ops.example.org (new keys) was undone at 2026-01-02T03:14:05Z because nobody confirmed it in "
        "time; 1 thing put back"
    )
    assert told(replace(result, problems=["the ruleset: no"])).endswith("1 thing put back, not put back: the ruleset: no")
    with pytest.raises(ChangeError, match="damaged"):
        Result.from_json({"id": "x"})


@given(st.from_type(Holder), st.text())
def test_any_holder_and_reason_survive(holder: Holder, reason: str) -> None:
    change = replace(CHANGE, holder=holder, reason=reason)
    assert Change.from_json(json.loads(json.dumps(change.to_json()))) == change


def test_the_time_left_goes_by_the_monotonic_clock_of_this_boot() -> None:
    assert remaining(CHANGE, 1000.4, "boot") == 600
    assert remaining(CHANGE, 5000.0, "boot") == 0
    assert remaining(CHANGE, 0.0, "another boot") == 0


def test_the_sentence_on_a_held_change() -> None:
    assert held(CHANGE, 42, "2026-01-02T03:04:05Z") == (
        "hana on ops.example.org (process 4711) holds a change of this host since 2026-01-02T03:04:05Z (new keys); "
        "it is undone by itself in 42 s"
    )
    assert held(replace(CHANGE, reason=""), 0, "x").endswith("since x; it is being undone now")


@pytest.mark.parametrize("data", [{"who": "x"}, {"pid": "x"}])
def test_a_wrong_holder_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ChangeError, match=r"holder has no 'who'|holder.pid is 'x'"):
        Holder.parse(data)


def test_a_holder_without_words_is_unknown() -> None:
    assert Holder.parse({"operator": None, "pid": None}) == Holder()
    assert Holder.parse({"operator": "hana", "controller": "ops.example.org", "pid": "4711", "started": HANA.started}) == HANA


@pytest.mark.parametrize(
    ("trees", "units", "interfaces", "words"),
    [
        (["etc/ssh"], [], [], "can't be kept"),
        (["/etc"], [], [], "can't be kept"),
        (["/"], [], [], "can't be kept"),
        (["/etc/../ssh"], [], [], "can't be kept"),
        ([], ["ssh"], [], "no name of a unit"),
        ([], ["--force.service"], [], "no name of a unit"),
        ([], [], ["a b"], "no name of an interface"),
    ],
)
def test_a_wrong_scope_is_refused(trees: list[str], units: list[str], interfaces: list[str], words: str) -> None:
    with pytest.raises(ChangeError, match=words):
        Scope.parse(trees, units, interfaces)


def test_scopes_compare() -> None:
    assert Scope.parse(DEFAULT_TREES, DEFAULT_UNITS, []) == Scope()
    wide = Scope(("/etc/ssh/x", "/etc/sshd"), ("ssh.service", "a.service"), ("eth0",))
    assert wide.missing_from(CHANGE) == ["/etc/sshd", "a.service"]
    assert wide.missing_from(replace(CHANGE, interfaces=("eth1",))) == ["/etc/sshd", "a.service", "eth0"]


@pytest.mark.parametrize("text", ["", "../../x", "20260102T030405Z-9f3", "20260102T030405Z-9f3a/"])
def test_only_ids_become_names(text: str) -> None:
    with pytest.raises(ChangeError, match="no id of a change"):
        check_id(text)


def test_ids_and_seconds() -> None:
    assert make_id("20260102T030405Z", "9f3a") == CHANGE.id
    assert check_seconds(600) == 600
    for wrong in (0, 29, 86401):
        with pytest.raises(ChangeError, match=f"seconds is {wrong}"):
            check_seconds(wrong)


FILE = Entry("file", 0o644, 0, 0, 1, "a")
LINK = Entry("link", 0o777, 0, 0, 1, "x")
DIRECTORY = Entry("directory", 0o755, 0, 0, 1)


def actions(before: dict[str, Entry], now: dict[str, Entry]) -> list[str]:
    return [f"{s.action} {s.path}" for s in steps_back(before, now)]


def test_removals_come_first_and_the_deepest_first_of_them() -> None:
    now = {"/d": DIRECTORY, "/d/e": DIRECTORY, "/d/e/f": FILE, "/g": FILE}
    before = {"/g": LINK, "/h": DIRECTORY, "/h/i": FILE}
    wanted = ["remove /d/e/f", "remove /d/e", "remove /d", "make_directory /h", "link /g", "write /h/i"]
    assert actions(before, now) == wanted


def test_a_kind_that_is_in_the_way_goes_first() -> None:
    assert actions({"/a": FILE}, {"/a": DIRECTORY, "/a/b": FILE}) == ["remove /a/b", "remove /a", "write /a"]
    assert actions({"/a": DIRECTORY}, {"/a": LINK}) == ["remove /a", "make_directory /a"]
    assert actions({"/a": FILE}, {"/a": LINK}) == ["write /a"]
    assert actions({"/a": FILE}, {"/a": replace(FILE, mode=0o600)}) == ["attributes /a"]


def test_times_alone_are_no_change() -> None:
    assert changed_paths({"/a": FILE, "/b": FILE}, {"/a": replace(FILE, mtime=9), "/b": replace(FILE, uid=1)}) == ["/b"]


def test_an_entry_survives_its_record() -> None:
    entry = replace(FILE, extras=(("user.note", "00ff"),))
    assert Entry.from_json(json.loads(json.dumps(entry.to_json()))) == entry
    with pytest.raises(ValueError, match="no entry"):
        Entry.from_json({"kind": "file"})
