"""Codes as a person's device makes them: TOTP (RFC 6238) with SHA-1, 6 digits and steps of 30 s."""

from __future__ import annotations

import hashlib
import hmac
import struct
import time

STEP = 30


def code(key: str, step: int = 0, *, at: float | None = None, digits: int = 6) -> str:
    """Return the code of a secret in hex for the time ``at`` (now), ``step`` steps later."""
    counter = int((time.time() if at is None else at) // STEP) + step
    digest = hmac.new(bytes.fromhex(key), struct.pack(">Q", counter), hashlib.sha1).digest()
    (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
    return str((number & 0x7FFFFFFF) % 10**digits).zfill(digits)


def time_left() -> float:
    """Return for how many seconds the code of now stays that of now."""
    return STEP - time.time() % STEP
