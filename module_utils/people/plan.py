"""Decides what brings a host's users to what is declared. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from ..mountinfo import shown

NOBODYS = 2**32 - 2
"""The highest number: no user and no process bears it."""
NO_LOGIN = "/usr/sbin/nologin"
NO_PASSWORD = "*"  # noqa: S105 - what stands in /etc/shadow for: no password opens this, and the user is not locked
RECORDED_SHELL = "/usr/local/sbin/kakehashi-session"
RECORDER = "/usr/local/sbin/kakehashi-record"
RECORDER_SETTINGS = "/etc/kakehashi/sessions.json"
_NO_SHELLS = ("nologin", "false")
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class PeopleError(ValueError):
    """A declaration that can't be carried out on this host; the text says why and what to do."""


@dataclass(frozen=True)
class User:
    """A declared user; ``admin`` may become root, ``present`` is False for someone who must not be there.

    Sessions of who is ``recorded`` run below a recorder. Who isn't an administrator has what begins it as the login shell:
    sshd runs everything by that, and an ordinary shell reads the user's own files first.
    """

    name: str
    uid: int
    comment: str = ""
    admin: bool = False
    present: bool = True
    recorded: bool = False


@dataclass(frozen=True)
class Wish:
    """All that is declared: users, users of the image that are locked, and groups that give root's rights.

    Without ``enforce`` what is missing is given and nothing is taken. Processes of a locked user go on unless ``end_processes``.
    """

    users: tuple[User, ...] = ()
    locked: tuple[str, ...] = ()
    shell: str = "/bin/bash"
    emptied_groups: tuple[str, ...] = ()
    enforce: bool = True
    end_processes: bool = False


@dataclass(frozen=True)
class Entry:
    """A user found on the host.

    ``processes`` counts the user's; ``leftovers`` are files that let the user in or run for them without a login; ``mounts`` are
    where the user mounted something by FUSE.
    """

    uid: int
    comment: str
    home: str
    shell: str
    password: str
    expires: str = ""
    processes: int = 0
    leftovers: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """What is found: users by name, members of groups by name, homes of former users that are back by name.

    ``traces`` hold what absent users without an entry left, by name: with uid NOBODYS where the number is somebody else's now,
    and without a home where that is.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    homes: frozenset[str] = frozenset()
    traces: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Owner:
    """By what a user's processes, files and mounts are known."""

    name: str
    uid: int
    home: str


@dataclass(frozen=True)
class Step:
    """One thing to do: a command, files to remove, a uid whose processes end, or a mount to take away.

    Before all that, ``clear`` has a user's processes end, and whatever they left until then go. ``say`` tells people what it
    does; ``gives``: nobody has less by it; ``again``: what can't be removed or unmounted yet is so by a later step's ``clear``.
    """

    say: str
    command: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    end_uid: int | None = None
    unmount: str = ""
    gives: bool = False
    clear: Owner | None = None
    again: bool = False


def parse(params: Mapping[str, Any]) -> Wish:
    """Return the wish that module arguments declare; raise PeopleError for names and numbers that can't be right."""
    users = tuple(
        User(
            u["name"],
            int(u["uid"]),
            u.get("comment") or "",
            bool(u.get("admin")),
            u.get("state", "present") == "present",
            bool(u.get("recorded")),
        )
        for u in params.get("users") or ()
    )
    locked = tuple(params.get("locked_users") or ())
    for name in [*(u.name for u in users), *locked]:
        if not _NAME.fullmatch(name):
            raise PeopleError(f"{name!r} is no name for a user: begin with a small letter, then small letters, digits, _ and -")
    for what, values in (("name", [u.name for u in users] + list(locked)), ("uid", [str(u.uid) for u in users])):
        for value in values:
            if values.count(value) > 1:
                raise PeopleError(f"the {what} {value} is declared twice among users and locked users: give each its own")
    for user in users:
        if ":" in user.comment or "\n" in user.comment:
            raise PeopleError(f"the comment of {user.name} holds a colon or a line break: write it without")
    return Wish(
        users,
        locked,
        params.get("shell") or "/bin/bash",
        tuple(params.get("emptied_groups") or ()),
        enforce=bool(params.get("enforce", True)),
        end_processes=bool(params.get("end_processes", False)),
    )


