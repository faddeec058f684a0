"""Reads what is on the disk and carries out a plan: staged and validated as a whole, then renamed into place."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..programs import run
from .plan import Directory, File, Found, PlanError, Step, Wish, substitute

STAGED = ".kakehashi-new"  # with a leading dot and this ending no directory-reading program takes it for its own


def observe(wish: Wish) -> dict[str, Found]:
    """Return what is at every path that ``wish`` names, and at every file in an exclusive directory.

    Raises PlanError where the disk can't be read.
    """
    try:
        return _observed(wish)
    except OSError as error:
        raise _clear(error, "so nothing was changed; mend that, then run again") from error


def _observed(wish: Wish) -> dict[str, Found]:
    found = {path: _look(path) for path in wish.absent}
    for file in wish.files:
        found[file.path] = _look(file.path, file)
    for directory in wish.directories:
        now = found[directory.path] = _look(directory.path, directory)
        if directory.exclusive:
            for name in now.entries:
                path = str(PurePosixPath(directory.path) / name)
                found.setdefault(path, _look(path))
    return found


def validate(wish: Wish, *, tolerate_missing_tools: bool) -> list[str]:
    """Run every validation on staged copies; raise PlanError with the tool's words, return tools that are not there.

    ``tolerate_missing_tools`` is for check mode, when the package that brings the tool may not be installed yet.
    """
    missing: list[str] = []
    if not wish.validate:
        return missing
    with _room_for_copies() as room:
        try:
            staged = _stage_copies(wish, room)
        except OSError as error:
            raise _clear(error, "nothing was changed; make room there, then run again") from error
        for argv in wish.validate:
            if shutil.which(argv[0]) is None:
                if not tolerate_missing_tools:
                    raise PlanError(f"{argv[0]}, which validates these files, is not installed: install it first")
                missing.append(argv[0])
                continue
            _run_validation(substitute(argv, staged), staged)
    return missing


@contextlib.contextmanager
def _room_for_copies() -> Iterator[Path]:
    try:
        room = tempfile.mkdtemp(prefix="kakehashi-")
    except OSError as error:
        place = error.filename or "the directory for temporary files"
        raise PlanError(f"{place}: {error.strerror} (nothing was changed; make room there, then run again)") from error
    try:
        yield Path(room)
    finally:
        shutil.rmtree(room, ignore_errors=True)  # copies; the work is done


def apply(steps: Sequence[Step]) -> None:
    """Carry out ``steps``: first everything that can fail for want of room, then renames, then removals."""
    made: list[str] = []
    staged: list[Step] = []
    try:
        for step in steps:
            if step.action == "make_directory" and isinstance(step.wish, Directory):
                _make_directory(step.wish)
                made.append(step.path)
            elif step.action == "write" and isinstance(step.wish, File):
                staged.append(step)
                _write_staged(step.wish)
    except (OSError, PlanError) as error:
        _undo(staged, made)
        raise _clear(error, "nothing was changed") from error
    for step in steps:
        try:
            _finish(step)
        except OSError as error:
            _undo(staged, [])
            raise _clear(error, f"what came before {step.path} is in place, run again") from error


def _finish(step: Step) -> None:
    with _parent(step.path) as (room, name):
        if step.action == "write":
            os.rename(_staged(name), name, src_dir_fd=room, dst_dir_fd=room)
            os.fsync(room)
        elif step.action == "remove":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=room)
        elif step.action == "set_attributes" and step.wish is not None:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=room)
            try:
                _set_attributes(handle, step.wish)
            finally:
                os.close(handle)


def _make_directory(wish: Directory) -> None:
    with _parent(wish.path) as (room, name):
        os.mkdir(name, 0o700, dir_fd=room)
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=room)
        try:
            _set_attributes(handle, wish)
        finally:
            os.close(handle)


def _write_staged(wish: File) -> None:
    with _parent(wish.path) as (room, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_staged(name), dir_fd=room)  # left by a run that was killed
        handle = os.open(_staged(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=room)
        with os.fdopen(handle, "wb") as file:
            file.write(wish.content)
            _set_attributes(file.fileno(), wish)
            file.flush()
            os.fsync(file.fileno())


def _set_attributes(handle: int, wish: File | Directory) -> None:
    os.fchown(handle, _uid(wish.owner), _gid(wish.group))
    os.fchmod(handle, wish.mode)


def _undo(staged: Sequence[Step], made: Sequence[str]) -> None:
    for step in staged:
        with contextlib.suppress(OSError, PlanError), _parent(step.path) as (room, name):
            os.unlink(_staged(name), dir_fd=room)
    for path in reversed(made):
        with contextlib.suppress(OSError, PlanError), _parent(path) as (room, name):
            os.rmdir(name, dir_fd=room)


@contextlib.contextmanager
def _parent(path: str) -> Iterator[tuple[int, str]]:
    """Open the directory of ``path``, refusing links that another user could have made to lead root astray."""
    parts = PurePosixPath(path).parts
    room = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for depth, part in enumerate(parts[1:-1], start=2):
            room = _enter(room, part, str(PurePosixPath(*parts[:depth])), path)
        yield room, parts[-1]
    finally:
        os.close(room)


def _enter(room: int, part: str, here: str, path: str) -> int:
    try:
        now = os.lstat(part, dir_fd=room)
        link = stat.S_ISLNK(now.st_mode)
        if link and now.st_uid not in (0, os.geteuid()):
            raise PlanError(f"{here} is a link that its user made, {path} is not written through it: remove the link")
        inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | (0 if link else os.O_NOFOLLOW), dir_fd=room)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PlanError(f"{here} is no directory, so {path} can't be there: declare it under directories") from error
    os.close(room)
    return inner


def _look(path: str, wish: File | Directory | None = None) -> Found:
    try:
        now = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found()
    owner, group = _name_of(now)
    held: dict[str, Any] = {
        "mode": stat.S_IMODE(now.st_mode),
        "owner": owner,
        "group": group,
        "owner_ok": wish is not None and _uid_or_none(wish.owner) == now.st_uid,
        "group_ok": wish is not None and _gid_or_none(wish.group) == now.st_gid,
    }
    if stat.S_ISREG(now.st_mode):
        return Found(kind="file", content=Path(path).read_bytes(), **held)
    if stat.S_ISDIR(now.st_mode):
        with os.scandir(path) as entries:
            names = tuple(sorted(e.name for e in entries if not e.is_dir(follow_symlinks=False)))
        return Found(kind="directory", entries=names, **held)
    return Found(kind="link" if stat.S_ISLNK(now.st_mode) else "other", **held)


def _stage_copies(wish: Wish, room: Path) -> dict[str, str]:
    staged = {}
    for number, file in enumerate(wish.files):
        copy = room / f"{number}-{PurePosixPath(file.path).name}"
        copy.write_bytes(file.content)
        copy.chmod(0o600)
        staged[file.path] = str(copy)
    return staged


def _run_validation(argv: list[str], staged: dict[str, str]) -> None:
    result = run(argv, PlanError)
    if result.returncode != 0:
        words = (result.stderr.strip() or result.stdout.strip() or f"exit status {result.returncode}").replace("\n", "; ")
        for path, copy in staged.items():
            words = words.replace(copy, path)
        raise PlanError(f"{argv[0]} refuses the new files, nothing was changed: {words}")


def _clear(error: OSError | PlanError, state: str) -> PlanError:
    if isinstance(error, PlanError):
        return PlanError(f"{error} ({state})")
    return PlanError(f"{error.filename or 'the disk'}: {error.strerror} ({state})")


def _staged(name: str) -> str:
    return f".{name}{STAGED}"


def _name_of(now: os.stat_result) -> tuple[str, str]:
    owner, group = str(now.st_uid), str(now.st_gid)
    with contextlib.suppress(KeyError):
        owner = pwd.getpwuid(now.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(now.st_gid).gr_name
    return owner, group


def _uid(owner: str) -> int:
    uid = _uid_or_none(owner)
    if uid is None:
        raise PlanError(f"there is no user {owner}: create it first")
    return uid


def _gid(group: str) -> int:
    gid = _gid_or_none(group)
    if gid is None:
        raise PlanError(f"there is no group {group}: create it first")
    return gid


def _uid_or_none(owner: str) -> int | None:
    if owner.isdigit():
        return int(owner)
    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        return None


def _gid_or_none(group: str) -> int | None:
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None
