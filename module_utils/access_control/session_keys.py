"""Decides which open ssh sessions began by a key that is not taken any more. No I/O.

sshd looks at a key once, when a connection begins. By what key that was stands in its journal only, in a line of the process that
root keeps for the connection (OpenSSH, auth.c: auth_log()).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ..adoption.logins import plain_address
from .sessions import Session

_ACCEPTED = re.compile(
    # After a key for which a code is asked too, the line that says Accepted names no key any more (auth.c: auth_log()).
    r"(?:Accepted|Partial) publickey for (?P<user>\S+) from (?P<source>\S+) port \d+ ssh2: "
    r"\S+ (?P<key>SHA256:[A-Za-z0-9+/]+)(?: ID (?P<name>.*) \(serial \d+\) CA \S+ (?P<authority>SHA256:[A-Za-z0-9+/]+))?$"
)
_COMMANDS = ("authorizedkeyscommand", "authorizedprincipalscommand")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_ESCAPED = re.compile(rb"\\(?:\\|([0-7]{3}))")
_KIND = re.compile(r"(?:ssh|ecdsa|sk)-[\w@.-]+")


@dataclass(frozen=True, slots=True)
class Began:
    """By what a connection began: ``user`` and ``address``, and the fingerprints of the ``key`` and of the ``authority``.

    The authority's, and the certificate's ``name``, are empty where the key came without a certificate.
    """

    user: str
    address: str
    key: str
    authority: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Fingerprints of the ``keys`` and ``authorities`` that sshd takes for a user now, and names of ``revoked`` certificates."""

    keys: frozenset[str]
    authorities: frozenset[str]
    revoked: frozenset[str] = frozenset()


def began(journal: str) -> dict[int, Began]:
    """Return by what connections began, by process; from ``journalctl --output=json``, of whose lines the newest holds."""
    found = {}
    for line in journal.splitlines():
        entry = json.loads(line)
        message = entry.get("MESSAGE")
        accepted = _ACCEPTED.match(message) if isinstance(message, str) else None
        if accepted is not None:
            source = plain_address(accepted["source"])
            by = (accepted["user"], source, accepted["key"], accepted["authority"] or "", unescaped(accepted["name"] or ""))
            found[int(entry["_PID"])] = Began(*by)
    return found


def unescaped(text: str) -> str:
    """Return a text of sshd's log as it was before it was written (log.c: strnvis() with VIS_OCTAL, backslashes doubled)."""
    data = _ESCAPED.sub(lambda m: bytes([int(m[1], 8) & 0xFF]) if m[1] else b"\\", text.encode())
    return data.decode(errors="replace")


def certifying(text: str) -> tuple[str, str]:
    """Return a file of keys in two: lines of keys that open by themselves, and lines of authorities whose certificates do."""
    parts: tuple[list[str], list[str]] = ([], [])
    for line in text.splitlines():
        # Without what is quoted the first word holds all options.
        options = _QUOTED.sub("", line).strip().split(" ")[0].lower().split(",")
        parts["cert-authority" in options].append(line)
    keys, authorities = ("\n".join(lines) for lines in parts)
    return keys, authorities


def fingerprints(text: str) -> frozenset[str]:
    """Return the fingerprints of the keys in a file of keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT), as sshd writes them."""
    found = set()
    for line in text.splitlines():
        words = line.split()
        # What stands before the kind are options, and those may hold spaces.
        for kind, blob in pairwise(words):
            if not line.lstrip().startswith("#") and _KIND.fullmatch(kind):
                with_padding = blob + "=" * (-len(blob) % 4)
                try:
                    digest = hashlib.sha256(base64.b64decode(with_padding, validate=True)).digest()
                except binascii.Error:
                    continue
                found.add("SHA256:" + base64.b64encode(digest).decode().rstrip("="))
    return frozenset(found)


def replaced(text: str, now: datetime, days: int) -> frozenset[str]:
    """Return the fingerprints of keys that were replaced within ``days``, from lines of a fingerprint and a time (UTC)."""
    found = set()
    for line in text.splitlines():
        key, _space, time = line.partition(" ")
        with contextlib.suppress(ValueError):
            # A time that is to come may be another clock's; much of that is bounded too.
            if abs(now - datetime.strptime(time, _TIME).replace(tzinfo=UTC)) <= timedelta(days=days):
                found.add(key)
    return frozenset(found)


def by_withdrawn_keys(
    sessions: Iterable[Session],
    seen: Mapping[int, Began],
    taken: Callable[[Session], Taken | None],
    spared: Collection[str] = (),
) -> list[Session]:
    """Return the sessions whose key, or whose certificate or its authority, is not taken any more.

    Those by keys that are ``spared`` stay, as long as another is taken for the user: who has none left lost the account.

    In doubt a session stays: where the journal doesn't tell how it began, or ``taken`` doesn't know (None) what holds for it.
    """
    return [s for s in sessions if _withdrawn(s, _beginning(s, seen), taken, spared)]


def unknown(sessions: Iterable[Session], seen: Mapping[int, Began]) -> list[Session]:
    """Return the sessions of which the journal doesn't tell by what they began: nobody can say whether they lost their right."""
    return [s for s in sessions if _beginning(s, seen) is None]


def _beginning(session: Session, seen: Mapping[int, Began]) -> Began | None:
    by = seen.get(session.pid)
    # A number may have been another process's before.
    return by if by is not None and (by.user, by.address) == (session.user, session.address) else None


def _withdrawn(session: Session, by: Began | None, taken: Callable[[Session], Taken | None], spared: Collection[str]) -> bool:
    now = taken(session) if by is not None else None
    if by is None or now is None:
        return False
    if by.authority and by.name in now.revoked:
        return True
    key, valid = (by.authority, now.authorities) if by.authority else (by.key, now.keys)
    return key not in valid and not (valid and key in spared)


def key_files(effective: Mapping[str, Sequence[str]], user: str) -> tuple[list[str], list[str]] | None:
    """Return which files hold the keys, and which the authorities, that sshd takes for ``user`` by what ``sshd -T -C`` prints.

    None where that can't be told from files of root's alone: a command is asked, or a path is below a home.
    """
    command = [
        value for keyword in ("authorizedkeyscommand", "authorizedprincipalscommand") for value in effective.get(keyword, ())
    ]
    if any(value not in ("", "none") for value in command):
        return None
    paths = [word.replace("%u", user) for value in effective.get("authorizedkeysfile", ()) for word in value.split()]
    if not all(path == "none" or (path.startswith("/") and "%" not in path) for path in paths):
        return None
    authorities = [value for value in effective.get("trustedusercakeys", ()) if value not in ("", "none")]
    return [path for path in paths if path != "none"], authorities
