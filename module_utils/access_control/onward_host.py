"""Makes, mends and removes onward key pairs on the disk. Private halves are never read."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from ..identity.rooms import BESIDE, Room, remove_beside
from ..identity.rooms import observe as observe_room
from ..programs import run
from .onward import DIRECTORY_MODE, PRIVATE, PRIVATE_MODE, PUBLIC_MODE, Pair, Step


class OnwardError(RuntimeError):
    """A key pair can't be made; the text says what to do."""


def observe(directory: Path) -> dict[str, Pair]:
    """Return what is there by account; nothing when the directory does not exist yet."""
    if not directory.is_dir():
        return {}
    # A pair whose first is gone is there, too, or that of an account which is not declared would stay for ever.
    names = {path.name.removeprefix(BESIDE) for path in directory.iterdir()}
    return {name: _look(directory / name) for name in sorted(names) if not name.startswith(".")}


def strangers(directory: Path) -> list[str]:
    """Return the names of what is no onward key pair, nor a part of one: whoever named the directory meant another one."""
    if not directory.is_dir():
        return []
    return sorted(room.name for room in directory.iterdir() if not _is_ours(room))


def _is_ours(room: Path) -> bool:
    if room.is_symlink() or not room.is_dir():
        return False
    return {path.name for path in room.iterdir()} <= {PRIVATE, f"{PRIVATE}.pub"}


def apply(directory: Path, steps: Iterable[Step], comment_host: str) -> None:
    """Carry out ``steps``. A pair is made aside and renamed into place, so that it is there whole or not at all."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for step in steps:
        room = directory / step.account
        if step.action == "make":
            _make(room, step.account, comment_host)
        elif step.action == "set_attributes":
            _set_attributes(room, _group(step.account))
        else:
            _remove(room)
            _remove(Room(room, PRIVATE).beside.path)


def _make(room: Path, account: str, comment_host: str) -> None:
    group = _group(account)
    fresh = room.with_name(f".new-{account}")
    _remove(fresh)  # left by a run that was killed
    fresh.mkdir(mode=0o700)
    command = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        f"{account}@{comment_host} onward",
        "-f",
        str(fresh / PRIVATE),
    ]
    try:
        result = run(command, OnwardError)
    except OnwardError:
        _remove(fresh)
        raise
    if result.returncode != 0:
        _remove(fresh)
        raise OnwardError(f"ssh-keygen made no key for {account}: {result.stderr.strip() or 'it gave no reason'}")
    _set_attributes(fresh, group)
    # Before the new one is there: a run that is killed in between comes here again.
    remove_beside(Room(room, PRIVATE))
    _remove(room)
    fresh.rename(room)


def _look(room: Path) -> Pair:
    pair = Room(room, PRIVATE)
    if not pair.complete:
        return Pair(complete=False, good_attributes=False, beside_alone=pair.beside.complete)
    now = observe_room(pair)
    return Pair(complete=True, good_attributes=_attributes_hold(room), public=now.current, beside=now.beside)


def _attributes_hold(room: Path) -> bool:
    try:
        group = _group(room.name)
    except OnwardError:
        return False
    wanted = {room: DIRECTORY_MODE, room / PRIVATE: PRIVATE_MODE, room / f"{PRIVATE}.pub": PUBLIC_MODE}
    return all(
        (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (0, group, mode)
        for now, mode in ((path.lstat(), mode) for path, mode in wanted.items())
    )


def _set_attributes(room: Path, group: int) -> None:
    for path, mode in ((room / PRIVATE, PRIVATE_MODE), (room / f"{PRIVATE}.pub", PUBLIC_MODE), (room, DIRECTORY_MODE)):
        os.chown(path, 0, group)
        path.chmod(mode)


def _remove(room: Path) -> None:
    if room.is_symlink() or room.is_file():
        room.unlink()
    elif room.exists():
        shutil.rmtree(room)


def _group(account: str) -> int:
    try:
        return pwd.getpwnam(account).pw_gid
    except KeyError as error:
        raise OnwardError(f"there is no user {account}, so no onward key can be given to it: create the user first") from error