def sudoers(wish: Wish, found: str = "") -> str:
    """Return the sudoers file: every administrator may do everything, nobody else anything but begin a recorded session.

    Where nothing is taken, whoever stands in ``found``, the file that is there, stays.
    """
    lines = list(_RECORDING) if any(u.recorded and u.present for u in wish.users) else []
    lines += [f"{u.name} ALL=(ALL:ALL) NOPASSWD: ALL" for u in wish.users if u.admin and u.present]
    lines += [recorder_rule(u.name) for u in wish.users if u.recorded and u.present and not u.admin]
    if not wish.enforce:
        lines += [line for line in found.splitlines() if line and not line.startswith("#") and line not in lines]
    return "\n".join(["# Written by Ansible. Who is not here has no root rights.", *lines, ""])


# The recorder asks nothing of sudo but to begin as root and to be told what sshd was asked for; its keeper logs it.
_RECORDING = (
    f"Defaults!{RECORDER} !log_allowed, !pam_session, !pam_setcred, !use_pty, !log_input, !log_output",
    f'Defaults!{RECORDER} env_keep += "SSH_CONNECTION SSH_CLIENT SSH_ORIGINAL_COMMAND XDG_SESSION_ID XDG_RUNTIME_DIR"',
)


def recorder_rule(name: str) -> str:
    """Return the rule by which a user begins a recorded session: the recorder runs the shell as that user."""
    return f'{name} ALL=(root) NOPASSWD: {RECORDER} ""'


def refusal(wish: Wish, deployer: str | None) -> str | None:
    """Return why this would take the deployer's own rights away, or None. ``deployer``: the user Ansible logged in as."""
    if deployer in (None, "root") or not wish.enforce:
        return None
    if any(u.name == deployer and u.present and u.admin for u in wish.users):
        return None
    return (
        f"The deployer is logged in as {deployer}, who would lose root's rights by this, so nothing was changed: "
        "run once without enforcing, which makes the declared administrators and takes nothing, then deploy as one of them; "
        f"or declare {deployer} as an administrator"
    )


def plan(wish: Wish, host: Host) -> tuple[Step, ...]:
    """Return the steps, what is given before what is taken; raise PeopleError where the host contradicts the wish."""
    _refuse_contradictions(wish, host)
    steps: list[Step] = []
    for user in wish.users:
        if user.present:
            steps += _give(user, wish, host)
    if not wish.enforce:
        return tuple(steps)
    for user in wish.users:
        if not user.present:
            steps += _take(user, host)
    for name in wish.locked:
        steps += _lock(name, host, end=wish.end_processes)
    seen_to = {u.name for u in wish.users if u.admin or not u.present} | set(wish.locked)
    for group in wish.emptied_groups:
        for member in host.groups.get(group, ()):
            if member not in seen_to:
                steps.append(Step(f"take {member} out of group {group}", ("gpasswd", "--delete", member, group)))
    return tuple(steps)


def going_on(wish: Wish, host: Host) -> str | None:
    """Return a sentence on the processes of locked users that nobody ends, or None if there are none."""
    if not wish.enforce or wish.end_processes:
        return None
    running = {name: host.entries[name].processes for name in wish.locked if name in host.entries}
    told = [f"{name} ({number})" for name, number in running.items() if number]
    if not told:
        return None
    return f"Users who are locked still run processes, which go on until they end or end_processes is true: {', '.join(told)}"


def _refuse_contradictions(wish: Wish, host: Host) -> None:
    owners = {entry.uid: name for name, entry in host.entries.items()}
    for user in wish.users:
        entry = host.entries.get(user.name)
        if entry is not None and entry.uid != user.uid:
            raise PeopleError(
                f"{user.name} has uid {entry.uid} here and {user.uid} is declared: their files would change owner, "
                f"so move them by hand (usermod --uid) or declare {entry.uid}"
            )
        if entry is None and user.present and user.uid in owners:
            raise PeopleError(f"uid {user.uid} of {user.name} is {owners[user.uid]}'s here: declare another, or remove that user")


