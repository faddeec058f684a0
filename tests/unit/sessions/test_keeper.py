"""The keeper keeps in order, bounds, and tells the end in any case."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from module_utils.sessions import frames, keeper, words
from module_utils.sessions.frames import Frame

BEGIN = json.dumps({"user": "sato", "kind": "command", "login": 7, "source": "192.0.2.1 1 2 3", "command": "id"}).encode()
PACKED = frames.pack(Frame(1, frames.OUTPUT, b"hello"))


class Kept:
    """A keeper at work, seen from the recorder, and what it hands to the journal."""

    def __init__(self, state: Path, room: Path, bound: int = 1000, day: int = 10000) -> None:
        self.recorder, theirs = socket.socketpair()
        ours, self.journal = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.settimeout(5)
        self.recorder.settimeout(5)
        one = keeper.Keeper(theirs, ours, keeper.Budget(state, day), bound, str(room))
        self.all = (self.recorder, theirs, ours, self.journal)
        self.thread = Thread(target=one.run, daemon=True)
        self.thread.start()

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_unused: object) -> None:
        with contextlib.suppress(OSError):
            self.recorder.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        for one in self.all:
            one.close()

    def ask(self, message: bytes) -> str:
        keeper.send(self.recorder, message)
        return keeper.receive(self.recorder).decode()

    def told(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.journal.recv(1 << 20).decode().splitlines())


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with Kept(tmp_path, tmp_path) as one:
        yield one


def test_a_session_is_kept_from_begin_to_end(kept: Kept) -> None:
    session = kept.ask(BEGIN).removeprefix("kept ")
    assert words.SESSION.fullmatch(session)
    assert kept.told()["MESSAGE"] == f"begin {session} user=sato kind=command login=7 from=192.0.2.1 command=id"
    assert kept.ask(b"d" + PACKED) == "kept"
    part = kept.told()
    assert (part["KAKEHASHI_SESSION"], part["KAKEHASHI_CHUNK"]) == (session, "0")
    assert frames.of_text(part["KAKEHASHI_DATA"]) == PACKED
    assert kept.ask(b"e0") == "kept"
    assert kept.told()["MESSAGE"].startswith(f"end {session} status=0 chunks=1 bytes={len(PACKED)} sha256=")


def test_a_recorder_that_is_gone_is_told(kept: Kept) -> None:
    kept.ask(BEGIN)
    kept.told()
    kept.recorder.shutdown(socket.SHUT_RDWR)
    assert "status=cut-off chunks=0" in kept.told()["MESSAGE"]


@pytest.mark.parametrize("message", [b"dno frames", b"d" + PACKED[:-1]])
def test_what_is_no_recording_ends_it(kept: Kept, message: bytes) -> None:
    kept.ask(BEGIN)
    kept.told()
    assert "frame" in kept.ask(message)
    assert "status=refused chunks=0" in kept.told()["MESSAGE"]


def test_a_session_has_a_bound(tmp_path: Path) -> None:
    with Kept(tmp_path, tmp_path, bound=2 * len(PACKED)) as one:
        one.ask(BEGIN)
        assert [one.ask(b"d" + PACKED) for _unused in range(2)] == ["kept", "kept"]
        assert "which is its bound" in one.ask(b"d" + PACKED)


def test_a_day_has_a_bound_over_all_sessions(tmp_path: Path) -> None:
    answers = []
    for _unused in range(3):
        with Kept(tmp_path, tmp_path, day=2 * len(PACKED)) as one:
            one.ask(BEGIN)
            answers.append(one.ask(b"d" + PACKED))
    assert answers[:2] == ["kept", "kept"]
    assert "come again tomorrow" in answers[2]


def test_without_room_nobody_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "ROOM", 1 << 62)
    with Kept(tmp_path, tmp_path) as one:
        assert "no room left" in one.ask(BEGIN)


def test_sessions_of_one_user_at_once_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "AT_ONCE", 1)
    with Kept(tmp_path, tmp_path) as first, Kept(tmp_path, tmp_path) as second:
        assert first.ask(BEGIN).startswith("kept ")
        assert "run already" in second.ask(BEGIN)
    with Kept(tmp_path, tmp_path) as third:
        assert third.ask(BEGIN).startswith("kept ")


@pytest.mark.parametrize("left", [b"\0\0\0", b"7\0\0", b"x"])
def test_a_count_that_a_power_cut_spoiled_begins_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "sato.1970-01-01").write_bytes(left)
    budget = keeper.Budget(tmp_path, 10)
    assert budget.take("sato", 6, 0)
    assert not budget.take("sato", 5, 0)


def test_counts_of_past_days_go(tmp_path: Path) -> None:
    budget = keeper.Budget(tmp_path, 10)
    assert budget.take("sato", 4, 0)
    assert budget.take("sato", 6, 0)
    assert not budget.take("sato", 1, 0)
    assert budget.take("sato", 1, 86400)
    (tmp_path / "sato.2020-01-01").touch()
    budget.forget((tmp_path / "sato.2020-01-01").stat().st_mtime + 3 * 86400)
    assert not (tmp_path / "sato.2020-01-01").exists()
