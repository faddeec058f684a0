"""Decides which open ssh sessions an sshd would not admit any more. No I/O.

A rule holds for new connections: whoever is connected when it comes stays, and opens new sessions over that connection (ssh(1),
ControlMaster). sshd itself never looks again.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# sshd's title of the process that root keeps for a user's connection; 9.8 and later have a program of its own for it. Root's own
# connections have one process only.
_TITLE = re.compile(r"^sshd(?:-session)?: (?:(?P<user>\S+) \[priv\]|(?P<root>root)(?:@\S+)?$)")
_PEER = 3  # which of its words is the peer, in a line of ss
_NUMERIC = re.compile(r"[0-9a-fA-F.:*?]+")
_PIDS = re.compile(r"pid=(\d+)")


@dataclass(frozen=True, slots=True)
class Session:
    """An authenticated connection: ``pid`` of root's process for it, the ``user``, and the ``address`` it comes from."""

    pid: int
    user: str
    address: str


def connections(listing: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return peer address and processes of each connection, from ``ss -HtnpO state established``."""
    found = []
    for line in listing.splitlines():
        words = line.split()
        # Without a column for the state: two queues, the local and the peer's address, then who holds it.
        if len(words) > _PEER:
            found.append((_address(words[_PEER]), tuple(int(pid) for pid in _PIDS.findall(line))))
    return found


def _address(peer: str) -> str:
    """Return the address of ``ss``'s address and port, as sshd writes it: no zone of ours, no IPv4 within IPv6."""
    text = peer.rpartition(":")[0].partition("%")[0].strip("[]")
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def user_of(title: str) -> str | None:
    """Return whose authenticated connection a process is for, by its title; None for all other processes."""
    found = _TITLE.match(title)
    user = None if found is None else found["user"] or found["root"]
    return None if user == "unknown" else user


@dataclass(frozen=True, slots=True)
class Rules:
    """Patterns of ``AllowUsers`` (none admits everybody) and ``DenyUsers``, and whether root may come."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    root: bool = True


def rules_of(effective: Mapping[str, Sequence[str]]) -> Rules:
    """Return the rules in what ``sshd -T`` prints, its values by keyword."""
    root = tuple(effective.get("permitrootlogin", ()))
    return Rules(tuple(effective.get("allowusers", ())), tuple(effective.get("denyusers", ())), root != ("no",))


def not_admitted(sessions: Iterable[Session], rules: Rules) -> list[Session]:
    """Return the sessions that the rules would not let begin."""
    return [s for s in sessions if not _admitted(s, rules)]


def _admitted(session: Session, rules: Rules) -> bool:
    if session.user == "root" and not rules.root:
        return False
    if any(_denies(pattern, session) for pattern in rules.deny):
        return False
    return not rules.allow or any(_admits(pattern, session) for pattern in rules.allow)


def _denies(pattern: str, session: Session) -> bool:
    """Return whether a pattern of ``DenyUsers`` keeps a session out; not where it names a host, which nobody looks up."""
    host = pattern.rpartition("@")[2] if "@" in pattern else ""
    return _admits(pattern, session) and (not host or bool(_NUMERIC.fullmatch(host)) or "/" in host)


def _admits(pattern: str, session: Session) -> bool:
    """Return whether a pattern (sshd_config(5), ``AllowUsers``) admits a session; in doubt it does, so that nobody is cut off."""
    user, separator, host = pattern.rpartition("@")
    if not separator:
        user, host = host, ""
    if not _matches(session.user, user):
        return False
    return not host or _comes_from(ip_address(session.address), host)


def _comes_from(address: IPv4Address | IPv6Address, host: str) -> bool:
    try:
        return address in ip_network(host, strict=False)
    except ValueError:
        # Wildcards; and names, which are nothing that we write.
        return _matches(str(address), host) or not _NUMERIC.fullmatch(host)


def _matches(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
