"""Keeps the secrets on a login server: one file for each user, which pam_oath renews at each login."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from .enrolment import Secret, read, written

ROOMS = ("", "secrets", "failures")
"""The directories below the one that is given: secrets with what was used of them, and pam_faillock's notes."""
_CLOSED = 0o700
_PRIVATE = 0o600
_LOCK = ".lock"
_NEW = ".new"
_PATIENCE = 10.0
"""Seconds that a login may hold its lock."""


def kept(directory: Path) -> dict[str, Secret]:
    """Return the secrets that are kept, by user."""
    found: dict[str, Secret] = {}
    for path in _files(directory):
        secret = read(path.read_text(encoding="utf-8", errors="replace"), path.name)
        if secret is not None:
            found[path.name] = secret
    return found


def steps(directory: Path, wanted: Mapping[str, Secret]) -> list[tuple[str, str]]:
    """Return what differs, each as a word (``open``, ``unlock``, ``write``, ``remove``) and whom or what it is about."""
    found = [("open", name) for name in ROOMS if not _is_closed(directory / name)]
    found += [("unlock", name) for name in _left_behind(directory)]
    now = kept(directory)
    names = {path.name for path in _files(directory)}
    found += [("write", name) for name in sorted(wanted) if now.get(name) != wanted[name] or not _is_private(directory, name)]
    return found + [("remove", name) for name in sorted(names - set(wanted))]


def carry_out(directory: Path, wanted: Mapping[str, Secret], todo: Collection[tuple[str, str]]) -> None:
    """Do what ``steps`` returned. Whoever logs in meanwhile waits, or is done before."""
    for word, name in todo:
        if word == "open":
            (directory / name).mkdir(mode=_CLOSED, parents=True, exist_ok=True)
            os.chown(directory / name, 0, 0)
            (directory / name).chmod(_CLOSED)
        elif word == "unlock":
            _unlock(directory, name)
        elif word == "write":
            _write(directory, name, wanted[name])
        else:
            with _locked(directory, name):
                (directory / "secrets" / name).unlink(missing_ok=True)
            (directory / "failures" / name).unlink(missing_ok=True)


def _left_behind(directory: Path) -> list[str]:
    """Return users beside whose secret a login that was killed left its lock or its scratch file: either refuses every code.

    It is nobody's any more where it is older than any login needs and no process holds the lock. By age alone somebody could
    still be in the midst of it; by the lock alone, between making the file and locking it.
    """
    room = directory / "secrets"
    paths = [path for path in room.glob("*") if path.suffix in (_LOCK, _NEW)] if room.is_dir() else []
    names = sorted({path.stem for path in paths if _is_old(path)})
    return [name for name in names if not _is_held(room / f"{name}{_LOCK}")]


def _unlock(directory: Path, name: str) -> None:
    """Take away what a killed login left beside a user's secret."""
    lock = directory / "secrets" / f"{name}{_LOCK}"
    if _is_old(lock) and not _is_held(lock):
        lock.unlink(missing_ok=True)
    with _locked(directory, name):
        lock.with_suffix(_NEW).unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    """Return whether a file was written longer ago than a login needs, or in a future that a wrong clock showed."""
    try:
        return abs(time.time() - path.lstat().st_mtime) > _PATIENCE
    except FileNotFoundError:
        return False


def _is_held(lock: Path) -> bool:
    """Return whether a process holds this lock, as pam_oath and this module do for as long as they write."""
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    with os.fdopen(descriptor, "w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _write(directory: Path, name: str, secret: Secret) -> None:
    """Put a user's file in place, whole. A new secret begins without failures."""
    path = directory / "secrets" / name
    now = kept(directory).get(name)
    with _locked(directory, name):
        if now == secret:  # owner and mode alone were wrong
            os.chown(path, 0, 0)
            path.chmod(_PRIVATE)
            return
        scratch = path.with_name(f"{name}{_NEW}")
        scratch.unlink(missing_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(written(name, secret))
            file.flush()
            os.fsync(descriptor)
        scratch.rename(path)
    (directory / "failures" / name).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(directory: Path, name: str) -> Iterator[None]:
    """Hold the lock that pam_oath takes while it notes a code as used. One that stayed would refuse every code from then on."""
    path = directory / "secrets" / f"{name}{_LOCK}"
    patience = time.monotonic() + _PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
            break
        except FileExistsError:
            if time.monotonic() < patience:
                time.sleep(0.05)  # until a login under way has gone on
            else:
                path.unlink(missing_ok=True)  # left behind by one that was killed
    with os.fdopen(descriptor, "w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            yield
        finally:
            path.unlink(missing_ok=True)


def _files(directory: Path) -> list[Path]:
    room = directory / "secrets"
    found = sorted(room.iterdir()) if room.is_dir() else []
    return [path for path in found if path.is_file() and not path.is_symlink() and path.suffix not in (_LOCK, _NEW)]


def _is_closed(path: Path) -> bool:
    status = path.lstat() if path.exists() else None
    return status is not None and path.is_dir() and status.st_uid == 0 and status.st_mode & 0o777 == _CLOSED


def _is_private(directory: Path, name: str) -> bool:
    path = directory / "secrets" / name
    status = path.lstat() if path.exists() else None
    return status is not None and status.st_uid == 0 and status.st_mode & 0o777 == _PRIVATE
