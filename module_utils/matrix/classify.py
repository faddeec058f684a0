"""Turns what an ssh or sftp client did into an outcome. Reads OpenSSH's own words (8.4 to 10.x, ``-v``)."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from .attempts import Attempt
from .outcomes import Outcome
from .workspace import ASKED

CONNECT_ERRORS = {
    errno.ECONNREFUSED: "tcp-reset",
    errno.ECONNRESET: "tcp-reset",
    errno.ENETUNREACH: "no-route",
    errno.EHOSTUNREACH: "no-route",
    errno.EADDRNOTAVAIL: "no-route",
    errno.EAFNOSUPPORT: "no-route",
    errno.ETIMEDOUT: "tcp-timeout",
    errno.EACCES: "filtered",
    errno.EPERM: "filtered",
}
_NOISE = re.compile(
    r"^(debug\d: |Warning: Permanently added|Authenticated to |Transferred: |Bytes per second: |"
    r"OpenSSH_|sftp> |Connection closed\.?$)"
)
_NETWORK = (
    ("connection timed out", "tcp-timeout"),
    ("operation timed out", "tcp-timeout"),
    ("connection refused", "tcp-reset"),
    ("no route to host", "no-route"),
    ("network is unreachable", "no-route"),
    ("cannot assign requested address", "no-route"),
    ("operation not permitted", "filtered"),
)
_HOST_KEY = ("host key verification failed", "remote host identification has changed", "no matching host key type")
_DROPPED = (
    "kex_exchange_identification",
    "banner exchange",
    "connection closed by remote host",
    "connection reset",
    "not allowed at this time",
    "exceeded maxstartups",
)
_WORDS_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Ran:
    """A client that has ended: ``status`` is its exit status, ``None`` where it was stopped for taking too long."""

    status: int | None
    stdout: str
    stderr: str


def connect_outcome(error: OSError) -> Outcome:
    """Return what a failed TCP connect means."""
    code = CONNECT_ERRORS.get(error.errno or 0, "unknown")
    return Outcome(code, (error.strerror or str(error))[:_WORDS_LIMIT])


def client_outcome(attempt: Attempt, ran: Ran, nonce: str) -> Outcome:
    """Return what a client's end means. Admission needs proof: the nonce, a listing, or a server's greeting."""
    if _proved(attempt, ran, nonce):
        return Outcome("admitted")
    words = last_words(ran.stderr)
    return Outcome(_code(attempt, ran), words)


def shared_forward_outcome(attempt: Attempt, ran: Ran) -> Outcome:
    """Return what a forwarding over a login that stands already came to; ``ran.stderr`` holds the master's words on it."""
    if ran.status is None and not ran.stdout:
        return Outcome("forward-unreachable", "the hop is still trying to connect")
    return client_outcome(attempt, ran, "")


def last_words(stderr: str) -> str:
    """Return the last line a client said that is no debugging output."""
    lines = [line.strip() for line in stderr.replace("\r", "\n").splitlines()]
    said = [line for line in lines if line and not _NOISE.match(line)]
    return said[-1][:_WORDS_LIMIT] if said else ""


def _proved(attempt: Attempt, ran: Ran, nonce: str) -> bool:
    if attempt.kind == "forward":
        return ran.stdout.startswith("SSH-")
    if attempt.kind == "sftp":
        return ran.status == 0 and any(line.startswith("d") for line in ran.stdout.splitlines())
    return nonce in ran.stdout


def _code(attempt: Attempt, ran: Ran) -> str:
    if ASKED in ran.stderr:
        return _asked(attempt, ran)
    said = "\n".join(line.lower() for line in ran.stderr.splitlines() if not line.startswith("debug"))
    if any(text in said for text in _HOST_KEY):
        return "host-key"
    if (forwarding := _forwarding(said)) is not None:
        return forwarding
    if "permission denied" in said or "too many authentication failures" in said:
        return "auth-denied"
    logins = len(re.findall(r"^(?:debug1: )?Authenticated to ", ran.stderr, re.MULTILINE))
    if attempt.hop is not None and attempt.kind == "forward" and logins and ran.status is None:
        return "forward-unreachable"  # the hop logged us in and is still trying to connect
    if ran.status is None and not said.strip():
        return "timeout"
    if logins > (1 if attempt.kind == "jump" else 0):
        return "timeout" if ran.status is None else "session-denied"
    return _ended_early(ran, said, logins)


def _asked(attempt: Attempt, ran: Ran) -> str:
    """Return what a question means: the second factor where a key came before it, else a password that nobody has."""
    if "with partial success" not in ran.stderr:
        return "auth-denied"
    return "code-asked" if attempt.hop is None else "hop-asked"


def _forwarding(said: str) -> str | None:
    if "administratively prohibited" in said or "stdio forwarding request failed" in said:
        return "forward-denied"
    if "open failed: connect failed" in said or "open failed: unknown channel" in said:
        return "forward-unreachable"
    return None


def _ended_early(ran: Ran, said: str, logins: int) -> str:
    if ran.status is None:
        return "timeout"
    for line in said.splitlines():
        if line.startswith("ssh: connect to host "):
            return next((code for text, code in _NETWORK if text in line), "unknown")
    if ran.stderr.count("Server accepts key") > logins and "closed by" in said:
        return "account-denied"
    if " timed out" in said:
        return "timeout"
    return "dropped" if any(text in said for text in _DROPPED) else "unknown"
