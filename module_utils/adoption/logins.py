"""Logins that happened, out of the journal, auth.log and wtmp. Pure: the caller brings the texts and bytes.

Runs on the surveyed machine too, so it uses the standard library only.
"""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Any

DATA_UNIT = "kakehashi-data-sshd.service"
SAME_LOGIN_SECONDS = 10
"""Two records of one user and source this close together are one login told twice."""

# OpenSSH, auth.c: auth_log()
_ACCEPTED = re.compile(r"Accepted (?P<method>\S+) for (?P<user>\S+) from (?P<source>\S+) port (?P<port>\d+)(?P<rest>.*)$")
_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]+")
# rsyslog's traditional stamp, and the one with a zone that newer releases write.
_SYSLOG = re.compile(
    r"^(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) "
    r"\S+ sshd(?:-session)?\[\d+\]: (?P<message>.*)$"
)
# utmp(5): type, pid, line, id, user, host, exit, session, seconds, microseconds, address, unused
_UTMP = struct.Struct("<h2xi32s4s32s256shhiii16s20x")
_USER_PROCESS = 7


@dataclass(frozen=True)
class Login:
    """One login. ``time`` is in seconds since 1970 (UTC); ``source`` is an address, or empty for a console.

    ``port`` is the client's port, 0 where unknown. ``key`` is the fingerprint (``SHA256:...``) of the public key, or of the
    authority whose certificate came with it.
    ``service`` is ``ssh``, ``data`` (the data server's own daemon) or ``console``.
    """

    time: int
    user: str
    source: str
    port: int = 0
    method: str = ""
    key: str = ""
    service: str = "ssh"
    seen_in: str = "journal"


def accepted(message: str, when: int, seen_in: str, service: str = "ssh") -> Login | None:
    """Return the login that a line of sshd tells of, or ``None`` for any other line."""
    found = _ACCEPTED.match(message)
    if found is None:
        return None
    authority = found["rest"].rpartition(" CA ")[2]
    key = _KEY.search(authority)
    source = plain_address(found["source"])
    return Login(when, found["user"], source, int(found["port"]), found["method"], key[0] if key else "", service, seen_in)


def plain_address(text: str) -> str:
    """Return an address without its zone and as IPv4 where it is a mapped one; what is no address comes back as it is."""
    bare = text.partition("%")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return text
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def from_journal(lines: Iterable[str]) -> Iterator[Login]:
    """Yield the logins in ``journalctl -o json`` lines. Lines that a user other than root wrote are left out: anybody may log."""
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or entry.get("_UID", "0") != "0" or not isinstance(entry.get("MESSAGE"), str):
            continue
        service = "data" if entry.get("_SYSTEMD_UNIT") == DATA_UNIT else "ssh"
        login = accepted(entry["MESSAGE"], _microseconds(entry) // 1_000_000, "journal", service)
        if login is not None:
            yield login


def _microseconds(entry: dict[str, Any]) -> int:
    stamp = str(entry.get("__REALTIME_TIMESTAMP", "0"))
    return int(stamp) if stamp.isdigit() else 0


def from_syslog(lines: Iterable[str], now: int) -> Iterator[Login]:
    """Yield the logins in lines of auth.log. Stamps without a year are taken as the last such day before ``now``."""
    for line in lines:
        found = _SYSLOG.match(line)
        if found is None:
            continue
        when = _stamp(found["stamp"], now)
        login = accepted(found["message"], when, "auth.log") if when else None
        if login is not None:
            yield login


def _stamp(text: str, now: int) -> int:
    if text[0].isdigit():
        return _iso_stamp(text)
    year = time.localtime(now).tm_year
    for candidate in (year, year - 1):
        try:
            when = int(time.mktime(time.strptime(f"{candidate} {text}", "%Y %b %d %H:%M:%S")))
        except ValueError:  # 29 February of a year that has none
            continue
        if when <= now + 86400:
            return when
    return 0


def _iso_stamp(text: str) -> int:
    try:
        return int(datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0


def from_wtmp(data: bytes) -> Iterator[Login]:
    """Yield the logins in a wtmp file (records of 384 bytes, as on every 64-bit Linux); a torn last record is left out."""
    whole = len(data) - len(data) % _UTMP.size
    for kind, _pid, line, _id, user, host, _end, _exit, _session, seconds, _micro, address in _UTMP.iter_unpack(data[:whole]):
        name = _text(user)
        if kind == _USER_PROCESS and name:
            source = _utmp_source(address, _text(host))
            service = "ssh" if source and not _text(line).startswith(":") else "console"
            yield Login(seconds & 0xFFFFFFFF, name, source, service=service, seen_in="wtmp")


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def _utmp_source(raw: bytes, host: str) -> str:
    if any(raw):
        return str(ip_address(raw if any(raw[4:]) else raw[:4]))
    try:
        return plain_address(str(ip_address(host.partition("%")[0])))
    except ValueError:
        return ""


def merged(*records: Iterable[Login]) -> list[Login]:
    """Return the logins of several records, each once, oldest first; what sshd itself said wins over wtmp."""
    kept: list[Login] = []
    last: dict[tuple[str, str], list[Login]] = {}
    for record in records:
        for login in record:
            known = last.setdefault((login.user, login.source), [])
            if not any(_same(login, other) for other in known if other.seen_in != login.seen_in):
                known.append(login)
                kept.append(login)
    return sorted(kept, key=lambda item: (item.time, item.user, item.source))


def _same(one: Login, other: Login) -> bool:
    if one.port and other.port and one.port != other.port:
        return False
    return abs(one.time - other.time) <= SAME_LOGIN_SECONDS


def summed(logins: Iterable[Login], since: int) -> list[dict[str, Any]]:
    """Return logins since a time, one row for each user, source, method and key: with ``count``, ``first``, ``last``."""
    rows: dict[Login, dict[str, Any]] = {}
    for login in logins:
        if login.time < since:
            continue
        key = replace(login, time=0, port=0)
        row = rows.setdefault(key, {**asdict(key), "count": 0, "first": login.time, "last": login.time})
        row["count"] += 1
        row["first"] = min(row["first"], login.time)
        row["last"] = max(row["last"], login.time)
    for row in rows.values():
        del row["time"], row["port"]
    return sorted(rows.values(), key=lambda row: (row["user"], row["source"], row["method"], row["key"]))
