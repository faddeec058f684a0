"""What a role would make of the files on a machine: each declared file against the one that is there. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WantedFile:
    """A file as a role would write it."""

    role: str
    path: str
    content: str


@dataclass(frozen=True)
class Change:
    """One alteration by a role: ``action`` is ``create``, ``change``, ``add`` or ``blocked``."""

    role: str
    action: str
    subject: str
    diff: str = ""


_ROLES = (
    ("/etc/systemd/network/", "segment_interface"),
    ("/etc/nftables.conf", "packet_filter"),
    ("/etc/kakehashi/forwarding.conf", "gateway"),
    ("/etc/ssh/authorized_keys.d/", "login_restriction"),
    ("/etc/ssh/sshd_config_data", "data_server"),
    ("/etc/ssh/sshd_config_sign", "certificate_authority"),
    ("/etc/ssh/authorized_keys_sign.d/", "certificate_authority"),
    ("/etc/security/access-sign.conf", "certificate_authority"),
    ("/etc/pam.d/kakehashi-sign-sshd", "certificate_authority"),
    ("/etc/systemd/system/kakehashi-sign-sshd.service", "certificate_authority"),
    ("/etc/kakehashi/authority/", "certificate_authority"),
    ("/var/lib/kakehashi-authority/", "certificate_authority"),
    ("/var/lib/kakehashi-host-authority/", "certificate_authority"),
)


def role_of(path: str) -> str:
    """Return the role that writes a file. The data server's carry ``data`` in their names, the rest is login_restriction's."""
    for start, role in _ROLES:
        if path.startswith(start):
            return role
    return "data_server" if "data" in path else "login_restriction"


def file_changes(wanted: Iterable[WantedFile], found: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    """Yield what differs.

    ``found`` holds, by path, ``kind`` (missing, file, directory, link, other), ``mode``, ``owner``,
    ``group`` and ``content`` as the module ``host_survey`` returns them.
    """
    for item in wanted:
        now = found.get(item.path, {"kind": "missing"})
        kind = now["kind"]
        if kind == "missing":
            yield Change(item.role, "create", item.path, unified(item.path, "", item.content))
        elif kind == "directory":
            yield Change(item.role, "blocked", f"{item.path} is a directory: move it away first")
        elif kind != "file" or _text(now) != item.content:
            yield Change(item.role, "change", item.path, unified(item.path, _text(now), item.content))


def _text(found: Mapping[str, Any]) -> str:
    return str(found.get("content") or "")


def unified(path: str, before: str, after: str) -> str:
    """Return a unified diff of two texts; empty where they are equal."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"{path} (now)", f"{path} (adopted)"
    )
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def user_changes(passwd_names: Sequence[str], view: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the users that role ``base`` would make."""
    for person in view["base"]["users"]:
        if person["state"] != "absent" and person["name"] not in passwd_names:
            yield Change("base", "add", f"user {person['name']} (uid {person['uid']})")
