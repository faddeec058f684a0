"""Reads the host's users and carries out the steps."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import signal
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import mountinfo
from ..programs import run
from .plan import NOBODYS, Entry, Host, Owner, PeopleError, Step, Wish

_SHADOW_EXPIRES = 7  # shadow(5): the eighth field
_PATIENCE, _INTERVAL = 5.0, 0.05  # seconds
_KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_MOUNTS = mountinfo.MOUNTINFO
_SPOOLS = ("/var/spool/cron/crontabs", "/var/lib/systemd/linger")
_JOBS = ("/var/spool/cron/atjobs", "/var/spool/cron/atspool")
_STATE = re.compile(rb"^State:\t(\S)", re.MULTILINE)
_UIDS = re.compile(rb"^Uid:\t([\d\t]+)", re.MULTILINE)


def read_host(wish: Wish) -> Host:
    """Return the users the wish speaks of and whoever holds their numbers, their groups and homes.

    Raises PeopleError where something of it can't be read.
    """
    with _told():
        return _read(wish)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PeopleError(f"{error.filename}: {error.strerror}, so users can't be read: mend that, then run again") from error


def _read(wish: Wish) -> Host:
    ending = {u.name for u in wish.users if not u.present} | set(wish.locked)
    shadow = _shadow()
    running = Counter(uid for _pid, uid in _processes()) if ending else Counter()
    mounted = fuse_mounts(mountinfo.read(_MOUNTS)) if ending else {}
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
            leftovers=tuple(_leftovers(Owner(user.pw_name, user.pw_uid, user.pw_dir))) if user.pw_name in ending else (),
            mounts=tuple(mounted.get(user.pw_uid, ())) if user.pw_name in ending else (),
        )
    groups = {g.gr_name: tuple(g.gr_mem) for g in grp.getgrall() if g.gr_mem}
    traces = dict(_traces(wish, entries, running, mounted))
    return Host(entries, groups, frozenset(_homes(entries, wish)), traces)


def _traces(
    wish: Wish, entries: Mapping[str, Entry], running: Mapping[int, int], mounted: Mapping[int, Sequence[str]]
) -> Iterator[tuple[str, Entry]]:
    """Yield what absent users without an entry left: by name, and by number and home where these are nobody else's."""
    homes = {entry.home for entry in entries.values()}
    for user in wish.users:
        # Asked for one by one, since a directory service may tell of users whom it does not list.
        if user.present or _is_known(pwd.getpwnam, user.name):
            continue
        uid = NOBODYS if _is_known(pwd.getpwuid, user.uid) else user.uid
        home = f"/home/{user.name}"
        owner = Owner(user.name, uid, "" if home in homes else home)
        leftovers, mounts = tuple(_leftovers(owner)), tuple(mounted.get(uid, ()))
        # A number alone tells little (a container's process may bear it): processes are the user's where something else is.
        if leftovers or mounts:
            yield user.name, Entry(uid, "", owner.home, "", "", processes=running.get(uid, 0), leftovers=leftovers, mounts=mounts)


def _is_known(ask: Callable[[Any], object], whom: str | int) -> bool:
    try:
        ask(whom)
    except KeyError:
        return False
    return True


def _unmount(path: str) -> None:
    # Some go by themselves when what serves them has ended.
    if any(path in paths for paths in fuse_mounts(mountinfo.read(_MOUNTS)).values()):
        _run(("umount", "--lazy", "--no-canonicalize", path), f"unmount {mountinfo.shown(path)}")


def fuse_mounts(text: str) -> dict[int, list[str]]:
    """Return where users mounted something by FUSE, by their numbers, the innermost first, from proc_pid_mountinfo(5)'s text."""
    found: dict[int, list[str]] = {}
    for mount in reversed(mountinfo.parse(text)):
        if mount.kind.partition(".")[0] in ("fuse", "fuseblk"):
            for option in mount.details:
                name, _equals, value = option.partition("=")
                if name == "user_id":
                    found.setdefault(int(value), []).append(mount.point)
    return found


def carry_out(steps: Sequence[Step]) -> list[str]:
    """Do each step and return in words what was done; raise PeopleError with the tool's words at the first that fails."""
    planned = {path for step in steps for path in (*step.remove, step.unmount)}
    done = []
    for step in steps:
        if step.clear is not None:
            came = {path: verb for path, verb in _clear(step.clear).items() if path not in planned}
            done += [f"{verb} {mountinfo.shown(path)}, which came meanwhile" for path, verb in came.items()]
        with contextlib.suppress(PeopleError) if step.again else contextlib.nullcontext():
            for path in step.remove:
                _remove(path)
            if step.unmount:
                _unmount(step.unmount)
        if step.end_uid is not None:
            _end_processes(step.end_uid)
        if step.command:
            _run(step.command, step.say)
        done.append(step.say)
    return done