_OWN_HOME = ("--key", "HOME_MODE=0700", "--home-dir")
"""A home is its owner's alone: Debian 12 would let everybody read it."""


def _give(user: User, wish: Wish, host: Host) -> Iterator[Step]:
    shell = RECORDED_SHELL if user.recorded and not user.admin else wish.shell
    entry = host.entries.get(user.name)
    if entry is None:
        home = f"/home/{user.name}"
        words = ["--uid", str(user.uid), "--comment", user.comment, "--shell", shell, "--password", NO_PASSWORD]
        create = "--no-create-home" if home in host.homes else "--create-home"
        yield Step(f"create {user.name}", ("useradd", *words, *_OWN_HOME, home, create, "--user-group", user.name), gives=True)
        if home in host.homes:
            yield Step(f"give {user.name} the home back", ("chown", f"{user.uid}:{user.name}", home), gives=True)
        return
    words = []
    if wish.enforce and entry.comment != user.comment:
        words += ["--comment", user.comment]
    # A shell of the user's own choice, and a password, are theirs until they are taken.
    if entry.shell != shell if wish.enforce else PurePosixPath(entry.shell).name in _NO_SHELLS:
        words += ["--shell", shell]
    if wish.enforce and entry.password != NO_PASSWORD:
        words += ["--password", NO_PASSWORD]
    if entry.expires:
        words += ["--expiredate", ""]
    if words:
        yield Step(f"set right {user.name}", ("usermod", *words, user.name), gives=True)


def _take(user: User, host: Host) -> Iterator[Step]:
    entry = host.entries.get(user.name)
    if entry is None:
        left = host.traces.get(user.name)
        if left is not None:
            yield from _end(user.name, left, processes=False) if left.uid == NOBODYS else _end_and_clear(user.name, left)
        return
    # First no new login, then no process that goes on; only then is the name free.
    yield Step(f"expire {user.name}", ("usermod", "--lock", "--expiredate", "1", user.name))
    for step in _end(user.name, entry, processes=True):
        yield replace(step, again=True)
    yield Step(f"remove {user.name}", ("userdel", user.name), clear=Owner(user.name, entry.uid, entry.home))
    if entry.home in host.homes:
        yield Step(f"keep the home of {user.name} for root only", ("chown", "root:root", entry.home))
        yield Step(f"close the home of {user.name}", ("chmod", "0700", entry.home))


def _lock(name: str, host: Host, *, end: bool) -> Iterator[Step]:
    entry = host.entries.get(name)
    if entry is None:
        return
    if not entry.password.startswith("!") or entry.shell != NO_LOGIN or entry.expires != "1":
        yield Step(f"lock {name}", ("usermod", "--lock", "--expiredate", "1", "--shell", NO_LOGIN, name))
    memberships = sorted(group for group, members in host.groups.items() if name in members)
    if memberships:
        yield Step(f"take {name} out of {', '.join(memberships)}", ("usermod", "--groups", "", name))
    yield from _end_and_clear(name, entry) if end else _end(name, entry, processes=False)


def _end_and_clear(name: str, entry: Entry) -> Iterator[Step]:
    """Yield the same as ``_end``, and look again in the last step: what ran until then can have left more."""
    steps = [*_end(name, entry, processes=True)]
    for step in steps[:-1]:
        yield replace(step, again=True)
    for step in steps[-1:]:
        yield replace(step, clear=Owner(name, entry.uid, entry.home))


def _end(name: str, entry: Entry, *, processes: bool) -> Iterator[Step]:
    if entry.leftovers:
        yield Step(f"remove {', '.join(shown(path) for path in entry.leftovers)}", remove=entry.leftovers)
    if processes and entry.processes:
        yield Step(f"end the processes of {name}", end_uid=entry.uid)
    if processes:
        # What a mount was served by has ended, so it answers nobody any more; whoever has a file open there keeps only that.
        for path in entry.mounts:
            yield Step(f"unmount {shown(path)}", unmount=path)
