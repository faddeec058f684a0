"""Reads passwd, group and shadow: which users a host has, their groups, and whether a password could let them in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .problem import CannotProve

Password = Literal["set", "locked", "empty"]


@dataclass(frozen=True, slots=True)
class User:
    """A user of a host. ``expired`` accounts fail in PAM's account phase.

    The shell isn't asked: sftp and forwarding work without one.
    """

    name: str
    uid: int
    groups: frozenset[str]
    home: str
    shell: str
    password: Password = "locked"  # noqa: S105 - a state, no password
    expired: bool = False

    @property
    def without_password(self) -> bool:
        """Return whether the empty password is the right one."""
        return self.password == "empty"  # noqa: S105 - a state, no password


def parse_users(passwd: str, group: str, shadow: str, where: str = "passwd") -> tuple[User, ...]:
    """Return the users of a host from the text of the three files. Raises ``CannotProve`` for a broken line."""
    passwords = {f[0]: (_password(f[1]), f[7] == "1") for f in _fields(shadow, 9, where.replace("passwd", "shadow"))}
    groups = [(f[0], f[2], f[3].split(",")) for f in _fields(group, 4, where.replace("passwd", "group"))]
    users = []
    for name, _unused, uid, gid, _unused2, home, shell in _fields(passwd, 7, where):
        mine = frozenset(g for g, number, members in groups if number == gid or name in members)
        password, expired = passwords.get(name, ("locked", False))
        users.append(User(name, int(uid), mine, home, shell or "/bin/sh", password, expired))
    return tuple(users)


def _fields(text: str, count: int, where: str) -> Iterable[list[str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            fields = line.split(":")
            if len(fields) != count:
                raise CannotProve(where, number, fields[0], f"a line has {count} fields parted by colons")
            yield fields


def _password(field: str) -> Password:
    """Return what a shadow password field allows: no hash begins with ``!`` or ``*``, and crypt's begin with ``$``."""
    if not field:
        return "empty"
    return "locked" if field[0] in "!*" else "set"