def _run(command: Sequence[str], say: str) -> None:
    result = run(command, PeopleError)
    if result.returncode != 0:
        words = mountinfo.shown(result.stderr.strip().replace("\n", "; ")) or f"exit status {result.returncode}"
        raise PeopleError(f"could not {say}: {words}")


def _clear(owner: Owner) -> dict[str, str]:
    """End a user's processes and take away what they left, until nothing is left; return what went, and by what verb.

    What was listed while they ran says little: they can have planted it anew, or something else. Raises PeopleError, which
    names what is left, where it stays or comes back until patience is over.
    """
    end = time.monotonic() + _PATIENCE
    gone: dict[str, str] = {}
    while True:
        _end_processes(owner.uid)
        with _told():
            mounts = fuse_mounts(mountinfo.read(_MOUNTS)).get(owner.uid, [])
            files = list(_leftovers(owner))
        if not (mounts or files or _running(owner.uid)):
            return gone
        reasons: list[str] = []
        for verb, take, paths in (("unmount", _unmount, mounts), ("remove", _remove, files)):
            for path in paths:
                try:
                    take(path)
                    gone[path] = verb
                except PeopleError as error:
                    reasons.append(str(error))
        if time.monotonic() > end:
            left = ", ".join(mountinfo.shown(path) for path in [*mounts, *files]) or "processes"
            why = "; ".join(reasons) or "it comes back as soon as it is taken away"
            raise PeopleError(f"{left} of {owner.name} can't be cleared away ({why}): find what makes it, then run again")
        time.sleep(_INTERVAL)  # until nothing is left or the time is over


def _shadow() -> dict[str, tuple[str, str]]:
    found = {}
    for line in Path("/etc/shadow").read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) > _SHADOW_EXPIRES:
            found[fields[0]] = (fields[1], fields[_SHADOW_EXPIRES])
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """Yield pid and uid of each process that has not ended yet, with each of its uids: a program may have put on another.

    Real, effective and saved, not the file system's: a file server works in many users' names.
    """
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                # As bytes: the name of a process may hold what Python takes for the end of a line, and then a line of uids.
                status = (process / "status").read_bytes()
                state, uids = _STATE.search(status), _UIDS.search(status)
                if state and uids and state[1] not in (b"Z", b"X"):
                    yield from ((int(process.name), uid) for uid in {int(uid) for uid in uids[1].split()[:3]})


def _running(uid: int) -> list[int]:
    return [pid for pid, owner in _processes() if owner == uid]


def _end_processes(uid: int) -> None:
    if uid == 0:
        raise PeopleError("processes of uid 0 are the host's own and are not ended: look at the user by hand")
    end = time.monotonic() + _PATIENCE
    while True:
        _end_at_once(uid)
        pids = _running(uid)
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise PeopleError(f"processes {pids} of uid {uid} don't end: look at them by hand, then run again")
        time.sleep(_INTERVAL)  # until none is left or the time is over


def _end_at_once(uid: int) -> None:
    """End all that ``uid`` may signal, in the user's name.

    The kernel overlooks none, those of the user's own namespaces included; a list of processes overlooks one that starts
    another and ends before it is read.
    """
    try:
        child = os.fork()
    except OSError:
        return  # what is listed is ended one by one
    if child == 0:
        try:
            os.setgroups([])
            os.setresuid(NOBODYS, uid, NOBODYS)  # the user may not signal who is the user by the second alone
            # With a right of root's left it would reach everybody's.
            if b"\nCapEff:\t0000000000000000\n" in Path("/proc/self/status").read_bytes():
                os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _leftovers(owner: Owner) -> Iterator[str]:
    """Yield what lets a user in or runs for them; without a home none of their keys."""
    paths = [f"{spool}/{owner.name}" for spool in _SPOOLS]
    if owner.home:
        # What lies behind a link of the user's own may be somebody else's: the link is what goes. A directory holds no keys.
        room = f"{owner.home}/.ssh"
        keys = [room] if _is_a(stat.S_ISLNK, room) else [f"{owner.home}/{key}" for key in _KEYS]
        paths = [*(key for key in keys if not _is_a(stat.S_ISDIR, key)), *paths]
    yield from (path for path in paths if os.path.lexists(path))
    yield from (path for directory in _JOBS for path in _files_of(owner.uid, Path(directory)))


def _is_a(kind: Callable[[int], bool], path: str) -> bool:
    """Tell whether ``path`` itself is that; what a user's mount hides, from root as well, is nothing until it is unmounted."""
    try:
        return kind(os.lstat(path).st_mode)
    except OSError:
        return False


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
        if home.startswith("/home/") and _is_there(home):
            yield home


def _is_there(home: str) -> bool:
    try:
        return stat.S_ISDIR(Path(home).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # below a mount of the user's, which root may not look into either
