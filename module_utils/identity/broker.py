"""The program that gets accounts their certificates on a login server: root's, started by systemd when somebody asks.

Self-contained, because it is installed as one file. systemd hands it the socket that listens. Who asks is told by the
kernel (SO_PEERCRED), never by the one who asks; root may name an account. The certificate goes to ``CERTIFICATES``,
which only root can write. What one user asks is bounded by user, so that nobody can take the others' way on.
"""

from __future__ import annotations

import json
import pwd
import re
import socket
import struct
import subprocess
import syslog
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SETTINGS = "/etc/kakehashi/certificates.json"
CERTIFICATES = "/run/kakehashi-certificates"
_LONGEST = 256
_CERTIFICATE = re.compile(r"ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/]+={0,2}( [^\x00-\x1f\x7f]*)?")
_TIMEOUT = 30
_QUICK = 2
"""Seconds in which a connection has to say something: a program of ours does at once."""
_SERVED = 4
"""Requests of one user that signers are asked for at once; more of them wait."""
_OPEN = 32
"""Connections of one user that are open at once, served or waiting; more are refused."""
_IDLE = 60
"""Seconds without a request after which the program ends. systemd keeps the socket, and starts it again."""
_SELDOM = 10
"""Seconds in which what was not even asked for is told once in the journal, by user: nobody fills it."""
_LISTENER = 3
"""The first descriptor that systemd hands over (sd_listen_fds(3))."""


class NoCertificateError(Exception):
    """A certificate that can't be had; the text says why, for the account."""


def account_of(uid: int, name: str, said: str, accounts: Sequence[str]) -> str:
    """Return for which of ``accounts`` a peer (``uid``, ``name``) asks; root says for whom. Raises ``NoCertificateError``."""
    account = said if uid == 0 else name
    if account not in accounts:
        raise NoCertificateError(f"{account or 'nobody'} is no account that goes on from here")
    return account


def command(signer: Mapping[str, Any], address: str, key: str, known_hosts: str) -> list[str]:
    """Return the words by which a signer is asked, at one of its addresses."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "5",
        "ConnectionAttempts": "1",
        "ControlPath": "none",
        "GlobalKnownHostsFile": known_hosts,
        "HostKeyAlias": signer["name"],
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": "none",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-T", "-q", "-i", key, "-p", str(signer["port"]), *words, f"{signer['user']}@{address}"]


def ask(settings: Mapping[str, Any], account: str, public: str) -> str:
    """Return a certificate's line from the first signer that gives one. Raises ``NoCertificateError``."""
    request = json.dumps({"account": account, "key": " ".join(public.split()[:2])})
    said = "there is no signer"
    for signer in settings["signers"]:
        for address in signer["addresses"]:
            words = command(signer, address, settings["key"], settings["known_hosts"])
            try:
                done = subprocess.run(  # noqa: S603 - words, no shell
                    words, input=request, capture_output=True, text=True, timeout=_TIMEOUT, check=False
                )
            except (OSError, subprocess.TimeoutExpired):
                said = f"{signer['name']} did not answer"
                continue
            if done.returncode == 0 and _CERTIFICATE.fullmatch(done.stdout.strip()):
                return done.stdout.strip()
            said = f"{signer['name']} gave none ({done.stderr.strip()[:120] or 'it does not answer'})"
    raise NoCertificateError(f"{said}; try again, or tell the platform's operators")


def keep(directory: Path, account: str, line: str) -> None:
    """Put a certificate where ssh looks for it, in one step; only root can write there."""
    directory.mkdir(mode=0o755, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=".new-", delete=False) as fresh:
        fresh.write(f"{line}\n")
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).rename(directory / f"{account}-cert.pub")


@dataclass
class _Line:
    served: threading.Semaphore
    opened: int = 0


@dataclass
class Desk:
    """Who is being served and who waits, counted by user: what one does takes no place of another's."""

    served: int = _SERVED
    opened: int = _OPEN
    _lines: dict[int, _Line] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, uid: int) -> threading.Semaphore:
        """Count a connection of ``uid``; return what it waits for before a signer is asked. Raises ``NoCertificateError``."""
        with self._lock:
            line = self._lines.setdefault(uid, _Line(threading.Semaphore(self.served)))
            if line.opened >= self.opened:
                raise NoCertificateError(f"you ask for {self.opened} certificates already; try again when these came")
            line.opened += 1
            return line.served

    def leave(self, uid: int) -> None:
        """Count a connection of ``uid`` no more."""
        with self._lock:
            self._lines[uid].opened -= 1
            if not self._lines[uid].opened:
                del self._lines[uid]

    @property
    def empty(self) -> bool:
        """Whether nobody is here."""
        with self._lock:
            return not self._lines


