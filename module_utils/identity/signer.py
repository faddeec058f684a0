"""The program that signs: the only thing that the signing user of a signer can run, being its shell.

Self-contained, because it is installed as one file. sshd starts it as ``PROGRAM -c CLIENT``, where CLIENT is the forced
command of the key by which a login server logged in. It reads one request, asks the policy, signs or refuses, and
writes either into the journal. Everything it is not sure of it refuses.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import signal
import subprocess
import sys
import syslog
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

POLICY = "/etc/kakehashi/authority/policy.json"
KEY = "/var/lib/kakehashi-authority/user_ca"
_LONGEST_REQUEST = 4096
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_TYPE = "ssh-ed25519"
_KEY_LENGTH = 51
"""Bytes of an ed25519 public key as ssh sends it: two lengths, the type's name, 32 bytes."""
_BACK_SECONDS = 60
"""How much the clocks of signer and node may differ."""
_TIMEOUT = 20
_PATIENCE = 20
"""Seconds that somebody who has connected may take to ask: what never asks would use up the signer for all."""


class RefusedError(Exception):
    """A request that is not signed; the text says why."""


@dataclass(frozen=True)
class Request:
    """What a login server asks for: a certificate of ``account`` for the public key ``key`` (type and base64)."""

    account: str
    key: str


@dataclass(frozen=True)
class Order:
    """What is to be signed: name (``identity``) and principal, address list, validity, and the key."""

    identity: str
    principal: str
    sources: tuple[str, ...]
    seconds: int
    key: str


def parse_request(text: str) -> Request:
    """Return a request from its JSON text. Raises ``RefusedError``."""
    try:
        given = json.loads(text)
        account, key = given["account"], given["key"]
    except (ValueError, LookupError, TypeError):
        raise RefusedError("the request is no JSON of account and key") from None
    if not isinstance(account, str) or not _NAME.fullmatch(account):
        raise RefusedError("the account is no user name")
    if not isinstance(key, str):
        raise RefusedError("the key is no text")
    kind, _space, data = key.partition(" ")
    try:
        blob = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("the key is not base64") from None
    start = len(_TYPE).to_bytes(4, "big") + _TYPE.encode() + (32).to_bytes(4, "big")
    if kind != _TYPE or len(blob) != _KEY_LENGTH or not blob.startswith(start):
        raise RefusedError(f"the key is no {_TYPE} key")
    return Request(account, f"{kind} {data}")


def decide(policy: Mapping[str, Any], client: str, origin: str, request: Request) -> Order:
    """Return what the policy lets ``client``, connected from ``origin``, have signed. Raises ``RefusedError``."""
    found = next((c for c in policy["clients"] if c["name"] == client), None)
    if found is None:
        raise RefusedError(f"{client!r} is no login server of the policy")
    if origin not in found["asks_from"]:
        raise RefusedError(f"{client} does not ask from {origin or 'nowhere'}")
    if request.account not in found["accounts"]:
        raise RefusedError(f"{client} has no account {request.account}")
    if not found["sources"]:
        raise RefusedError(f"nobody goes on from {client}")
    identity = f"{request.account}@{client}"
    return Order(identity, request.account, tuple(found["sources"]), int(policy["minutes"]) * 60, request.key)


def command(order: Order, key: str, serial: int, public: str) -> list[str]:
    """Return the words by which ssh-keygen signs: no forwarding, no rc file; a terminal, for a session."""
    options = ["clear", "permit-pty", f"source-address={','.join(order.sources)}"]
    return [
        "ssh-keygen",
        "-q",
        *("-s", key),
        *("-I", order.identity),
        *("-n", order.principal),
        *("-V", f"-{_BACK_SECONDS}s:+{order.seconds}s"),
        *("-z", str(serial)),
        *(word for option in options for word in ("-O", option)),
        public,
    ]


def sign(order: Order, key: str) -> tuple[str, int]:
    """Return the certificate's line and its serial number. Raises ``RefusedError``."""
    serial = time.time_ns()
    with tempfile.TemporaryDirectory() as room:
        public = Path(room, "key.pub")
        public.write_text(f"{order.key}\n")
        words = command(order, key, serial, str(public))
        try:
            done = subprocess.run(  # noqa: S603 - words, no shell
                words, capture_output=True, text=True, timeout=_TIMEOUT, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired):
            raise RefusedError("ssh-keygen can't be run here") from None
        if done.returncode != 0:
            raise RefusedError(f"ssh-keygen did not sign: {done.stderr.strip()[:160]}")
        return Path(room, "key-cert.pub").read_text().strip(), serial


def main(arguments: Sequence[str]) -> int:
    """Serve the one request of a connection."""
    client = arguments[1] if len(arguments) == 2 and arguments[0] == "-c" else ""  # noqa: PLR2004 - -c CLIENT
    origin = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    syslog.openlog("kakehashi-sign", 0, syslog.LOG_AUTHPRIV)
    account = "?"
    try:
        request = parse_request(_asked().decode("ascii", "replace"))
        account = request.account
        policy = json.loads(Path(POLICY).read_text())
        order = decide(policy, client, origin, request)
        line, serial = sign(order, KEY)
    except RefusedError as refusal:
        return _refuse(account, client, origin, str(refusal))
    except (OSError, ValueError, LookupError) as error:
        return _refuse(account, client, origin, f"the signer's own files can't be used ({type(error).__name__})")
    where = ",".join(order.sources)
    said = f"signed {order.identity} serial={serial} seconds={order.seconds} source-address={where} key={order.key}"
    syslog.syslog(syslog.LOG_INFO, said)
    sys.stdout.write(f"{line}\n")
    return 0


def _asked() -> bytes:
    """Return what is asked for. Raises ``RefusedError`` where that doesn't come to its end in time."""
    before = signal.signal(signal.SIGALRM, _late)
    signal.alarm(_PATIENCE)
    try:
        return sys.stdin.buffer.read(_LONGEST_REQUEST)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _late(_number: int, _frame: FrameType | None) -> None:
    raise RefusedError(f"the request did not come to its end within {_PATIENCE} seconds")


def _refuse(account: str, client: str, origin: str, why: str) -> int:
    syslog.syslog(syslog.LOG_WARNING, f"refused {account}@{client or '?'} from {origin or '?'}: {why}")
    sys.stderr.write(f"refused: {why}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
