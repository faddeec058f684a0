"""Key pairs that have a directory (room) of their own, and the second pair beside each. Private halves are never read.

The second pair lies in a room of its own next to the first, so that one exchange of the two names switches both halves at
once. Which of them is newer is told by the time of the private half, which nothing rewrites.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from ..programs import run

BESIDE = ".other-"
"""What stands before the name of a room, in the name of the second pair's."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_LATER = 2_000_000_000
"""Nanoseconds by which a next pair is newer at least, whatever the clock says."""


class RoomError(RuntimeError):
    """A pair that can't be replaced; the text says what to do."""


@dataclass(frozen=True)
class Room:
    """A directory that holds the pair ``name`` and nothing else."""

    path: Path
    name: str

    @property
    def private(self) -> Path:
        """Return the path of the private half."""
        return self.path / self.name

    @property
    def public(self) -> Path:
        """Return the path of the public half."""
        return self.path / f"{self.name}.pub"

    @property
    def beside(self) -> Room:
        """Return the room of the second pair."""
        return Room(self.path.with_name(f"{BESIDE}{self.path.name}"), self.name)

    @property
    def complete(self) -> bool:
        """Return whether both halves are there."""
        return all(half.is_file() and half.stat().st_size > 0 for half in (self.private, self.public))


@dataclass(frozen=True)
class Found:
    """Public halves of both pairs (empty: none), seconds since each was made, whether the second is newer."""

    current: str
    beside: str
    age: float
    following: bool
    beside_age: float = 0.0


def observe(room: Room) -> Found:
    """Return what is there."""
    if not room.complete:
        return Found("", "", 0.0, following=False)
    now, made = time.time_ns(), room.private.stat().st_mtime_ns
    age = max(0.0, (now - made) / 1e9)
    if not room.beside.complete:
        return Found(_public(room), "", age, following=False)
    beside = room.beside.private.stat().st_mtime_ns
    beside_age = max(0.0, (now - beside) / 1e9)
    return Found(_public(room), _public(room.beside), age, following=beside > made, beside_age=beside_age)


def make_next(room: Room) -> None:
    """Make a pair beside the one in use, with its owners, modes and comment; it comes into place whole."""
    strangers = sorted({path.name for path in room.path.iterdir()} - {room.private.name, room.public.name})
    if strangers:
        raise RoomError(
            f"{room.path} holds {strangers[0]} beside its key pair, which would be moved with it: move that away, then run again"
        )
    fresh = Room(room.path.with_name(f".new-{room.path.name}"), room.name)
    for left in (fresh, room.beside):
        remove(left)
    fresh.path.mkdir(mode=0o700)
    generate(fresh.private, room.private, " ".join(_public(room).split()[2:]))
    for new, old in ((fresh.private, room.private), (fresh.public, room.public), (fresh.path, room.path)):
        like = old.stat()
        os.chown(new, like.st_uid, like.st_gid)
        new.chmod(stat.S_IMODE(like.st_mode))
    fresh.path.rename(room.beside.path)


def generate(private: Path, before: Path, comment: str) -> None:
    """Make a pair in a directory of its own, newer than the key ``before`` whatever the clock says, and on the disk."""
    done = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)], RoomError)
    if done.returncode != 0:
        drop(private.parent, private)
        raise RoomError(f"ssh-keygen made no key beside {before}: {done.stderr.strip() or 'it gave no reason'}")
    made = max(private.stat().st_mtime_ns, before.stat().st_mtime_ns + _LATER)
    os.utime(private, ns=(made, made))
    # Names reach the disk before contents do: without it a power cut after the exchange could leave the pair in use empty.
    for part in (private, private.with_name(f"{private.name}.pub"), private.parent):
        _to_disk(part)


def exchange(room: Room) -> None:
    """Have the pair beside in use, and the one that was beside it, in one step of the kernel."""
    swap(room.path, room.beside.path)


def swap(one: Path, other: Path) -> None:
    """Exchange two names in one step of the kernel: there is no moment without either."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise RoomError(f"{one} and {other} can't be exchanged: {reason}; both stay as they were")


def remove(room: Room) -> None:
    """Remove a room with what is in it; the private half first."""
    drop(room.path, room.private)


def drop(directory: Path, private: Path) -> None:
    """Remove a directory with what is in it; the private half first."""
    private.unlink(missing_ok=True)
    if directory.exists():
        shutil.rmtree(directory)


def remove_beside(room: Room) -> None:
    """Remove the pair beside, for who makes the one in use anew; what else lies there is left.

    No crash takes the pair in use: it is exchanged in one step, and what comes into use was on the disk before. So a person
    removed it, whose reason holds for the key before and the next one as well.
    """
    for half in (room.beside.private, room.beside.public):
        half.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not there, or not empty
        room.beside.path.rmdir()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _public(room: Room) -> str:
    return room.public.read_text(encoding="utf-8", errors="replace").strip()
