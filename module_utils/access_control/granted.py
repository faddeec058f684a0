"""Adds declared keys to a user's own authorized_keys, and leaves what else is in there alone."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass

BEGIN = "# BEGIN keys of the Ansible role login_restriction"
END = "# END keys of the Ansible role login_restriction"
_FILE = "authorized_keys"
_FRESH = ".authorized_keys.new"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class GrantError(ValueError):
    """Keys that can't be added; the text says why and what to do."""


@dataclass(frozen=True)
class Grant:
    """A user's file as it is and as it will be."""

    path: str
    before: str
    after: str


def with_block(text: str, lines: str) -> str:
    """Return ``text`` with ``lines`` as its one marked block, in the block's place or at the end; no lines, no block."""
    before, block, behind = _parts(text)
    if not lines and not block:
        return text
    return f"{before}{BEGIN}\n{lines}{END}\n{behind}" if lines else before + behind


def block(text: str) -> str:
    """Return the marked block alone: options of somebody else's keys may hold secrets."""
    return _parts(text)[1]


def _parts(text: str) -> tuple[str, str, str]:
    """Return what stands before the marked block, the block, and what stands behind it."""
    text = text if not text or text.endswith("\n") else f"{text}\n"
    begin, end = f"{BEGIN}\n", f"{END}\n"
    before, found, rest = text.partition(begin)
    if not found:
        return text, "", ""
    inside, closed, behind = rest.partition(end)
    if not closed or begin in behind:
        raise GrantError(f"the line {BEGIN!r} stands there twice, or without {END!r} behind it: mend that by hand")
    return before, begin + inside + end, behind


def look(name: str, lines: str) -> Grant:
    """Return what becomes of a user's file; raise GrantError where it is not a file of the user's own."""
    user = _user(name)
    path = f"{user.pw_dir}/.ssh/{_FILE}"
    with _told(path), _ssh_directory(user, make=False) as directory:
        before = "" if directory is None else _read(directory, path)
        return Grant(path, before, with_block(before, lines))


def write(name: str, grant: Grant) -> None:
    """Put the new file in place of the old, the user's own, in one step."""
    user = _user(name)
    with _told(grant.path), _ssh_directory(user, make=True) as directory:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_FRESH, dir_fd=directory)
        fresh = os.open(_FRESH, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
        with os.fdopen(fresh, "w", encoding="utf-8", errors="surrogateescape") as stream:
            os.fchown(fresh, user.pw_uid, user.pw_gid)
            stream.write(grant.after)
        os.rename(_FRESH, _FILE, src_dir_fd=directory, dst_dir_fd=directory)


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise GrantError(f"{name} is no user here yet, so their keys open nothing: make the user first") from error


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GrantError(f"{path} could not be written, so its owner's keys open nothing here: {error.strerror}") from error


@contextlib.contextmanager
def _ssh_directory(user: pwd.struct_passwd, *, make: bool) -> Iterator[int | None]:
    """Open ~/.ssh, never through a link: what lies behind one may be somebody else's."""
    home = os.open(user.pw_dir, os.O_RDONLY | os.O_DIRECTORY)
    opened = None
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(".ssh", 0o700, dir_fd=home)
                os.chown(".ssh", user.pw_uid, user.pw_gid, dir_fd=home, follow_symlinks=False)
        with contextlib.suppress(FileNotFoundError):
            opened = os.open(".ssh", _DIRECTORY, dir_fd=home)
        yield opened
    finally:
        os.close(home)
        if opened is not None:
            os.close(opened)


def _read(directory: int, path: str) -> str:
    try:
        file = os.open(_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except FileNotFoundError:
        return ""
    with os.fdopen(file, encoding="utf-8", errors="surrogateescape") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise GrantError(f"{path} is no file: look at it by hand")
        return stream.read()