@dataclass
class Journal:
    """What is written about requests; of what costs nothing to repeat, one line for each user and time."""

    _told: dict[int, float] = field(default_factory=dict)

    def result(self, name: str, uid: int, answer: str) -> None:
        """Write what came of a request."""
        level = syslog.LOG_INFO if answer == "ok" else syslog.LOG_WARNING
        syslog.syslog(level, f"certificate for {name} (uid {uid}): {answer}")

    def seldom(self, name: str, uid: int, answer: str) -> None:
        """Write why a connection was not served, unless something like it was just written of this user."""
        now = time.monotonic()
        if now - self._told.get(uid, -_SELDOM) < _SELDOM:
            return
        if len(self._told) >= _LONGEST:
            self._told.clear()
        self._told[uid] = now
        self.result(name, uid, answer)


@dataclass
class Broker:
    """Serves connections until nobody asks any more.

    ``get`` gets an account its certificate: of the settings it is given, for the account.
    """

    settings: Path
    get: Callable[[Mapping[str, Any], str], None]
    desk: Desk = field(default_factory=Desk)
    journal: Journal = field(default_factory=Journal)
    quick: float = _QUICK

    def serve(self, listener: socket.socket, idle: float = _IDLE) -> None:
        """Take connections until none came for ``idle`` seconds and none is open."""
        listener.settimeout(idle)
        while True:
            try:
                peer = listener.accept()[0]
            except TimeoutError:
                if self.desk.empty:
                    return
            except OSError:  # one that is gone already, or no descriptor is left until one of them is closed
                time.sleep(0.05)  # until one is closed; asked again at once, that would use up the processor
            else:
                self._receive(peer)

    def _receive(self, peer: socket.socket) -> None:
        """Refuse at once who is no account or asks too much; have all others served in a thread of their own."""
        peer.settimeout(self.quick)
        uid, name = -1, "?"
        try:
            uid = _uid(peer)
            name = pwd.getpwuid(uid).pw_name
            settings = json.loads(self.settings.read_text())
            if uid != 0:
                account_of(uid, name, "", settings["accounts"])
            turn = self.desk.enter(uid)
        except (NoCertificateError, OSError, ValueError, LookupError) as error:
            self._refuse(peer, name, uid, error)
            return
        try:
            threading.Thread(target=self._serve, args=(peer, uid, name, settings, turn), daemon=True).start()
        except RuntimeError as error:  # no thread is to be had
            self.desk.leave(uid)
            self._refuse(peer, name, uid, error)

    def _refuse(self, peer: socket.socket, name: str, uid: int, error: Exception) -> None:
        answer = _words(error)
        _close(peer, answer)
        self.journal.seldom(name, uid, answer)

    def _serve(self, peer: socket.socket, uid: int, name: str, settings: Mapping[str, Any], turn: threading.Semaphore) -> None:
        try:
            said = _heard(peer)
            if said is None:
                self._refuse(peer, name, uid, NoCertificateError("nothing was asked"))
                return
            with turn:
                answer = self._answer(uid, name, said, settings)
            _close(peer, answer)
            self.journal.result(name, uid, answer)
        finally:
            peer.close()
            self.desk.leave(uid)

    def _answer(self, uid: int, name: str, said: str, settings: Mapping[str, Any]) -> str:
        try:
            self.get(settings, account_of(uid, name, said, settings["accounts"]))
        except (NoCertificateError, OSError, ValueError, LookupError) as error:
            return _words(error)
        return "ok"


def obtain(settings: Mapping[str, Any], account: str) -> None:
    """Have a certificate of an account's onward key where ssh looks for it. Raises ``NoCertificateError``."""
    public = Path(settings["onward"], account, "id_ed25519.pub").read_text()
    keep(Path(CERTIFICATES), account, ask(settings, account, public))


def _uid(peer: socket.socket) -> int:
    """Return who is at the other end, as the kernel knows it."""
    asked = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", asked)[1]
    return uid


def _heard(peer: socket.socket) -> str | None:
    """Return what was said in good time; ``None`` where that was nothing."""
    try:
        said = peer.recv(_LONGEST)
    except OSError:
        return None
    return said.decode("ascii", "replace").strip() if said else None


def _close(peer: socket.socket, answer: str) -> None:
    """Tell the answer, to who still listens, and hang up."""
    try:
        peer.sendall(f"{answer}\n".encode())
    except OSError:
        pass
    finally:
        peer.close()


def _words(error: Exception) -> str:
    """Return a refusal in words for the account."""
    if isinstance(error, NoCertificateError):
        return str(error)
    return f"certificates can't be had here ({type(error).__name__}); tell the platform's operators"


def main() -> int:
    """Serve all who ask, until nobody does."""
    syslog.openlog("kakehashi-certificate", 0, syslog.LOG_AUTHPRIV)
    Broker(Path(SETTINGS), obtain).serve(socket.socket(fileno=_LISTENER))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
