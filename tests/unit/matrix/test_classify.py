"""What OpenSSH's clients say, and what it means. The words are those of 9.2 and 10.0."""

from __future__ import annotations

import errno

import pytest

from module_utils.matrix.attempts import Attempt, Endpoint, Kind
from module_utils.matrix.classify import Ran, client_outcome, connect_outcome, last_words, shared_forward_outcome
from module_utils.matrix.outcomes import MEANINGS, Outcome
from module_utils.matrix.workspace import ASKED

HERE, HOP = Endpoint("mdx1", "192.0.2.101", 22), Endpoint("login1", "2001:db8::10", 22)
KEY = "debug1: Server accepts key: own-sato ED25519 SHA256:x explicit agent\n"
PROHIBITED = "open failed: administratively prohibited: open failed\n"
IN = 'Authenticated to mdx1 ([192.0.2.101]:22) using "publickey".\n'
CASES: list[tuple[str, Kind, int | None, str, str]] = [
    ("auth-denied", "ssh", 255, "", "sato@192.0.2.101: Permission denied (publickey).\r\n"),
    ("auth-denied", "ssh", 255, "", "Received disconnect from 192.0.2.101 port 22:2: Too many authentication failures\r\n"
     "Disconnected from 192.0.2.101 port 22\r\n"),
    ("code-asked", "ssh", None, "", f'{KEY}Authenticated using "publickey" with partial success.\n{ASKED}\n'),
    ("code-asked", "sftp", 255, "", f'{KEY}Authenticated using "publickey" with partial success.\n{ASKED}\nConnection closed.\n'),
    ("auth-denied", "ssh", None, "", f"{ASKED}\n"),
    ("account-denied", "ssh", 255, "", f"{KEY}Connection closed by 192.0.2.101 port 22\r\n"),
    ("session-denied", "ssh", 1, "This service allows sftp connections only.\n", f"{KEY}{IN}"),
    ("session-denied", "sftp", 255, "", f"{KEY}{IN}subsystem request failed on channel 0\nConnection closed\n"),
    ("tcp-timeout", "ssh", 255, "", "ssh: connect to host 192.0.2.101 port 22: Connection timed out\r\n"),
    ("tcp-reset", "sftp", 255, "", "ssh: connect to host 192.0.2.101 port 22: Connection refused\r\nConnection closed.\r\n"),
    ("no-route", "ssh", 255, "", "ssh: connect to host 192.0.2.101 port 22: Network is unreachable\r\n"),
    ("filtered", "ssh", 255, "", "ssh: connect to host 192.0.2.101 port 22: Operation not permitted\r\n"),
    ("unknown", "ssh", 255, "", "ssh: connect to host 192.0.2.101 port 22: a new kind of fault\r\n"),
    ("host-key", "ssh", 255, "", "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\r\n"),
    ("dropped", "ssh", 255, "", "kex_exchange_identification: read: Connection reset by peer\r\n"),
    ("dropped", "ssh", 255, "", "kex_exchange_identification: banner line 0: Not allowed at this time\n"),
    ("timeout", "ssh", None, "", ""),
    ("timeout", "ssh", None, "", "something was said\n"),
    ("timeout", "ssh", None, "", f"{KEY}{IN}a banner\n"),
    ("unknown", "ssh", 255, "", "nobody has read this yet\n"),
    ("unknown", "ssh", 255, "", ""),
    ("forward-denied", "forward", 255, "", f"channel 0: {PROHIBITED}stdio forwarding failed\n"),
    ("forward-unreachable", "forward", 255, "", "channel 0: open failed: connect failed: Connection refused\r\n"),
    ("forward-unreachable", "forward", None, "", f"{KEY}{IN}"),
    ("forward-denied", "jump", 255, "", f"{KEY}{IN}channel 0: {PROHIBITED}kex_exchange_identification: x"),
    ("auth-denied", "jump", 255, "", f"{KEY}{IN}sato@192.0.2.101: Permission denied (publickey).\r\n"),
    ("account-denied", "jump", 255, "", f"{KEY}{IN}{KEY}Connection closed by UNKNOWN port 65535\r\n"),
    ("session-denied", "jump", 1, "", f"{KEY}{IN}{KEY}{IN}"),
    ("dropped", "jump", 255, "", f"{KEY}{IN}kex_exchange_identification: Connection closed by remote host\r\n"),
]  # fmt: skip


def attempt(kind: Kind) -> Attempt:
    return Attempt(kind, HERE, "sato", HOP if kind in ("forward", "jump") else None)


@pytest.mark.parametrize(("code", "kind", "status", "stdout", "stderr"), CASES)
def test_ends(code: str, kind: Kind, status: int | None, stdout: str, stderr: str) -> None:
    assert client_outcome(attempt(kind), Ran(status, stdout, stderr), "n0nce").code == code


def test_admission_needs_proof() -> None:
    assert client_outcome(attempt("ssh"), Ran(0, "welcome\nn0nce", ""), "n0nce") == Outcome("admitted")
    assert client_outcome(attempt("ssh"), Ran(0, "welcome", IN), "n0nce").code == "session-denied"
    assert client_outcome(attempt("jump"), Ran(0, "n0nce", ""), "n0nce").verdict == "admitted"
    assert client_outcome(attempt("sftp"), Ran(0, "sftp> ls -la\ndrwx 2 0 0 4096 Jan 1 .\n", ""), "n0nce").verdict == "admitted"
    assert client_outcome(attempt("sftp"), Ran(0, "sftp> ls -la\n", IN), "n0nce").verdict == "refused"
    assert client_outcome(attempt("sftp"), Ran(1, "drwx .\n", IN), "n0nce").verdict == "refused"
    assert client_outcome(attempt("forward"), Ran(None, "SSH-2.0-OpenSSH_9.2\r\n", ""), "n0nce").verdict == "admitted"


def test_last_words_are_not_debugging_output() -> None:
    assert last_words("first\nlast\r\ndebug1: more\nConnection closed.\n") == "last"
    assert last_words("debug1: only\n") == ""
    assert len(last_words("x" * 1000)) == 200


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ECONNREFUSED, "tcp-reset"),
        (errno.EHOSTUNREACH, "no-route"),
        (errno.EPERM, "filtered"),
        (errno.EIO, "unknown"),
        (None, "unknown"),
    ],
)
def test_connects(number: int | None, code: str) -> None:
    error = OSError("nothing") if number is None else OSError(number, "said")
    assert connect_outcome(error).code == code


def test_every_outcome_has_words() -> None:
    for code in MEANINGS:
        assert Outcome(code).meaning


def test_forwardings_over_a_login_that_stands() -> None:
    forward = attempt("forward")
    assert shared_forward_outcome(forward, Ran(0, "SSH-2.0-OpenSSH_9.2\n", "")).verdict == "admitted"
    assert shared_forward_outcome(forward, Ran(None, "SSH-2.0-OpenSSH_9.2\n", "")).verdict == "admitted"
    assert shared_forward_outcome(forward, Ran(None, "", "")).code == "forward-unreachable"
    assert shared_forward_outcome(forward, Ran(255, "", f"channel 2: {PROHIBITED}")).code == "forward-denied"
    assert shared_forward_outcome(forward, Ran(255, "", "")).verdict == "unknown"
