"""Keeps a chain in files that can only grow: one for each month, read and written in order."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import chain
from .chain import Record

DIRECTORY = "/var/log/kakehashi-audit"
_GET_FLAGS, _SET_FLAGS, _APPEND_ONLY = 0x80086601, 0x40086602, 0x20
_ENDING = ".jsonl"


class StoreError(RuntimeError):
    """The chain can't be kept; the text says what, where and what to do."""


def append_only(path: Path) -> bool:
    """Return whether the kernel lets a file or directory only grow."""
    return bool(_flags(path)[0] & _APPEND_ONLY)


def set_append_only(path: Path, wanted: bool) -> None:
    """Have the kernel let a file or directory only grow, or no longer."""
    flags = _flags(path)
    if bool(flags[0] & _APPEND_ONLY) is wanted:
        return
    flags[0] ^= _APPEND_ONLY
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.ioctl(handle, _SET_FLAGS, flags)
    except OSError as error:
        raise StoreError(f"{path} can't be made append-only ({error.strerror}): put it on ext4, xfs or btrfs") from error
    finally:
        os.close(handle)


def _flags(path: Path) -> array.array[int]:
    flags = array.array("L", [0])
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.ioctl(handle, _GET_FLAGS, flags)
    except OSError as error:
        raise StoreError(f"{path} can't be made append-only ({error.strerror}): put it on ext4, xfs or btrfs") from error
    finally:
        os.close(handle)
    return flags


def files(directory: Path) -> list[Path]:
    """Return the chain's files, the oldest first."""
    return sorted(directory.glob(f"[0-9][0-9][0-9][0-9]-[0-9][0-9]{_ENDING}"))


def lines(directory: Path, paths: Iterable[Path] | None = None) -> Iterator[str]:
    """Yield the chain's lines."""
    for path in files(directory) if paths is None else paths:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            yield from file


class Store:
    """Appends to the chain in ``directory``; one at a time, which the kernel sees to."""

    def __init__(self, directory: Path, now: Any = time.time) -> None:
        """Name the directory; ``open`` begins."""
        self._directory = directory
        self._now = now
        self._lock: int | None = None
        self._last: Record | None = None

    @property
    def head(self) -> Record | None:
        """Return the last record."""
        return self._last

    def open(self) -> set[str]:
        """Take the chain, mend an unfinished last line, and return the ids of the entries of the last two files."""
        self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._lock = os.open(self._directory, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{self._directory} is written by another process: end that one first") from error
        known: set[str] = set()
        line = ""
        for line in lines(self._directory, files(self._directory)[-2:]):
            record = chain.record_of(line)
            if record is not None:
                self._last = record
                known.add(record["data"].get("id", ""))
        if line and (not line.endswith("\n") or chain.record_of(line) is None):
            self._end_torn(line)
        if self._last is None:
            self.append(chain.BEGIN, [{"host": os.uname().nodename, "salt": os.urandom(16).hex()}])
        for path in (*files(self._directory), self._directory):
            set_append_only(path, True)
        return known

    def close(self) -> None:
        """Let the chain go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def append(self, kind: str, items: Iterable[Mapping[str, Any]]) -> int:
        """Write records, on disk when this returns, and return how many."""
        at = int(self._now() * 1_000_000)
        text, last, count = "", self._last, 0
        for data in items:
            last = chain.linked(last, kind, at, data)
            text += chain.line_of(last)
            count += 1
        if text:
            self._write(at, text)
            self._last = last
        return count

    def expire(self, days: int) -> list[str]:
        """Remove the files whose every record is older than ``days``, each after the chain has told so; return their names."""
        oldest = time.strftime("%Y-%m", time.gmtime(self._now() - days * 86400))
        gone = []
        for path in files(self._directory)[:-1]:
            if path.name.removesuffix(_ENDING) >= oldest:
                break
            found = max(chain.records(lines(self._directory, [path])), key=lambda r: int(r["number"]), default=None)
            if found is not None:
                data = {"file": path.name, "number": found["number"], "digest": found["digest"], "days": days}
                self.append(chain.EXPIRED, [data])
            for held in (self._directory, path):
                set_append_only(held, False)
            try:
                path.unlink()
            finally:
                set_append_only(self._directory, True)
            gone.append(path.name)
        return gone

    def _end_torn(self, line: str) -> None:
        """Go on behind a line that a power cut left unfinished: it stays, and the next record names it."""
        newest = files(self._directory)[-1]
        if not line.endswith("\n"):
            with newest.open("ab") as file:
                file.write(b"\n")
        before = self._last
        if before is not None:
            self.append(chain.TORN, [{"line": chain.torn_digest(line)}])

    def _write(self, at: int, text: str) -> None:
        path = self._directory / (time.strftime("%Y-%m", time.gmtime(at // 1_000_000)) + _ENDING)
        newest = files(self._directory)[-1:]
        if newest and newest[0] > path:
            path = newest[0]  # the clock went back: files stay in the order of their records
        try:
            is_new = not path.exists()
            with path.open("ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                path.chmod(0o640)
                set_append_only(path, True)
                with contextlib.suppress(OSError):
                    os.fsync(self._lock if self._lock is not None else -1)
        except OSError as error:
            raise StoreError(f"{path} can't be written ({error.strerror}): make room, then start the service again") from error
