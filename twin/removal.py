"""Removes directories, never what is mounted in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
from pathlib import Path

from twin.errors import TwinError

_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def mounts(directory: Path) -> list[Path]:
    """Return what is mounted at ``directory`` and below, the latest mount first."""
    place = os.fsencode(directory.resolve())
    points = [_unescaped(line.split(b" ")[4]) for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    return [Path(os.fsdecode(p)) for p in reversed(points) if p == place or p.startswith(place + b"/")]


def unmount_below(directory: Path) -> None:
    """Unmount all that is mounted below ``directory``; raise TwinError naming what stays."""
    here = directory.resolve()
    while points := [point for point in mounts(directory) if point != here]:
        # A mount that another hides can't be reached until that one is gone, so each round needs one success only.
        errors = {point: error for point in points if (error := _unmount(point))}
        if len(errors) == len(points):
            point, error = next(iter(errors.items()))
            raise TwinError(f"{point} can't be unmounted ({os.strerror(error)}), so nothing was removed: unmount it, try again")


def remove_tree(directory: Path) -> None:
    """Remove ``directory``, if it is there, with all that is in it; where something is mounted raise TwinError."""
    if directory.is_symlink() or directory.is_file():
        directory.unlink()
        return
    if points := mounts(directory):
        raise TwinError(
            f"{points[0]} is mounted, so {directory} was not removed: unmount it (umount {points[0]}), then try again"
        )
    try:
        while directory.exists():
            # Sockets of clients that end meanwhile go by themselves.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(directory)
    except OSError as error:
        raise TwinError(
            f"{error.filename or directory} can't be removed ({error.strerror}): mend that, then try again"
        ) from error


def _unmount(point: Path) -> int:
    """Return 0, or the error's number."""
    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if libc.umount2(os.fsencode(point), _MNT_DETACH | _UMOUNT_NOFOLLOW) else 0


def _unescaped(field: bytes) -> bytes:
    """proc(5): space, tab, line break and backslash stand as three octal digits."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), field)
