"""Users as lines of passwd, shadow, group and gshadow, so that a node needs no program run to have them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ADMINISTRATORS = "sudo"
SUDOERS = "/etc/sudoers.d/50-bootstrap"
# Days since 1970 of the last change of the password: any fixed day keeps builds alike.
_CHANGED = 20000


@dataclass(frozen=True)
class User:
    """A login on a node. ``password`` is a crypt(3) hash; without one there is no login by password."""

    name: str
    uid: int
    public_key: str
    administrator: bool = False
    password: str = "*"  # noqa: S105 - says that no password fits

    @property
    def home(self) -> str:
        """Home directory."""
        return f"/home/{self.name}"


@dataclass(frozen=True)
class Databases:
    """The texts of /etc/passwd, /etc/shadow, /etc/group and /etc/gshadow."""

    passwd: str
    shadow: str
    group: str
    gshadow: str


def with_users(databases: Databases, users: Iterable[User]) -> Databases:
    """`databases` with `users` (each with a group of the same name and number) added."""
    everybody = tuple(users)
    passwd = "".join(f"{user.name}:x:{user.uid}:{user.uid}::{user.home}:/bin/bash\n" for user in everybody)
    shadow = "".join(f"{user.name}:{user.password}:{_CHANGED}:0:99999:7:::\n" for user in everybody)
    group = "".join(f"{user.name}:x:{user.uid}:\n" for user in everybody)
    gshadow = "".join(f"{user.name}:!::\n" for user in everybody)
    administrators = [user.name for user in everybody if user.administrator]
    return Databases(
        databases.passwd + passwd,
        databases.shadow + shadow,
        _with_members(databases.group, ADMINISTRATORS, administrators) + group,
        _with_members(databases.gshadow, ADMINISTRATORS, administrators) + gshadow,
    )


def _with_members(group: str, name: str, members: list[str]) -> str:
    lines = []
    for line in group.splitlines():
        fields = line.split(":")
        if fields[0] == name:
            fields[3] = ",".join([*filter(None, fields[3].split(",")), *members])
        lines.append(":".join(fields))
    return "".join(f"{line}\n" for line in lines)


def sudoers(users: Iterable[User]) -> str:
    """A sudoers file for the administrators among `users`."""
    return "".join(f"{user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n" for user in users if user.administrator)
