"""Reads the host's users and carries out the steps."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..programs import run
from .plan import Entry, Host, PeopleError, Step, Wish

_SHADOW_EXPIRES = 7  # shadow(5): the eighth field
_MOUNT_POINT, _MOUNT_OPTIONS = 4, 2  # proc_pid_mountinfo(5): fields before the hyphen, and behind it
_PATIENCE, _INTERVAL = 5.0, 0.05  # seconds
_KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_MOUNTS = Path("/proc/self/mountinfo")
_SPOOLS = ("/var/spool/cron/crontabs", "/var/lib/systemd/linger")
_JOBS = ("/var/spool/cron/atjobs", "/var/spool/cron/atspool")


def read_host(wish: Wish) -> Host:
    """Return the users the wish speaks of and whoever holds their numbers, their groups and homes.

    Raises PeopleError where something of it can't be read.
    """
    try:
        return _read(wish)
    except OSError as error:
        raise PeopleError(f"{error.filename}: {error.strerror}, so users can't be read: mend that, then run again") from error


def _read(wish: Wish) -> Host:
    ending = {u.name for u in wish.users if not u.present} | set(wish.locked)
    shadow = _shadow()
    running = Counter(uid for _pid, uid in _processes()) if ending else Counter()
    mounted = fuse_mounts(_MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")) if ending else {}
    entries = {}
    for user in pwd.getpwall():
        password, expires = shadow.get(user.pw_name, ("", ""))
        entries[user.pw_name] = Entry(
            uid=user.pw_uid,
            comment=user.pw_gecos,
            home=user.pw_dir,
            shell=user.pw_shell,
            password=password,
            expires=expires,
            processes=running[user.pw_uid],
            leftovers=tuple(_leftovers(user.pw_name, user.pw_uid, user.pw_dir)) if user.pw_name in ending else (),
            mounts=tuple(mounted.get(user.pw_uid, ())) if user.pw_name in ending else (),
        )
    groups = {g.gr_name: tuple(g.gr_mem) for g in grp.getgrall() if g.gr_mem}
    return Host(entries, groups, frozenset(_homes(entries, wish)))


def _unmounting(path: str) -> tuple[str, ...]:
    return ("umount", "--lazy", "--no-canonicalize", path)


def _is_mounted(path: str) -> bool:
    text = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    return any(path in paths for paths in fuse_mounts(text).values())


def fuse_mounts(mountinfo: str) -> dict[int, list[str]]:
    """Return where users mounted something by FUSE, by their numbers, the innermost first, from proc_pid_mountinfo(5)'s text."""
    found: dict[int, list[str]] = {}
    for line in reversed(mountinfo.splitlines()):
        mount, _separator, source = line.partition(" - ")
        words = source.split()
        if len(words) > _MOUNT_OPTIONS and words[0].partition(".")[0] in ("fuse", "fuseblk"):
            for option in words[_MOUNT_OPTIONS].split(","):
                name, _equals, value = option.partition("=")
                if name == "user_id":
                    path = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), mount.split()[_MOUNT_POINT])
                    found.setdefault(int(value), []).append(path)
    return found


def carry_out(steps: Sequence[Step]) -> None:
    """Do each step; raise PeopleError with the tool's words at the first that fails."""
    for step in steps:
        for path in step.remove:
            _remove(path)
        if step.end_uid is not None:
            _end_processes(step.end_uid)
        # Some go by themselves when what serves them has ended.
        command = step.command or (_unmounting(step.unmount) if step.unmount and _is_mounted(step.unmount) else ())
        if command:
            result = run(command, PeopleError)
            if result.returncode != 0:
                words = result.stderr.strip().replace("\n", "; ") or f"exit status {result.returncode}"
                raise PeopleError(f"could not {step.say}: {words}")


def _shadow() -> dict[str, tuple[str, str]]:
    found = {}
    for line in Path("/etc/shadow").read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) > _SHADOW_EXPIRES:
            found[fields[0]] = (fields[1], fields[_SHADOW_EXPIRES])
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """Yield pid and uid of each process that has not ended yet."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                state = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
                if state not in ("Z", "X"):
                    yield int(process.name), process.stat().st_uid


def _end_processes(uid: int) -> None:
    end = time.monotonic() + _PATIENCE
    while pids := [pid for pid, owner in _processes() if owner == uid]:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise PeopleError(f"processes {pids} of uid {uid} don't end: look at them by hand, then run again")
        time.sleep(_INTERVAL)  # until none is left or the time is over


def _leftovers(name: str, uid: int, home: str) -> Iterator[str]:
    # What lies behind a link of the user's own may be somebody else's: the link is what goes.
    keys = [f"{home}/.ssh"] if Path(home, ".ssh").is_symlink() else [f"{home}/{key}" for key in _KEYS]
    yield from (path for path in [*keys, *(f"{spool}/{name}" for spool in _SPOOLS)] if os.path.lexists(path))
    yield from (path for directory in _JOBS for path in _files_of(uid, Path(directory)))


def _files_of(uid: int, directory: Path) -> Iterator[str]:
    """Yield a user's files in a directory whose names say no user: at's jobs, and what those print. Not at's own notes."""
    if not directory.is_dir():
        return
    for path in sorted(directory.iterdir()):
        # A job may be carried out, and go, while it is looked at.
        with contextlib.suppress(FileNotFoundError):
            if not path.name.startswith(".") and path.lstat().st_uid == uid:
                yield str(path)


def _remove(path: str) -> None:
    """Unlink ``path``, where neither its last directory nor itself is followed if somebody put a link in its place."""
    directory, name = os.path.split(path)
    try:
        holder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PeopleError(
            f"could not remove {path}: {directory} is no directory of its own now: look at it, then run again"
        ) from error
    try:
        os.unlink(name, dir_fd=holder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PeopleError(f"could not remove {path}: {error.strerror}: remove it by hand, then run again") from error
    finally:
        os.close(holder)


def _homes(entries: dict[str, Entry], wish: Wish) -> Iterable[str]:
    for user in wish.users:
        home = entries[user.name].home if user.name in entries else f"/home/{user.name}"
        if Path(home).is_dir() and home.startswith("/home/"):
            yield home
