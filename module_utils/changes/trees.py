"""Reads trees of files, keeps them in a snapshot, and carries out the steps that bring them back."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from .entries import Entry, Kind, Step

NEW = ".kakehashi-back"  # with a leading dot and this ending no directory-reading program takes it for its own
_CHUNK = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
Reader = Callable[[BinaryIO], str]


class TreeError(RuntimeError):
    """A path can't be read or brought back; the text names it and says why."""


class Keeper:
    """Appends contents to one file, each once; ``places`` maps a content's SHA-256 to its offset and length in bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.places: dict[str, tuple[int, int]] = {}

    def __call__(self, source: BinaryIO) -> str:
        """Keep what ``source`` holds and return its SHA-256."""
        start = self._file.tell()
        digest = hashlib.sha256()
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            self._file.write(chunk)
        name = digest.hexdigest()
        if name in self.places:
            self._file.seek(start)
            self._file.truncate()
        else:
            self.places[name] = (start, self._file.tell() - start)
        return name


def digest_of(source: BinaryIO) -> str:
    """Return the SHA-256 of what ``source`` holds."""
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def outermost(trees: Iterable[str]) -> list[str]:
    """Return the trees without those that stand below another."""
    found = set(trees)
    return sorted(t for t in found if not any(t.startswith(f"{other}/") for other in found))


def scan(root: Path, trees: Iterable[str], read: Reader = digest_of) -> dict[str, Entry]:
    """Return what stands at and below each tree, links not followed and other file systems not entered."""
    found: dict[str, Entry] = {}
    for tree in trees:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), _parent(root, tree) as (room, name):
            _scan(room, name, tree, read, found)
    return found


def ancestors(root: Path, trees: Iterable[str]) -> dict[str, Entry]:
    """Return the directories above the trees that are there, the root left out."""
    names = {str(p) for tree in trees for p in PurePosixPath(tree).parents if p != PurePosixPath("/")}
    found = {}
    for name in sorted(names):
        with contextlib.suppress(OSError):
            now = _real(root, name).stat()
            if stat.S_ISDIR(now.st_mode):
                found[name] = _entry(now, "directory")
    return found


def carry_out(root: Path, step: Step, content: Callable[[str], Iterable[bytes]]) -> None:
    """Carry out one step; ``content`` gives the bytes of a SHA-256. Raises OSError or TreeError.

    What is written lasts once the caller has synced: to sync each file would take seconds that a locked-out host has not.
    """
    with _parent(root, step.path) as (room, name):
        if step.action == "remove":
            _remove(room, name, step.entry)
        elif step.action == "make_directory":
            _make_directory(room, name)
        elif step.action == "write":
            _write(room, name, step.entry, content(step.entry.content))
        elif step.action == "link":
            _link(room, name, step.entry)
        else:
            _set_attributes_of(room, name, step.entry)


def _scan(room: int, name: str, path: str, read: Reader, found: dict[str, Entry]) -> None:
    now = os.lstat(name, dir_fd=room)
    if stat.S_ISDIR(now.st_mode):
        handle = os.open(name, _DIRECTORY, dir_fd=room)
        try:
            found[path] = _entry(now, "directory", extras=_extras(handle))
            with os.scandir(handle) as entries:
                names = sorted(entry.name for entry in entries)
            for inner in names:
                with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                    _scan_inner(handle, inner, f"{path}/{inner}", now.st_dev, read, found)
        finally:
            os.close(handle)
    elif stat.S_ISREG(now.st_mode):
        with os.fdopen(os.open(name, _FILE, dir_fd=room), "rb") as file:
            found[path] = _entry(os.fstat(file.fileno()), "file", read(file), _extras(file.fileno()))
    elif stat.S_ISLNK(now.st_mode):
        found[path] = _entry(now, "link", os.readlink(name, dir_fd=room))
    else:
        found[path] = _entry(now, "other")


def _scan_inner(room: int, name: str, path: str, device: int, read: Reader, found: dict[str, Entry]) -> None:
    now = os.lstat(name, dir_fd=room)
    if stat.S_ISDIR(now.st_mode) and now.st_dev != device:
        found[path] = _entry(now, "other")  # another file system begins here
    else:
        _scan(room, name, path, read, found)


def _entry(now: os.stat_result, kind: Kind, content: str = "", extras: tuple[tuple[str, str], ...] = ()) -> Entry:
    mtime = 0 if kind == "other" else now.st_mtime_ns
    return Entry(kind, stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid, mtime, content, extras)


def _extras(handle: int) -> tuple[tuple[str, str], ...]:
    with contextlib.suppress(OSError):  # a file system without them
        return tuple((name, os.getxattr(handle, name).hex()) for name in sorted(os.listxattr(handle)))
    return ()


def _remove(room: int, name: str, entry: Entry) -> None:
    with contextlib.suppress(FileNotFoundError):
        if entry.kind == "directory":
            os.rmdir(name, dir_fd=room)
        else:
            os.unlink(name, dir_fd=room)


def _make_directory(room: int, name: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=room)


def _write(room: int, name: str, entry: Entry, chunks: Iterable[bytes]) -> None:
    new = _cleared(room, name)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=room)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            _set_attributes(file.fileno(), entry)
        _replace(room, new, name, entry)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=room)
        raise


def _replace(room: int, new: str, name: str, entry: Entry) -> None:
    try:
        os.rename(new, name, src_dir_fd=room, dst_dir_fd=room)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        _overwrite(room, new, name, entry)  # a file that is mounted can't be renamed over


def _overwrite(room: int, new: str, name: str, entry: Entry) -> None:
    with (
        os.fdopen(os.open(new, _FILE, dir_fd=room), "rb") as source,
        os.fdopen(os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, dir_fd=room), "wb") as file,
    ):
        while chunk := source.read(_CHUNK):
            file.write(chunk)
        file.flush()
        _set_attributes(file.fileno(), entry)
    os.unlink(new, dir_fd=room)


def _link(room: int, name: str, entry: Entry) -> None:
    new = _cleared(room, name)
    os.symlink(entry.content, new, dir_fd=room)
    _set_link_attributes(room, new, entry)
    os.rename(new, name, src_dir_fd=room, dst_dir_fd=room)


def _cleared(room: int, name: str) -> str:
    new = f".{name}{NEW}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=room)  # left by a run that was killed
    return new


def _set_attributes_of(room: int, name: str, entry: Entry) -> None:
    if entry.kind == "link":
        _set_link_attributes(room, name, entry)
        return
    handle = os.open(name, _DIRECTORY if entry.kind == "directory" else _FILE, dir_fd=room)
    try:
        _set_attributes(handle, entry)
    finally:
        os.close(handle)


def _set_attributes(handle: int, entry: Entry) -> None:
    now = os.fstat(handle)
    if (now.st_uid, now.st_gid) != (entry.uid, entry.gid):
        os.fchown(handle, entry.uid, entry.gid)
    os.fchmod(handle, entry.mode)  # after the owner, whose change takes set-user-id bits away
    wanted = dict(entry.extras)
    for name, _key in _extras(handle):
        if name not in wanted:
            os.removexattr(handle, name)
    for name, value in entry.extras:
        os.setxattr(handle, name, bytes.fromhex(value))
    os.utime(handle, ns=(now.st_atime_ns, entry.mtime))


def _set_link_attributes(room: int, name: str, entry: Entry) -> None:
    now = os.lstat(name, dir_fd=room)
    if (now.st_uid, now.st_gid) != (entry.uid, entry.gid):
        os.chown(name, entry.uid, entry.gid, dir_fd=room, follow_symlinks=False)
    os.utime(name, ns=(now.st_atime_ns, entry.mtime), dir_fd=room, follow_symlinks=False)


def _real(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


@contextlib.contextmanager
def _parent(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """Open the directory of ``path``; only links that root made are followed, so that no user leads root astray."""
    parts: Sequence[str] = PurePosixPath(path).parts[1:]
    room = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            now = os.lstat(part, dir_fd=room)
            link = stat.S_ISLNK(now.st_mode)
            if link and now.st_uid not in (0, os.geteuid()):
                raise TreeError(f"{path} lies behind a link that a user made: remove that link")
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | (0 if link else os.O_NOFOLLOW), dir_fd=room)
            os.close(room)
            room = inner
        yield room, parts[-1]
    finally:
        os.close(room)
