"""Reads the logins of the last days off a machine. Runs on that machine: standard library only, changes nothing."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .logins import from_journal, from_syslog, from_wtmp, merged, summed

Run = Callable[[list[str]], "tuple[int, str, str]"]
_DAY = 86400
_JOURNAL = ["journalctl", "--output=json", "--no-pager", "--quiet", "--identifier=sshd", "--identifier=sshd-session"]
_FIELDS = "--output-fields=MESSAGE,_UID,_SYSTEMD_UNIT"


def history(run: Run, days: int, now: int, root: str = "/") -> dict[str, Any]:
    """Return ``{days, rows, reaches_back, unread}``: rows of ``logins.summed``, and for each record how far it reaches back.

    ``reaches_back`` holds, by record, the time (seconds since 1970) of its oldest login or entry; a record that is
    not there is left out. ``root`` is where /var/log is looked for.
    """
    unread: list[str] = []
    since = now - days * _DAY
    logs = Path(root) / "var/log"
    journal = list(from_journal(_journal(run, since, unread)))
    syslog = [login for path in _rotated(logs / "auth.log") for login in from_syslog(_lines(path, unread), now)]
    wtmp = [login for path in _rotated(logs / "wtmp") for login in from_wtmp(_bytes(path, unread))]
    reach = {name: min(login.time for login in record) for name, record in (("auth.log", syslog), ("wtmp", wtmp)) if record}
    begin = _journal_begin(run)
    if begin:
        reach["journal"] = begin
    return {"days": days, "rows": summed(merged(journal, syslog, wtmp), since), "reaches_back": reach, "unread": unread}


def _journal(run: Run, since: int, unread: list[str]) -> list[str]:
    """Return the journal's lines about accepted logins; without pattern matching in journalctl, all lines of sshd."""
    base = [*_JOURNAL, _FIELDS, f"--since=@{since}"]
    code, out, err = run([*base, "--grep=^Accepted "])
    if code != 0 and "pattern matching" in err:
        code, out, err = run(base)
    if code != 0 and err.strip():
        unread.append(f"journalctl: {err.strip().splitlines()[-1]}")
    return out.splitlines()


def _journal_begin(run: Run) -> int:
    """Return when the journal begins: the first line of what it says about its own boots."""
    code, out, _err = run(["journalctl", "--output=short-unix", "--no-pager", "--quiet", "--lines=+1"])
    if code != 0:  # systemd before 254 knows no +1
        out = run(["journalctl", "--header", "--no-pager"])[1]
        stamps = [_header_stamp(line) for line in out.splitlines() if "Head realtime timestamp" in line]
        return min((s for s in stamps if s), default=0)
    first = out.partition(" ")[0].partition(".")[0]
    return int(first) if first.isdigit() else 0


def _header_stamp(line: str) -> int:
    """``Head realtime timestamp: Mon 2026-11-23 16:00:00 UTC (6541c0a8b5c40)``: microseconds in hexadecimal."""
    inside = line.rpartition("(")[2].rstrip(") \n")
    try:
        return int(inside, 16) // 1_000_000
    except ValueError:
        return 0


def _rotated(path: Path) -> list[Path]:
    return [name for name in (*sorted(path.parent.glob(f"{path.name}.*"), reverse=True), path) if name.is_file()]


def _bytes(path: Path, unread: list[str]) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        unread.append(f"{path}: {error}")
        return b""


def _lines(path: Path, unread: list[str]) -> Iterator[str]:
    yield from _bytes(path, unread).decode("utf-8", "replace").splitlines()


def now_here() -> int:
    """Return this machine's time in whole seconds since 1970."""
    return int(time.time())
