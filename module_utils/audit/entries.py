"""What of a host's journal the audit keeps. Pure; runs on the log server, so it uses the standard library only."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..sessions.words import HOLDS
from .chain import is_whole

SSHD = ("sshd", "sshd-session", "sshd-auth", "kakehashi-data-sshd", "kakehashi-sign-sshd")
BECOMING_ROOT = {"sudo": "/usr/bin/sudo", "su": "/usr/bin/su"}
OWN = re.compile(r"kakehashi[\w.-]*")
DATA_UNIT = "kakehashi-data-sshd.service"
SIGNING, SIGN_UNIT = "kakehashi-sign", "kakehashi-sign-sshd.service"
"""The program that signs is no root's; its service is: nobody but root puts a process there."""
FIELDS = ("MESSAGE", "SYSLOG_IDENTIFIER", "_PID", "_UID", "_GID", "_EXE", "_BOOT_ID", "_SYSTEMD_UNIT")
_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_TIME = 1 << 55
"""Microseconds since 1970 that journald takes for no time any more."""
LONGEST = 4096
"""Characters of a message that are kept: people choose user names, and a chain is for ever."""


@dataclass(frozen=True)
class Entry:
    """One line of a journal. ``at`` is the host's own time in microseconds since 1970; ``id`` stays when it is sent again."""

    id: str
    host: str
    at: int
    by: str
    pid: int
    boot: str
    unit: str
    text: str


def entry_of(host: str, line: str) -> Entry | None:
    """Return what the audit keeps of a ``journalctl -o json`` line of ``host``, or ``None`` where it keeps nothing.

    Anybody may write to a journal under any name, so what a name says counts only where the system vouches for it:
    root wrote it, or the program itself is the one that may become root, or it belongs to the service that signs.
    """
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    if fields.get("SYSLOG_IDENTIFIER") == HOLDS:
        return None  # kept beside the chain
    by, text = _text(fields, "SYSLOG_IDENTIFIER"), _text(fields, "MESSAGE")
    if not text or not _vouched_for(by, fields):
        return None
    boot, at = _text(fields, "_BOOT_ID"), _number(fields, "__REALTIME_TIMESTAMP")
    pid, unit = _number(fields, "_PID"), _text(fields, "_SYSTEMD_UNIT")
    parts = (host, boot, str(at), str(_number(fields, "__MONOTONIC_TIMESTAMP")), by, str(pid), text)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Entry(digest, host, at, by, pid, boot, unit, text[:LONGEST])


def as_data(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data."""
    return asdict(entry)


def is_entry(data: Mapping[str, Any]) -> bool:
    """Return whether plain data is an entry as ``as_data`` gives it: whoever may write a chain may write anything there."""
    found = [data.get(key) for key in ("host", "by", "boot", "unit", "text")]
    # What is printable is not asked: a newer Python on the log server knows more letters.
    texts = all(isinstance(text, str) and not _OBEYED.search(text) for text in found)
    return texts and is_whole(data.get("pid")) and is_whole(data.get("at")) and 0 <= data["at"] < _NO_TIME


def _vouched_for(by: str, fields: Mapping[str, Any]) -> bool:
    root = _text(fields, "_UID") == "0"
    if by == SIGNING:
        return _text(fields, "_SYSTEMD_UNIT") == SIGN_UNIT
    if by in SSHD or OWN.fullmatch(by):
        return root
    # Such a program still has its caller's number, and has often ended before the journal looks at it: then its group tells.
    return by in BECOMING_ROOT and (root or _text(fields, "_EXE") == BECOMING_ROOT[by] or _text(fields, "_GID") == "0")


def _text(fields: Mapping[str, Any], key: str) -> str:
    """Return a field as text: journalctl gives what is no plain text as numbers, and a field that stands twice as a list."""
    value = fields.get(key)
    if isinstance(value, list):
        if all(isinstance(v, int) and v in range(256) for v in value):
            return printable(bytes(value).decode("utf-8", "replace"))
        value = next((v for v in value if isinstance(v, str)), "")
    return printable(value) if isinstance(value, str) else ""


def printable(text: str) -> str:
    """Return a text in one line that no terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _number(fields: Mapping[str, Any], key: str) -> int:
    text = _text(fields, key)
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else 0
