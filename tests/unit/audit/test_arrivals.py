"""When something came of a host's journal last, and which files of it there are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from module_utils.audit import arrivals
from module_utils.audit.recorder import Recorder, Settings, journals, set_aside
from module_utils.sessions.recordings import Recordings

BATCH: tuple[list[Any], list[Any], str, int] = ([], [], "", 0)


def written(path: Path, at: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (at, at))
    return path


def settings(room: Path) -> Settings:
    return Settings("log1", ("mdx1", "mdx2"), (), str(room / "remote"), str(room), 1, 1)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"__REALTIME_TIMESTAMP": "90000000"}, 90),
        ({"__REALTIME_TIMESTAMP": "900000000"}, 100),  # its clock is ahead: what is written then is not written yet
        ({}, None),
        ([], None),
        ({"__REALTIME_TIMESTAMP": "noon"}, None),
        ({"__REALTIME_TIMESTAMP": []}, None),
    ],
)
def test_the_newest_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: object, at: int | None) -> None:
    monkeypatch.setattr(arrivals, "run", lambda argv, _failure: subprocess.CompletedProcess(argv, 0, json.dumps(said), ""))
    assert arrivals.newest([written(tmp_path / "a", 100)], RuntimeError) == at
    assert arrivals.newest([], RuntimeError) is None
    assert arrivals.newest([tmp_path / "gone"], RuntimeError) is None


@pytest.mark.parametrize("at", [0, -1, -(1 << 70)])
def test_a_time_that_is_none_is_silence(at: int) -> None:
    said = list(arrivals.unheard("log1", (), {"log1": at}, 1e9, 60))
    assert len(said) == 1
    assert said[0].startswith("log1: nothing of its journal came since 1970-01-01 00:00:00 (UTC), ")


def test_the_file_that_was_written_last_is_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(argv: list[str], _failure: type[Exception]) -> subprocess.CompletedProcess[str]:
        asked.append(argv[-1].rpartition("/")[2])
        text = json.dumps({"__REALTIME_TIMESTAMP": "1000000"}) if asked[-1] == "second" else ""
        return subprocess.CompletedProcess(argv, 0, text, "")

    monkeypatch.setattr(arrivals, "run", run)
    paths = [written(tmp_path / name, at) for name, at in (("third", 1), ("first", 3), ("second", 2))]
    assert arrivals.newest(paths, RuntimeError) == 1
    assert asked == ["first", "second"]


def test_files_are_their_hosts(tmp_path: Path) -> None:
    names = (
        "remote/remote-mdx1.journal",
        "remote/remote-mdx1@1.journal",
        "remote/remote-mdx1@2.journal~",
        "remote/remote-mdx10.journal",
        "remote/remote-other.journal",
        "id/system.journal",
        "id/system@1.journal",
        "id/system@2.journal~",
        "id/user-1000.journal",
    )
    for name in names:
        written(tmp_path / name, 1)
    found = {host: sorted(str(p.relative_to(tmp_path)) for p in paths) for host, paths in journals(settings(tmp_path))}
    assert found == {"mdx1": sorted(names[:2]), "log1": sorted(names[5:7])}
    aside = [(host, str(path.relative_to(tmp_path))) for host, path in set_aside(settings(tmp_path))]
    assert aside == [("mdx1", names[2]), ("log1", names[7])]


def test_what_was_set_aside_is_taken_by_itself_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is past reading must not keep the host's others from being read."""
    recorder = Recorder(settings(tmp_path), None, tmp_path, Recordings(tmp_path))  # type: ignore[arg-type] # no chain is kept
    monkeypatch.setattr(recorder, "_sweep", lambda: None)
    read: list[tuple[str, list[str]]] = []

    def see(host: str, _journal: str, paths: list[Path]) -> tuple[list[Any], list[Any], str, int]:
        read.append((host, [path.name for path in paths]))
        return BATCH

    monkeypatch.setattr(recorder, "_read", see)
    monkeypatch.setattr(recorder, "_store", type("Store", (), {"append": lambda *_: 0})())
    written(tmp_path / "remote/remote-mdx1.journal", 1)
    broken = written(tmp_path / "remote/remote-mdx1@1.journal~", 1)
    recorder.turn()
    wanted = [("mdx1", ["remote-mdx1.journal"]), ("mdx1", ["remote-mdx1@1.journal~"])]
    assert read == wanted
    recorder.turn()
    assert read == wanted
    written(broken, 2)
    recorder.turn()
    assert read == [*wanted, wanted[1]]
