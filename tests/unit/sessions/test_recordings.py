"""What a log server keeps of recordings, and whether it is what was recorded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from module_utils.sessions import frames, recordings, words
from module_utils.sessions.frames import Frame
from module_utils.sessions.recordings import Chunk, Recordings, chunk_of
from module_utils.sessions.words import Told

SESSION = "2026-12-01T093015Z-sato-3f2a9c0d1e5b"
NOW = 1796119200.0
"""2026-12-01."""
SHOWN = ((0, b"\x1b[31mone\x1b[0m\r\n"), (900, b"two\x1b]0;t\x07\r\n"))
PARTS = [frames.pack(Frame(at, frames.TERMINAL, text)) for at, text in SHOWN]
FIELDS = {
    "SYSLOG_IDENTIFIER": words.HOLDS,
    "_UID": "0",
    "_SYSTEMD_UNIT": "kakehashi-sessions@1-2-0.service",
    "KAKEHASHI_SESSION": SESSION,
    "KAKEHASHI_CHUNK": "0",
    "KAKEHASHI_DATA": "AAAA",
}


def told(status: str = "0") -> Told:
    digest = hashlib.sha256(b"".join(PARTS)).hexdigest()
    return Told(SESSION, "login1", "b", "sato", "terminal", 1, "192.0.2.1", "", 1, 2, status, len(PARTS), 9, digest)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recordings:
    monkeypatch.setattr(recordings, "set_append_only", lambda _path, _wanted: None)  # not every file system has it
    found = Recordings(tmp_path, lambda: NOW)
    for number, packed in enumerate(PARTS):
        assert found.append(Chunk("login1", SESSION, number, frames.as_text(packed)))
    return found


def test_a_recording_is_read_as_it_was_made(kept: Recordings) -> None:
    shown, wrong = kept.read(told())
    assert (recordings.as_lines(shown), wrong) == ("one\ntwo\n", "")


def test_what_comes_twice_is_kept_once(kept: Recordings, tmp_path: Path) -> None:
    assert not kept.append(Chunk("login1", SESSION, 1, frames.as_text(PARTS[0])))
    assert not Recordings(tmp_path, lambda: NOW).append(Chunk("login1", SESSION, 0, frames.as_text(PARTS[1])))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0 ", "7 ", "part 0 is missing"),
        ("1 ", "1 AA", "part 1: a chunk can't be unpacked"),
        (f"1 {frames.as_text(PARTS[1])}", f"1 {frames.as_text(PARTS[0])}", "not what the chain says"),
        (f"1 {frames.as_text(PARTS[1])}\n", "", "not what the chain says"),
    ],
)
def test_what_was_changed_is_told(kept: Recordings, old: str, new: str, words: str) -> None:
    path = kept.path("login1", SESSION)
    path.write_text(path.read_text().replace(old, new, 1))
    assert words in kept.read(told())[1]


def test_old_months_go_as_a_whole(kept: Recordings) -> None:
    assert kept.expire(731, 1795948949) == []
    assert kept.expire(731, 1795948949 + 800 * 86400) == ["login1/2026-12"]
    assert not kept.there(told())


@pytest.mark.parametrize(
    ("began", "kept_there"), [("2026-12-02", True), ("2026-12-03", False), ("2999-01-01", False), ("2026-99-01", False)]
)
def test_a_day_to_come_is_not_kept(kept: Recordings, tmp_path: Path, began: str, kept_there: bool) -> None:
    session = f"{began}T093015Z-sato-3f2a9c0d1e5b"
    assert kept.append(Chunk("login1", session, 0, frames.as_text(PARTS[0]))) == kept_there
    assert (tmp_path / "login1" / began[:7] / session).exists() == kept_there


def test_what_was_let_go_does_not_come_back(kept: Recordings, tmp_path: Path) -> None:
    old = Chunk("login1", "2020-01-01T093015Z-sato-3f2a9c0d1e5b", 0, frames.as_text(PARTS[0]))
    kept.expire(731, NOW)
    assert not kept.append(old)
    assert not (tmp_path / "login1/2020-01").exists()


def test_a_name_is_no_path(kept: Recordings) -> None:
    for host, session in (("login1", "../x"), ("../x", SESSION), ("login1", f"{SESSION}/..")):
        with pytest.raises(ValueError, match="is no session"):
            kept.path(host, session)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("SYSLOG_IDENTIFIER", "other"),
        ("_UID", "3001"),
        ("_SYSTEMD_UNIT", "session-1.scope"),
        ("_SYSTEMD_UNIT", None),
        ("KAKEHASHI_SESSION", "../../etc/passwd"),
        ("KAKEHASHI_CHUNK", "-1"),
        ("KAKEHASHI_DATA", "a b"),
        ("KAKEHASHI_DATA", [1, 2]),
    ],
)
def test_only_a_keepers_entry_is_a_part(field: str, value: Any) -> None:
    assert chunk_of("login1", FIELDS) == Chunk("login1", SESSION, 0, "AAAA")
    assert chunk_of("login1", {**FIELDS, field: value}) is None


def test_the_list_says_where_a_recording_is_missing(kept: Recordings, tmp_path: Path) -> None:
    (line,) = recordings.session_lines({SESSION: told()}, kept)
    assert line.startswith(SESSION)
    assert "MISSING" not in line
    (line,) = recordings.session_lines({SESSION: told()}, Recordings(tmp_path / "other"))
    assert "RECORDING MISSING" in line
