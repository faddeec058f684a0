"""The log server's service: takes what the audit keeps out of the journals as they arrive, and appends it to the chain."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, cast

from ..sessions.recordings import FIELDS as RECORDING_FIELDS
from ..sessions.recordings import Chunk, Recordings, chunk_of
from . import alerts, export
from .chain import ENTRY
from .entries import FIELDS, Entry, as_data, asked_for, entry_of, left_out_of
from .sealed import Watch, use_of
from .store import Store

STATE = "/var/lib/kakehashi-audit"
_BATCH = 500
_DAY = 86400
_ASIDE_DAYS = 28
"""How far back a file that was set aside is taken: of what is longer ago the store doesn't know whether it has it."""
_FIELDS = (*FIELDS, *RECORDING_FIELDS)


@dataclass(frozen=True)
class Settings:
    """Where journals lie and whose they are. ``senders`` are known by their certificates; ``own`` is the log server itself.

    ``break_glass`` are the names of sealed credentials, ``alert_command`` what is run when one was used, if anything.
    """

    own: str
    senders: tuple[str, ...]
    identifiers: tuple[str, ...]
    received: str
    local: str
    days: int
    port: int
    break_glass: tuple[str, ...] = ()
    alert_command: tuple[str, ...] = ()


def settings_of(text: str) -> Settings:
    """Return the settings of a file."""
    data = json.loads(text)
    names = tuple(str(name) for name in data["senders"])
    words = tuple(str(word) for word in data["identifiers"])
    return Settings(
        own=str(data["own"]),
        senders=names,
        identifiers=words,
        received=str(data["received"]),
        local=str(data["local"]),
        days=int(data["days"]),
        port=int(data["port"]),
        break_glass=tuple(str(name) for name in data["break_glass"]),
        alert_command=tuple(str(word) for word in data["alert_command"]),
    )


class Recorder:
    """Follows journals. What was taken of each is remembered by its cursor, and what is sent twice is taken once."""

    def __init__(self, settings: Settings, store: Store, state: Path, recordings: Recordings) -> None:
        """Name what is followed, where it is kept, and where cursors are."""
        self._settings, self._store, self._recordings = settings, store, recordings
        self._alerts, self._watch = state / alerts.ROOM, Watch()
        self._cursors_file = state / "cursors.json"
        self._cursors: dict[str, str] = _read_cursors(self._cursors_file)
        self._seen: dict[str, float] = {}
        self._known: set[str] = set()
        self._swept = 0.0
        self._ends = False

    def run(self) -> None:
        """Follow until told to end."""
        self._known = self._store.open()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            while not self._ends:
                self.turn()
                time.sleep(0.5)  # the next look; a signal ends the loop after it
        finally:
            self._store.close()

    def turn(self) -> int:
        """Take what is new of every journal that changed; return how many entries."""
        taken = 0
        for host, paths in journals(self._settings):
            taken += self._look(host, host, paths)
        for host, path in set_aside(self._settings):
            taken += self._look(host, f"{host}/{path.name}", [path])
        if time.time() - self._swept > _DAY:
            self._sweep()
        return taken

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._ends = True

    def _look(self, host: str, journal: str, paths: Sequence[Path]) -> int:
        """Take what is new of a journal of ``host``, if its files changed since the last look."""
        newest = max(_changed(path) for path in paths)
        if self._seen.get(journal) == newest:
            return 0
        taken = self._take(host, journal, paths)
        self._seen[journal] = newest
        return taken

    def _take(self, host: str, journal: str, paths: Sequence[Path]) -> int:
        """Take what lies behind the cursor of ``journal``."""
        taken = 0
        while True:
            entries, chunks, cursor, count = self._read(host, journal, paths)
            for chunk in chunks:
                self._recordings.append(chunk)
            fresh = [e for e in entries if e.id not in self._known]
            self._known.update(e.id for e in fresh)
            data = [as_data(e) for e in fresh]
            # What is in the chain is not read again, so what is to be told is kept before.
            self._alert(data)
            taken += self._store.append(ENTRY, data)
            if cursor and cursor != self._cursors.get(journal):
                self._cursors[journal] = cursor
                self._write_cursors()
            if count < _BATCH:
                return taken

    def _alert(self, entries: Sequence[Mapping[str, Any]]) -> None:
        if self._settings.alert_command:
            told = (use_of(entry, self._settings.break_glass) for entry in entries)
            alerts.keep(self._alerts, self._watch.fresh(use for use in told if use is not None))

    def _read(self, host: str, journal: str, paths: Sequence[Path]) -> tuple[list[Entry], list[Chunk], str, int]:
        after = self._cursors.get(journal)
        argv = ["journalctl", "--output=export", "--no-pager", "--quiet", f"--output-fields={','.join(_FIELDS)}"]
        argv += [f"--file={path}" for path in paths]
        if after:
            argv.append(f"--after-cursor={after}")
        elif journal != host:
            argv.append(f"--since=@{int(time.time() - _ASIDE_DAYS * _DAY)}")
        argv += asked_for(self._settings.identifiers)
        entries: list[Entry] = []
        chunks: list[Chunk] = []
        cursor, count = "", 0
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as reader:  # noqa: S603 - words
            stream = cast(BinaryIO, reader.stdout)
            for found in export.found_in(stream, _FIELDS):
                # Also past what is left out: else one entry would be read again for ever, and nothing behind it.
                cursor, count = found.fields.get("__CURSOR") or cursor, count + 1
                if found.too_long:
                    entry = left_out_of(host, found.fields, found.too_long)
                else:
                    entry = entry_of(host, found.fields)
                part = None if found.too_long else chunk_of(host, found.fields)
                entries += [entry] if entry is not None else []
                chunks += [part] if part is not None else []
                if count >= _BATCH:
                    reader.terminate()
                    break
        return entries, chunks, cursor, count

    def _sweep(self) -> None:
        """Let go what was kept long enough, of the chain and of the journals that were received."""
        self._swept = time.time()
        self._store.expire(self._settings.days)
        self._recordings.expire(self._settings.days, self._swept)
        argv = ["journalctl", "--quiet", f"--directory={self._settings.received}", f"--vacuum-time={self._settings.days}d"]
        if Path(self._settings.received).is_dir():
            subprocess.run(argv, check=False)  # noqa: S603 - words

    def _write_cursors(self) -> None:
        draft = self._cursors_file.with_suffix(".new")
        draft.write_text(json.dumps(self._cursors), encoding="utf-8")
        draft.replace(self._cursors_file)


def journals(settings: Settings) -> Iterator[tuple[str, list[Path]]]:
    """Yield each host with its files. The name of a received file is the certificate's, which no sender can choose."""
    received = Path(settings.received)
    for host in settings.senders:
        paths = [p for p in (received / f"remote-{host}.journal", *received.glob(f"remote-{host}@*.journal")) if p.exists()]
        if paths:
            yield host, paths
    local = list(Path(settings.local).glob("*/system*.journal"))
    if local:
        yield settings.own, local


def set_aside(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield each file that was set aside after a power cut, with its host.

    They are read one by one: journalctl reads nothing at all where one of its files is past reading.
    """
    received = Path(settings.received)
    for host in settings.senders:
        yield from ((host, path) for path in sorted(received.glob(f"remote-{host}@*.journal~")))
    yield from ((settings.own, path) for path in sorted(Path(settings.local).glob("*/system@*.journal~")))


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read_cursors(path: Path) -> dict[str, str]:
    """Return the cursors; where there are none, everything is read again, and what is in the chain is not taken twice."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}
