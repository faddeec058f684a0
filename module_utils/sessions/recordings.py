"""Recordings on a log server: one file for each session, which can only grow, beside the chain that tells of it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audit.store import StoreError, set_append_only
from . import frames, words
from .words import Told

DIRECTORY = "/var/log/kakehashi-recordings"
FIELDS = ("KAKEHASHI_SESSION", "KAKEHASHI_CHUNK", "KAKEHASHI_DATA")
_DATA = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_LONGEST_PAUSE = 2.0
_DAY = 86400
_CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b.?|[^\S\n\t]*\r(?=\n)"
)
"""What a terminal obeys and doesn't show (ECMA-48)."""


@dataclass(frozen=True)
class Chunk:
    """A part of a recording: which one, counted from 0, and what a journal holds of it."""

    host: str
    session: str
    number: int
    data: str


def chunk_of(host: str, fields: Mapping[str, Any]) -> Chunk | None:
    """Return the part of a recording that a journal's entry of ``host`` is, or ``None``. Only a keeper's counts."""
    by, unit = fields.get("SYSLOG_IDENTIFIER"), fields.get("_SYSTEMD_UNIT")
    if by != words.HOLDS or fields.get("_UID") != "0" or not isinstance(unit, str) or not words.UNIT.fullmatch(unit):
        return None
    session, number, data = (fields.get(name) for name in FIELDS)
    if not (isinstance(session, str) and isinstance(number, str) and isinstance(data, str)):
        return None
    if not words.SESSION.fullmatch(session) or not re.fullmatch(r"[0-9]{1,9}", number) or not _DATA.fullmatch(data):
        return None
    return Chunk(host, session, int(number), data)


class Recordings:
    """Keeps recordings below ``directory``, by host and month."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        """Name the directory, and what tells the time."""
        self._directory, self._clock = directory, clock
        self._oldest = ""
        self._last: dict[Path, int] = {}

    def path(self, host: str, session: str) -> Path:
        """Return where a session's recording is. Raises ``ValueError`` for a name that no session has."""
        found = words.SESSION.fullmatch(session)
        if found is None or "/" in host or host.startswith("."):
            raise ValueError(f"{session} is no session: name one that `kakehashi-audit sessions` lists")
        return self._directory / host / found["month"] / session

    def append(self, chunk: Chunk) -> bool:
        """Keep a part, unless it is there already; return whether it was new.

        When a session began is its sender's word: one of a day to come would be kept for ever, and one of a month that was let go
        comes too late.
        """
        path = self.path(chunk.host, chunk.session)
        if not self._oldest <= chunk.session[: len("2026-12")] or chunk.session[: len("2026-12-01")] > self._tomorrow():
            return False
        if path not in self._last:
            self._last[path] = max((number for number, _data in _parts(path)), default=-1)
        if chunk.number <= self._last[path]:
            return False
        try:
            is_new = not path.exists()
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            with path.open("a", encoding="ascii") as file:
                file.write(f"{chunk.number} {chunk.data}\n")
            if is_new:
                path.chmod(0o640)
                set_append_only(path, True)
        except OSError as error:
            raise StoreError(f"{path} can't be written ({error.strerror}): make room, then start the service again") from error
        self._last[path] = chunk.number
        return True

    def expire(self, days: int, now: float) -> list[str]:
        """Remove the months that are older than ``days`` as a whole; return which, of which hosts."""
        self._oldest = oldest = time.strftime("%Y-%m", time.gmtime(now - days * _DAY))
        gone = []
        for month in sorted(self._directory.glob("*/[0-9][0-9][0-9][0-9]-[0-9][0-9]")):
            if month.name < oldest:
                for path in month.iterdir():
                    set_append_only(path, False)
                    path.unlink()
                    self._last.pop(path, None)
                month.rmdir()
                gone.append(f"{month.parent.name}/{month.name}")
        return gone

    def _tomorrow(self) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self._clock() + _DAY))

    def there(self, told: Told) -> bool:
        """Return whether anything of a session is here."""
        return self.path(told.host, told.session).exists()

    def read(self, told: Told) -> tuple[list[frames.Frame], str]:
        """Return what was recorded of a session, and in words what is wrong with it; nothing where it is whole."""
        found: list[frames.Frame] = []
        digest, expected = hashlib.sha256(), 0
        for number, data in _parts(self.path(told.host, told.session)):
            if number != expected:
                return found, f"part {expected} is missing, so the rest is not shown"
            try:
                packed = frames.of_text(data)
                found += list(frames.unpack(packed))
            except frames.FrameError as error:
                return found, f"part {number}: {error}"
            digest.update(packed)
            expected += 1
        if told.digest and (expected, digest.hexdigest()) != (told.chunks, told.digest):
            return found, "it is not what the chain says was recorded: parts were changed, or are on their way"
        return found, ""


def _parts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and data of each part; a line that a power cut left unfinished is none."""
    # A session of which nothing was kept has no file; its end says how many parts are missing.
    with contextlib.suppress(FileNotFoundError), path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            number, _space, data = line.rstrip("\n").partition(" ")
            if line.endswith("\n") and number.isdigit():
                yield int(number), data


def session_lines(found: Mapping[str, Told], recordings: Recordings) -> Iterator[str]:
    """Yield a line for each session, oldest first."""
    for told in sorted(found.values(), key=lambda t: t.began):
        what = told.command or "shell"
        state = f"status {told.status}, {told.bytes} bytes" if told.status else "no end was told"
        kept = "" if recordings.there(told) or not told.chunks else ", RECORDING MISSING"
        yield f"{told.session}  {told.host}  from {told.source or '?'}  {told.kind}: {what}  ({state}{kept})"


def as_lines(shown: list[frames.Frame]) -> str:
    """Return what was recorded as text that no terminal obeys: what was typed into a command is marked."""
    text = ""
    for frame in shown:
        if frame.stream != frames.WINDOW:
            said = frame.data.decode("utf-8", "replace")
            text += "".join(f"<- {line}\n" for line in said.splitlines()) if frame.stream == frames.INPUT else said
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in _CONTROL.sub("", text))


def play(shown: list[frames.Frame], speed: float) -> None:
    """Show what a terminal showed, as it did: the terminal that this runs on obeys it."""
    before = 0
    for frame in shown:
        pause = min((frame.at - before) / 1000 / speed, _LONGEST_PAUSE)
        before = frame.at
        if pause > 0:
            time.sleep(pause)
        if frame.stream in (frames.OUTPUT, frames.ERRORS, frames.TERMINAL):
            sys.stdout.buffer.write(frame.data)
            sys.stdout.buffer.flush()
