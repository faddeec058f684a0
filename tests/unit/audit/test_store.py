"""The chain on a disk: it grows, goes on after a power cut, and lets go what is old."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from module_utils.audit import chain, store
from module_utils.audit.program import MODULES, SESSION_MODULES, build
from module_utils.audit.store import Store, StoreError

DAY = 86400


@pytest.fixture(autouse=True)
def _without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags need root and a disk that knows them: tests/twin tries those."""
    monkeypatch.setattr(store, "set_append_only", lambda *_: None)


def kept(directory: Path, now: float = 1.8e9) -> Store:
    found = Store(directory, lambda: now)
    found.open()
    return found


def test_it_grows_and_goes_on(tmp_path: Path) -> None:
    first = kept(tmp_path)
    assert first.append(chain.ENTRY, [{"id": "a"}, {"id": "b"}]) == 2
    first.close()
    second = Store(tmp_path, lambda: 1.8e9)
    assert {"a", "b"} <= second.open()
    second.append(chain.ENTRY, [{"id": "c"}])
    verdict = chain.verify(store.lines(tmp_path))
    assert (verdict.faults, verdict.head and verdict.head.number) == ((), 3)


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    first = kept(tmp_path)
    with pytest.raises(StoreError, match="is written by another process"):
        Store(tmp_path).open()
    first.close()


@pytest.mark.parametrize("left", ['{"at":1,"bef', '{"at":1}\n'])
def test_it_goes_on_after_a_power_cut(tmp_path: Path, left: str) -> None:
    first = kept(tmp_path)
    first.append(chain.ENTRY, [{"id": "a"}])
    first.close()
    with store.files(tmp_path)[0].open("a") as file:
        file.write(left)
    second = kept(tmp_path)
    second.append(chain.ENTRY, [{"id": "b"}])
    assert chain.verify(store.lines(tmp_path)).faults == ()


def test_whole_months_go_when_they_are_old_enough(tmp_path: Path) -> None:
    begin = 1.8e9  # January 2027
    first = kept(tmp_path, begin)
    first.append(chain.ENTRY, [{"id": "a"}])
    first.close()
    for days in (40, 731, 761):
        later = kept(tmp_path, begin + days * DAY)
        later.append(chain.ENTRY, [{"id": str(days)}])
        gone = later.expire(731)
        later.close()
        assert gone == (["2027-01.jsonl"] if days == 761 else [])
        assert chain.verify(store.lines(tmp_path)).faults == ()
    store.files(tmp_path)[0].unlink()
    assert chain.verify(store.lines(tmp_path)).faults != ()


def test_a_clock_that_goes_back_keeps_the_order(tmp_path: Path) -> None:
    first = kept(tmp_path, 1.8e9)
    first.close()
    second = kept(tmp_path, 1.7e9)
    second.append(chain.ENTRY, [{"id": "a"}])
    assert chain.verify(store.lines(tmp_path)).faults == ()
    assert len(store.files(tmp_path)) == 1


def test_the_program_is_one_file_and_needs_nothing_else(tmp_path: Path) -> None:
    program = tmp_path / "kakehashi-audit"
    program.write_bytes(build())
    assert build() == build()
    assert len(zipfile.ZipFile(program).namelist()) == len(MODULES) + len(SESSION_MODULES) + 2
    done = subprocess.run([sys.executable, "-I", program, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout
