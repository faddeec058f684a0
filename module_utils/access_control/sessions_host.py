"""Reads a host's open ssh sessions, and ends some."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..identity.krl import KrlError, revoked
from ..programs import run
from .host import PRIVILEGE_SEPARATION, HostError
from .session_keys import Began, Taken, began, certifying, fingerprints, key_files, replaced
from .sessions import Rules, Session, connections, rules_of, user_of
from .sshd_settings import parse_effective

_JOURNAL = ("journalctl", "--boot", "--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE,_PID")
_PATIENCE, _INTERVAL = 10.0, 0.05  # seconds


def open_sessions(port: int) -> list[Session]:
    """Return the authenticated connections of the sshd at ``port``. Raises ``HostError`` where they can't be read."""
    listing = run(["ss", "-HtnpO", "state", "established", f"( sport = :{port} )"], HostError)
    if listing.returncode != 0:
        raise HostError(f"ss can't list connections: {listing.stderr.strip()}; mend that, then run again")
    found = {}
    for address, pids in connections(listing.stdout):
        for pid in pids:
            user = user_of(_title(pid))
            if user is not None:
                found[pid] = Session(pid, user, address)
    return [found[pid] for pid in sorted(found)]


def rules(program: str, config: str) -> Rules:
    """Return who may log in by ``config``. Raises ``HostError`` with sshd's words where it refuses that."""
    return rules_of(_effective(program, config))


def how_they_began(sessions: Iterable[Session]) -> dict[int, Began]:
    """Return by what connections began, by process, as far as the journal tells."""
    pids = [f"_PID={session.pid}" for session in sessions]
    if not pids:
        return {}
    said = run([*_JOURNAL, "_UID=0", *pids], HostError)
    return began(said.stdout) if said.returncode == 0 else {}


def taken(program: str, config: str, session: Session) -> Taken | None:
    """Return which keys and authorities ``config`` takes for a session's user from its address; None where files don't tell.

    Raises ``HostError`` with sshd's words where it refuses the configuration.
    """
    persona = f"user={session.user},host={session.address},addr={session.address}"
    effective = _effective(program, config, "-C", persona)
    files = key_files(effective, session.user)
    if files is None:
        return None
    keys, authorities = ([_read(path) for path in paths] for paths in files)
    parts = [certifying(text) for text in keys]
    return Taken(
        frozenset().union(*(fingerprints(plain) for plain, _by in parts)),
        frozenset().union(*map(fingerprints, [*authorities, *(by for _plain, by in parts)])),
        frozenset().union(*(_revoked(path) for path in effective.get("revokedkeys", ()) if path not in ("", "none"))),
    )


def replaced_keys(path: str, days: int) -> frozenset[str]:
    """Return the fingerprints of keys that were replaced within ``days``, as the file at ``path`` tells; none without it."""
    return replaced(_read(path), datetime.now(UTC), days)


def _revoked(path: str) -> frozenset[str]:
    """Return the names that a list of ours revokes; none of one that is not ours, or is missing: sshd lets nobody in by that."""
    try:
        return frozenset(revoked(Path(path).read_bytes()))
    except (OSError, KrlError):
        return frozenset()


def _read(path: str) -> str:
    """Return a file's text. Nothing where there is none: no key is taken by it, or spared."""
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HostError(f"{path} can't be read ({error.strerror}), so no session was ended: mend that, then run again") from error


def _effective(program: str, config: str, *words: str) -> dict[str, tuple[str, ...]]:
    with contextlib.suppress(OSError):
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)  # sshd says nothing without it
    said = run([program, "-T", "-f", config, *words], HostError)
    if said.returncode != 0:
        told = (said.stderr or said.stdout).strip().replace("\n", "; ")
        raise HostError(f"sshd refuses {config} ({told}), so no session was ended: mend that, then run again")
    return parse_effective(said.stdout)


def end(sessions: Iterable[Session]) -> None:
    """End connections and what runs at their terminals. Raises ``HostError`` naming those that don't end."""
    left = list(sessions)
    for session in left:
        _signal(session, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while left := _still(left):
        if time.monotonic() > deadline:
            raise HostError(f"{_told(left)} did not end within {_PATIENCE:.0f} s: end that by hand, then run again")
        time.sleep(_INTERVAL)  # until they are gone or the time is over


def _still(sessions: Sequence[Session]) -> list[Session]:
    return [s for s in sessions if user_of(_title(s.pid)) == s.user]


def _signal(session: Session, number: int) -> None:
    # The number may be another process's by now.
    if user_of(_title(session.pid)) == session.user:
        with contextlib.suppress(ProcessLookupError):
            os.kill(session.pid, number)


def _title(pid: int) -> str:
    """Return a process's title; nothing for one that is not root's, which could call itself anything."""
    try:
        if Path(f"/proc/{pid}").stat().st_uid != 0:
            return ""
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:
        return ""


def _told(sessions: Iterable[Session]) -> str:
    return ", ".join(f"{s.user} from {s.address} (process {s.pid})" for s in sessions)
