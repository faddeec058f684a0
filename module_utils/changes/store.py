"""Where a change is kept on the host: one directory, one lock, and renames that decide."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import places
from .entries import Entry
from .locks import end_holders, take
from .record import Change, ChangeError, Result
from .running import Running
from .trees import TreeError

RESERVE = 2 << 20  # bytes: room for directories, results and the file system's own needs
_KEPT_RESULTS = 50
_GONE = 10.0  # seconds in which a process that was killed is gone


@dataclass(frozen=True)
class Snapshot:
    """What was there before: entries of the trees, directories above them, and what ran."""

    entries: Mapping[str, Entry]
    parents: Mapping[str, Entry]
    places: Mapping[str, tuple[int, int]]
    running: Running


class Store:
    """The directory of changes. ``pending``: the one that is held; ``reverted/ID``: undone and not yet told of."""

    def __init__(self, base: Path = places.BASE) -> None:
        self.base = base
        self.pending = places.pending(base)
        self.archive = places.archive(base)

    def reverted(self, change_id: str) -> Path:
        """Return where an undone change is kept."""
        return places.reverted(self.base) / change_id

    def make(self) -> None:
        """Make the directories, for root alone: host keys are among what is kept."""
        for path in (self.base, places.reverted(self.base), places.writers(self.base), self.archive):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)

    @contextlib.contextmanager
    def locked(self, patience: float, *, overdue: bool = False) -> Iterator[None]:
        """Hold the lock; raise ChangeError when somebody else holds it for ``patience`` seconds.

        Where undoing is ``overdue``, one that arms or confirms and hangs is killed: what it left half done is taken over.
        """
        handle = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)  # a directory can be locked on a full disk too
        try:
            got = take(handle, patience)
            if not got and overdue:
                end_holders(handle, spare=places.PROGRAM)
                got = take(handle, _GONE)
            if not got:
                raise ChangeError("another process arms, confirms or undoes a change of this host just now: try again")
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def alone(self, patience: float) -> Iterator[bool]:
        """Keep modules of a change from beginning to write; say whether those that had begun end within ``patience`` seconds."""
        try:
            handle = os.open(places.writers(self.base), os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # armed before modules looked
            yield True
            return
        try:
            yield take(handle, patience)
        finally:
            os.close(handle)

    def change(self) -> Change | None:
        """Return the change that is held, if one is."""
        data = read_json(self.pending / places.CHANGE)
        return None if data is None else Change.from_json(data)

    def attempt(self) -> Result | None:
        """Return how the last try to undo the held change went, if there was one."""
        return _result(self.pending / places.RESULT)

    def results(self) -> list[Result]:
        """Return the changes that were undone and not yet told of, the oldest first."""
        found = (_result(path) for path in sorted(places.reverted(self.base).glob(f"*/{places.RESULT}")))
        return [result for result in found if result is not None]

    def again(self, change_id: str) -> Result | None:
        """Return how undoing an undone change once more went, the last time."""
        return _result(self.reverted(change_id) / places.AGAIN)

    def archived(self, change_id: str) -> Result | None:
        """Return the result of an undone change that was told of already."""
        return _result(self.archive / f"{change_id}.json")

    def archive_results(self) -> None:
        """Keep the results of undone changes, and remove their snapshots."""
        for result in self.results():
            write_json(self.archive / f"{result.id}.json", result.to_json())
            shutil.rmtree(self.reverted(result.id))
        for old in sorted(self.archive.iterdir())[:-_KEPT_RESULTS]:
            old.unlink()

    def confirm(self, change_id: str, found: Mapping[str, Any]) -> Path:
        """End the held change for good and note what was ``found``; return its snapshot, which may be removed."""
        write_json(self.archive / f"{change_id}.confirmed", found)
        target = self.base / f"confirmed-{change_id}"
        self.pending.rename(target)  # from here on no timer and no boot finds it
        sync_directory(self.base)
        return target

    def confirmed(self, change_id: str) -> dict[str, Any] | None:
        """Return what was found when a change was confirmed, None if it wasn't."""
        return read_json(self.archive / f"{change_id}.confirmed")

    def sweep(self) -> None:
        """Remove what arming or confirming left when it was killed."""
        for pattern in ("arming-*", "confirmed-*"):
            for path in self.base.glob(pattern):
                shutil.rmtree(path)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write ``data`` so that the file is whole or not there, even after a crash."""
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync_directory(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what ``write_json`` wrote, None if it isn't there; raise ChangeError if it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise ChangeError(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict):
        raise ChangeError(f"{path} is damaged: it holds no record")
    return data


def sync_directory(path: Path) -> None:
    """Make renames in ``path`` last."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_snapshot(room: Path, snapshot: Snapshot) -> None:
    """Write all of ``snapshot`` but the contents, which a Keeper wrote."""
    write_json(
        room / "snapshot.json",
        {
            "entries": {path: entry.to_json() for path, entry in snapshot.entries.items()},
            "parents": {path: entry.to_json() for path, entry in snapshot.parents.items()},
            "places": {name: list(place) for name, place in snapshot.places.items()},
            "running": snapshot.running.to_json(),
        },
    )


def read_snapshot(room: Path) -> Snapshot:
    """Return the snapshot in ``room``; raise ChangeError if it is damaged or not there."""
    data = read_json(room / "snapshot.json")
    if data is None:
        raise ChangeError(f"{room} holds no snapshot")
    try:
        return Snapshot(
            {path: Entry.from_json(entry) for path, entry in data["entries"].items()},
            {path: Entry.from_json(entry) for path, entry in data["parents"].items()},
            {name: (int(start), int(length)) for name, (start, length) in data["places"].items()},
            Running.from_json(data["running"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ChangeError(f"{room}/snapshot.json is damaged: {error}") from error


def content(room: Path, snapshot: Snapshot, name: str) -> list[bytes]:
    """Return the content whose SHA-256 is ``name``; raise TreeError if the snapshot doesn't hold it unharmed."""
    start, length = snapshot.places.get(name, (0, 0))
    with (room / "contents").open("rb") as file:
        file.seek(start)
        data = file.read(length)
    if hashlib.sha256(data).hexdigest() != name:
        raise TreeError("the snapshot is damaged")
    return [data]


def make_reserve(path: Path, size: int) -> None:
    """Take ``size`` bytes of the disk that putting back may need; raise OSError when they aren't there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)


def _result(path: Path) -> Result | None:
    data = read_json(path)
    return None if data is None else Result.from_json(data)
