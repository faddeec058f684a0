"""Reads OpenSSH public keys as far as needed to say whether one may stand in an inventory (RFC 4253 section 6.6)."""

from __future__ import annotations

import base64
import binascii

TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
RSA_BITS = 3072
ED25519_BYTES = 32
INCOMPLETE = "is no whole OpenSSH public key"


def fault(line: str) -> str | None:
    """Return what is wrong with a public key line (``type base64 [comment]``), or ``None``."""
    if "PRIVATE KEY" in line:
        return "is a private key"
    words = line.split()
    if not words or words[0] not in TYPES:
        begins = any(word in TYPES for word in words)
        return "has options before its type" if begins else "is no OpenSSH public key of a type that is taken"
    try:
        fields = _fields(base64.b64decode(words[1], validate=True))
    except (IndexError, binascii.Error, ValueError):
        return INCOMPLETE
    return _inside(words[0], fields)


def _inside(kind: str, fields: list[bytes]) -> str | None:
    """Return what is wrong with a key's fields: its type again, then its numbers."""
    if not fields or fields[0] != kind.encode():
        return "holds another type of key than it says"
    if kind == "ssh-rsa" and int.from_bytes(b"".join(fields[2:3]), "big").bit_length() < RSA_BITS:
        return f"is an RSA key of less than {RSA_BITS} bits"
    if kind == "ssh-ed25519" and [len(f) for f in fields[1:]] != [ED25519_BYTES]:
        return INCOMPLETE
    return None


def material(line: str) -> str:
    """Return type and key without the comment: what two lines of the same key share."""
    return " ".join(line.split()[:2])


def _fields(blob: bytes) -> list[bytes]:
    """Part a key blob into its strings, each after its length in 4 bytes."""
    fields: list[bytes] = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return fields
