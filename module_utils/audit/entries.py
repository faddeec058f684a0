"""What of a host's journal the audit keeps. Pure; runs on the log server, so it uses the standard library only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..sessions.words import HOLDS
from . import export
from .chain import is_whole

SSHD = ("sshd", "sshd-session", "sshd-auth", "kakehashi-data-sshd", "kakehashi-sign-sshd")
BECOMING_ROOT = {"sudo": "/usr/bin/sudo", "su": "/usr/bin/su"}
OWN = re.compile(r"kakehashi[\w.-]*")
DATA_UNIT = "kakehashi-data-sshd.service"
SIGNING, SIGN_UNIT = "kakehashi-sign", "kakehashi-sign-sshd.service"
"""The program that signs is no root's; its service is: nobody but root puts a process there."""
FIELDS = ("MESSAGE", "SYSLOG_IDENTIFIER", "_PID", "_UID", "_GID", "_EXE", "_TRANSPORT", "_BOOT_ID", "_SYSTEMD_UNIT")
LEFT_OUT = "kakehashi-left-out"
"""Under this name the log server itself says what it left out. No host is asked for entries of this name."""
_SYSLOG = "syslog"
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
    uid: int = -1
    gid: int = -1
    """Whose process wrote it, as the kernel says; -1 where it is not known."""


def asked_for(identifiers: Sequence[str]) -> list[str]:
    """Return the words by which journalctl gives what may be vouched for, of these identifiers and of recordings, and no more.

    By fields that only journald writes: so what others write under these names is passed over by index, unread and however long.
    """
    groups = [[*(_named(word) for word in (*identifiers, HOLDS) if word not in (SIGNING, LEFT_OUT)), "_UID=0"]]
    for word in identifiers:
        if word in BECOMING_ROOT:
            groups += [[_named(word), f"_TRANSPORT={_SYSLOG}", said] for said in ("_GID=0", f"_EXE={BECOMING_ROOT[word]}")]
        if word == SIGNING:
            groups.append([_named(word), f"_SYSTEMD_UNIT={SIGN_UNIT}"])
    return [word for group in groups for word in ("+", *group)][1:]


def _named(word: str) -> str:
    return f"SYSLOG_IDENTIFIER={word}"


def entry_of(host: str, fields: Mapping[str, str]) -> Entry | None:
    """Return what the audit keeps of a journal's entry of ``host``, or ``None`` where it keeps nothing.

    Anybody may write to a journal under any name, so what a name says counts only where the system vouches for it:
    root wrote it, or it belongs to the service that signs. What sudo says for its caller is kept as what somebody said;
    ``logins.elevations`` says which of it counts.
    """
    by, text = _text(fields, "SYSLOG_IDENTIFIER"), _text(fields, "MESSAGE")
    if by == HOLDS:
        return None  # kept beside the chain
    return _entry(host, by, fields, text) if text and _vouched_for(by, fields) else None


def left_out_of(host: str, fields: Mapping[str, str], too_long: Sequence[str]) -> Entry | None:
    """Return what is kept in place of an entry with fields that are too long; ``None`` where nothing of it would be kept."""
    by = _text(fields, "SYSLOG_IDENTIFIER")
    if not _vouched_for(by, fields):
        return None
    who = "root" if _text(fields, "_UID") == "0" else f"user number {_text(fields, '_UID') or '?'}"
    words = f"an entry of {by} by {who} was left out: {', '.join(too_long)} longer than {export.LONGEST >> 10} KiB"
    return _entry(host, LEFT_OUT, fields, words)


def _entry(host: str, by: str, fields: Mapping[str, str], text: str) -> Entry:
    boot, at = _text(fields, "_BOOT_ID"), _number(fields, "__REALTIME_TIMESTAMP")
    pid, unit = _number(fields, "_PID"), _text(fields, "_SYSTEMD_UNIT")
    parts = (host, boot, str(at), str(_number(fields, "__MONOTONIC_TIMESTAMP")), by, str(pid), text)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    uid, gid = _number(fields, "_UID", -1), _number(fields, "_GID", -1)
    return Entry(digest, host, at, by, pid, boot[:LONGEST], unit[:LONGEST], text[:LONGEST], uid, gid)


def as_data(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data."""
    return asdict(entry)


def is_entry(data: Mapping[str, Any]) -> bool:
    """Return whether plain data is an entry as ``as_data`` gives it: whoever may write a chain may write anything there."""
    found = [data.get(key) for key in ("host", "by", "boot", "unit", "text")]
    # What is printable is not asked: a newer Python on the log server knows more letters.
    texts = all(isinstance(text, str) and not _OBEYED.search(text) for text in found)
    # Records of earlier versions don't say whose process it was.
    numbers = all(is_whole(data.get(key, -1)) for key in ("uid", "gid"))
    return texts and numbers and is_whole(data.get("pid")) and is_whole(data.get("at")) and 0 <= data["at"] < _NO_TIME


def _vouched_for(by: str, fields: Mapping[str, str]) -> bool:
    root = _text(fields, "_UID") == "0"
    if by == SIGNING:
        return _text(fields, "_SYSTEMD_UNIT") == SIGN_UNIT
    if by == LEFT_OUT:
        return False
    if by in SSHD or OWN.fullmatch(by):
        return root
    if by not in BECOMING_ROOT or root:
        return by in BECOMING_ROOT
    # It still has its caller's number. Its path keeps out what anybody logs under its name, and no more: in a namespace of
    # one's own another program may lie there. One socket of journald keeps the order in which a process says things.
    said = _text(fields, "_GID") == "0" or _text(fields, "_EXE") == BECOMING_ROOT[by]
    return said and _text(fields, "_TRANSPORT") == _SYSLOG


def _text(fields: Mapping[str, str], key: str) -> str:
    return printable(fields.get(key) or "")


def printable(text: str) -> str:
    """Return a text in one line that no terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _number(fields: Mapping[str, str], key: str, without: int = 0) -> int:
    text = _text(fields, key)
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else without
