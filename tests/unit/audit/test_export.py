"""What is read of a journal: bounded whatever stands there, past what is too long, and nothing that nobody vouches for."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.audit import export
from module_utils.audit.entries import FIELDS, LEFT_OUT, asked_for, entry_of, left_out_of
from module_utils.audit.export import LONGEST, found_in
from module_utils.audit.recorder import Recorder, Settings
from module_utils.sessions import frames, recorder, words
from module_utils.sessions.recordings import Recordings

NAMES = ("sshd", "sudo", "su", "kakehashi-sign", "kakehashi-session")
MIB = 1 << 20


def text(name: str, value: bytes | str) -> bytes:
    return f"{name}=".encode() + (value if isinstance(value, bytes) else value.encode()) + b"\n"


def binary(name: str, value: bytes) -> bytes:
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def said(number: int, *fields: bytes, by: str = "sshd", uid: str = "0") -> bytes:
    head = (("__CURSOR", f"c{number}"), ("__REALTIME_TIMESTAMP", str(number)), ("_UID", uid), ("SYSLOG_IDENTIFIER", by))
    return b"".join([*(text(*one) for one in head), *fields, b"\n"])


def read(given: bytes) -> list[export.Found]:
    return list(found_in(io.BytesIO(given), FIELDS))


def test_an_entry_is_read_as_it_was_said() -> None:
    [one, two] = read(said(1, text("MESSAGE", "a=b"), text("OTHER", "x")) + said(2, binary("MESSAGE", b"a\n\x1b\xffb")))
    assert (one.fields["MESSAGE"], one.fields["__CURSOR"], one.too_long) == ("a=b", "c1", [])
    assert "OTHER" not in one.fields
    assert two.fields["MESSAGE"] == "a\n\x1b\N{REPLACEMENT CHARACTER}b"
    # As journalctl's JSON gave it, so that what is in a chain already is known again.
    entry = entry_of("mdx1", two.fields)
    assert entry is not None
    assert entry.text == "a??\N{REPLACEMENT CHARACTER}b"


def test_of_a_field_that_stands_twice_the_first_counts() -> None:
    [one] = read(said(1, text("MESSAGE", "first"), text("MESSAGE", "second")))
    assert one.fields["MESSAGE"] == "first"


@pytest.mark.parametrize("field", [binary, text])
def test_what_is_too_long_is_passed_over_and_costs_nothing(tmp_path: Path, field: Any) -> None:
    path = tmp_path / "journal"
    path.write_bytes(said(1, field("MESSAGE", b"\xff" * (30 * MIB)), text("_PID", "7")) + said(2, text("MESSAGE", "x")))
    tracemalloc.start()
    try:
        with path.open("rb") as stream:
            one, two = found_in(stream, FIELDS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * MIB
    assert (one.too_long, one.fields["__CURSOR"], one.fields["_PID"]) == (["MESSAGE"], "c1", "7")
    assert (two.too_long, two.fields["MESSAGE"]) == ([], "x")


@pytest.mark.parametrize("field", [binary, text])
@pytest.mark.parametrize(("length", "whole"), [(LONGEST, True), (LONGEST + 1, False)])
def test_the_bound_is_the_fields(field: Any, length: int, *, whole: bool) -> None:
    one, two = read(said(1, field("MESSAGE", b"x" * length), field("_EXE", b"/x")) + said(2))
    assert (one.too_long == []) is whole
    assert (one.fields["_EXE"], two.fields["__CURSOR"]) == ("/x", "c2")


def test_a_part_of_a_recording_is_within_it() -> None:
    """The longest that a recorder hands over: what came together, less than full, and one read more, not to be compressed."""
    frame = frames.pack(frames.Frame(1, frames.OUTPUT, os.urandom(recorder._READ)))
    longest = frames.as_text(os.urandom(recorder._FULL - 1) + frame)
    assert 1 << 16 < len(longest) < LONGEST


@given(st.binary(max_size=400), st.integers(0, 400))
def test_anything_is_read_or_left_out(more: bytes, cut: int) -> None:
    whole = said(1, text("MESSAGE", "x"), binary("_EXE", b"y"))
    read(more)
    read(whole[:cut] + more)
    assert read(whole + more)[0].fields["MESSAGE"] == "x"


def recorder_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bytes) -> Recorder:
    """A recorder whose journalctl gives this, and keeps the words that it was called by."""
    (tmp_path / "given").write_bytes(given)
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/words\ncat {tmp_path}/given\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    settings = Settings("log1", ("mdx1",), NAMES, "", "", 1, 1)
    return Recorder(settings, None, tmp_path, Recordings(tmp_path / "recordings"))  # type: ignore[arg-type] # no chain is kept


def test_the_recorder_goes_past_an_entry_that_is_too_long_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = (text("KAKEHASHI_SESSION", "2026-12-01T093015Z-sato-3f2a9c0d1e5b"), text("KAKEHASHI_CHUNK", "0"))
    unit = text("_SYSTEMD_UNIT", "kakehashi-sessions@1-2-0.service")
    given = (
        said(1, text("MESSAGE", "Invalid user x from 192.0.2.7 port 1")),
        said(2, binary("MESSAGE", b"\xff" * MIB)),
        said(3, *part, unit, text("KAKEHASHI_DATA", "A" * (LONGEST + 1)), by=words.HOLDS),
        said(4, *part, unit, text("KAKEHASHI_DATA", "A" * 65580), by=words.HOLDS),
        said(5, binary("MESSAGE", b"\xff" * MIB), uid="3001"),
    )
    entries, chunks, cursor, count = recorder_of(tmp_path, monkeypatch, b"".join(given))._read("mdx1", "mdx1", [])
    assert (cursor, count) == ("c5", 5)
    assert [len(chunk.data) for chunk in chunks] == [65580]
    # What an account says under sshd's name is no entry of sshd's, however long: nobody floods the chain by it.
    assert [(e.host, e.by, e.at) for e in entries] == [("mdx1", "sshd", 1), ("mdx1", LEFT_OUT, 2), ("mdx1", LEFT_OUT, 3)]
    assert [e.text for e in entries[1:]] == [
        "an entry of sshd by root was left out: MESSAGE longer than 128 KiB",
        "an entry of kakehashi-session-data by root was left out: KAKEHASHI_DATA longer than 128 KiB",
    ]


def test_the_journal_is_asked_for_what_may_be_vouched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else journalctl itself would read what accounts log, however long it is."""
    recorder_of(tmp_path, monkeypatch, b"")._read("mdx1", "mdx1", [])
    given = (tmp_path / "words").read_text().splitlines()
    assert given[-len(asked_for(NAMES)) :] == asked_for(NAMES)
    assert "--output=export" in given
    assert not [word for word in given if word.startswith("--identifier")]


