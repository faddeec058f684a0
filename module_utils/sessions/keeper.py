"""The keeper of one recording: takes it from the recorder, which waits for it, and hands it to the journal.

systemd starts one for each session. It is a unit of its own, so that nothing a user logs uses up what the journal takes from it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import struct
import time
from pathlib import Path
from typing import Any

from . import frames, words

SOCKET = "/run/kakehashi-sessions/socket"
STATE = "/var/lib/kakehashi-sessions"
JOURNAL = "/run/systemd/journal/socket"
JOURNALS = "/var/log/journal"
KEPT = "kept"
ROOM = 32 << 20
"""Bytes that must be left where journals are: with less a journal may lose what it is told, so nobody is let go on unrecorded."""
AT_ONCE = 32
"""Sessions of one user that are recorded at the same time: the recorder is root's, so no limit of the user's counts it."""
_LENGTH = struct.Struct(">I")
_LONGEST = 1 << 21
_DAYS = 2


class KeeperError(RuntimeError):
    """A recording can't go on; the text says why, for the one whose session ends by it."""


def send(to: socket.socket, message: bytes) -> None:
    """Send one message."""
    to.sendall(_LENGTH.pack(len(message)) + message)


def receive(of: socket.socket) -> bytes:
    """Return one message; nothing where the other side has ended."""
    head = _exactly(of, _LENGTH.size)
    if not head:
        return b""
    length = _LENGTH.unpack(head)[0]
    if length > _LONGEST:
        raise KeeperError("a message is longer than any of ours")
    return _exactly(of, length)


def _exactly(of: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = of.recv(length - len(found))
        if not part:
            return b""
        found += part
    return found


class Budget:
    """Counts what is recorded of a user in a day, over all sessions."""

    def __init__(self, state: Path, largest: int) -> None:
        """Name where it is counted and how many bytes there may be."""
        self._state, self._largest = state, largest

    def take(self, user: str, size: int, now: float) -> bool:
        """Count ``size`` bytes more of a user; return whether they are still within the bound."""
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        handle = os.open(self._state / f"{user}.{day}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            told = os.read(handle, 32)
            # What a power cut left unreadable counts as nothing: the user had no hand in it, and the bounds of a session and of
            # the room left hold all the same. As full it would shut the user out for a day.
            used = (int(told) if told.isdigit() else 0) + size
            count = b"%d" % used
            os.pwrite(handle, count, 0)
            os.ftruncate(handle, len(count))
        finally:
            os.close(handle)
        return used <= self._largest

    def slot(self, user: str) -> int:
        """Return a file that says, while it is open, that one more session of a user runs. Raises ``KeeperError``."""
        for number in range(AT_ONCE):
            path = self._state / f"{user}.slot-{number}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
            else:
                return handle
        raise KeeperError(f"{AT_ONCE} sessions of yours run already: end some first")

    def forget(self, now: float) -> None:
        """Remove the counts of past days."""
        for path in self._state.glob("*.20*"):
            with contextlib.suppress(OSError):  # another keeper removed it first
                if now - path.stat().st_mtime > _DAYS * 86400:
                    path.unlink()


class Keeper:
    """Keeps the recording of one session."""

    def __init__(self, recorder: socket.socket, journal: socket.socket, budget: Budget, bound: int, room: str = JOURNALS) -> None:
        """Name the two ends, and the bounds in bytes."""
        self._recorder, self._journal, self._budget, self._bound, self._room = recorder, journal, budget, bound, room
        self._user, self._session = "", ""
        self._slot = -1
        self._chunks, self._size = 0, 0
        self._digest = hashlib.sha256()

    def run(self) -> None:
        """Keep until the recorder has ended; tell the end in any case."""
        status = "cut-off"
        try:
            self._begin(json.loads(receive(self._recorder) or b"{}"))
            while message := receive(self._recorder):
                if message[:1] == b"e":
                    status = re.sub(rb"[^a-z0-9-]", b"", message[1:33]).decode("ascii") or "?"
                    break
                self._keep(message[1:])
        except (KeeperError, OSError, ValueError, KeyError) as error:
            status = "refused"
            with contextlib.suppress(OSError):  # the recorder is gone, so nobody is to be told
                send(self._recorder, str(error).encode("utf-8", "replace")[:400])
        if self._session:
            self._say(words.end(self._session, status, self._chunks, self._size, self._digest.hexdigest()))
            with contextlib.suppress(OSError):  # the same
                send(self._recorder, KEPT.encode())
        if self._slot >= 0:
            os.close(self._slot)

    def _begin(self, told: dict[str, Any]) -> None:
        user, now = str(told["user"]), time.time()
        session = f"{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime(now))}-{user}-{os.urandom(6).hex()}"
        if not words.SESSION.fullmatch(session):
            raise KeeperError("sessions of a user of such a name can't be recorded")
        self._user = user
        self._budget.forget(now)
        self._slot = self._budget.slot(user)
        self._check(0)
        line = words.begin(session, user, str(told["kind"]), int(told["login"]), str(told["source"]), str(told["command"]))
        self._say(line)
        self._session = session
        send(self._recorder, f"{KEPT} {session}".encode())

    def _keep(self, packed: bytes) -> None:
        self._check(len(packed))
        for _frame in frames.unpack(packed):
            pass
        self._digest.update(packed)
        self._size += len(packed)
        self._tell(
            {
                "SYSLOG_IDENTIFIER": words.HOLDS,
                "KAKEHASHI_SESSION": self._session,
                "KAKEHASHI_CHUNK": str(self._chunks),
                "KAKEHASHI_DATA": frames.as_text(packed),
            }
        )
        self._chunks += 1
        send(self._recorder, KEPT.encode())

    def _check(self, size: int) -> None:
        if self._size + size > self._bound:
            raise KeeperError(
                f"more than {self._bound >> 20} MiB were recorded of this session, which is its bound: carry files by sftp"
            )
        if not self._budget.take(self._user, size, time.time()):
            raise KeeperError("more was recorded of you today than a day's bound: carry files by sftp, and come again tomorrow")
        free = os.statvfs(self._room if Path(self._room).exists() else "/run")
        if free.f_bfree * free.f_frsize < ROOM:
            raise KeeperError("there is no room left for recordings on this host: ask its operators")

    def _say(self, text: str) -> None:
        self._tell({"SYSLOG_IDENTIFIER": words.SAYS, "PRIORITY": "6", "MESSAGE": text})

    def _tell(self, fields: dict[str, str]) -> None:
        """Hand one entry to the journal (systemd's native protocol; no value has a line break)."""
        self._journal.sendall("".join(f"{name}={value}\n" for name, value in fields.items()).encode())


def serve(bound: int, day_bound: int) -> int:
    """Keep the recording of the connection that systemd handed over as standard input."""
    recorder = socket.socket(fileno=os.dup(0))
    owner = struct.unpack("3i", recorder.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    if owner != 0:
        return 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.connect(JOURNAL)
        Keeper(recorder, journal, Budget(Path(STATE), day_bound), bound).run()
    return 0