def matched(asked: list[str], fields: dict[str, str]) -> bool:
    """As journalctl does: fields of a group all match, one of several words for one field does."""
    for group in " ".join(asked).split(" + "):
        by: dict[str, set[str]] = {}
        for word in group.split(" "):
            name, _equals, value = word.partition("=")
            by.setdefault(name, set()).add(value)
        if all(fields.get(name) in values for name, values in by.items()):
            return True
    return False


@pytest.mark.parametrize("by", [*NAMES, "sshd-session", "cron", words.HOLDS, LEFT_OUT])
@pytest.mark.parametrize("uid", ["0", "998", "3001"])
@pytest.mark.parametrize("gid", ["0", "3001"])
@pytest.mark.parametrize("exe", ["/usr/bin/sudo", "/usr/bin/logger"])
@pytest.mark.parametrize("unit", ["kakehashi-sign-sshd.service", "session-1.scope"])
@pytest.mark.parametrize("transport", ["syslog", "journal"])
def test_what_the_journal_gives_is_what_is_vouched_for(by: str, uid: str, gid: str, exe: str, unit: str, transport: str) -> None:
    fields = {
        "SYSLOG_IDENTIFIER": by, "_UID": uid, "_GID": gid, "_EXE": exe, "_SYSTEMD_UNIT": unit, "_TRANSPORT": transport,
        "MESSAGE": "x",
    }  # fmt: skip
    kept = by in (*NAMES, words.HOLDS) and left_out_of("mdx1", fields, ["MESSAGE"]) is not None
    assert matched(asked_for((*NAMES, LEFT_OUT)), fields) is kept
    if by != words.HOLDS:
        assert (entry_of("mdx1", fields) is not None) is (left_out_of("mdx1", fields, ["MESSAGE"]) is not None)
