"""Key revocation lists (PROTOCOL.krl of OpenSSH): made from names of certificates, and read again. No I/O.

The same names make the same bytes, so that a list is replaced only where something changed; ssh-keygen writes the time
into each.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence

_MAGIC = b"SSHKRL\n\0"
_VERSION = 1
_HEADER = len(_MAGIC) + 4 + 8 + 8 + 8
_CERTIFICATES, _KEY_IDS = 1, 0x23


class KrlError(ValueError):
    """A list that can't be read, or an authority that is no public key."""


def build(authorities: Sequence[str], names: Sequence[str]) -> bytes:
    """Return the list that revokes all certificates of these ``names`` (key ids) by each of ``authorities``."""
    header = _MAGIC + struct.pack(">IQQQ", _VERSION, 0, 0, 0) + _string(b"") + _string(b"")
    wanted = sorted(set(names))
    if not wanted:
        return header
    ids = b"".join(_string(name.encode()) for name in wanted)
    section = bytes([_KEY_IDS]) + _string(ids)
    return header + b"".join(
        bytes([_CERTIFICATES]) + _string(_string(key) + _string(b"") + section)
        for key in sorted({_blob(line) for line in authorities})
    )


def revoked(data: bytes) -> list[str]:
    """Return the names that a list made by ``build`` revokes, each once. Raises ``KrlError`` for any other."""
    if not data.startswith(_MAGIC) or len(data) < _HEADER:
        raise KrlError("this is no revocation list")
    found: dict[str, None] = {}
    rest = data[_HEADER:]
    for _field in ("reserved", "comment"):
        _text, rest = _cut(rest)
    while rest:
        kind, (body, rest) = rest[0], _cut(rest[1:])
        if kind != _CERTIFICATES:
            raise KrlError(f"the list has a section of kind {kind}, which was not made here")
        found.update(dict.fromkeys(_names(body)))
    return sorted(found)


def _names(body: bytes) -> Iterator[str]:
    for _field in ("authority", "reserved"):
        _text, body = _cut(body)
    while body:
        kind, (ids, body) = body[0], _cut(body[1:])
        if kind != _KEY_IDS:
            raise KrlError(f"the list revokes by kind {kind:#x}, which was not made here")
        while ids:
            name, ids = _cut(ids)
            yield name.decode(errors="replace")


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _cut(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:  # noqa: PLR2004 - a length
        raise KrlError("the list is cut off")
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < end:
        raise KrlError("the list is cut off")
    return data[4:end], data[end:]


def _blob(line: str) -> bytes:
    try:
        return base64.b64decode(line.split()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise KrlError(f"{line[:40]!r} is no public key of an authority") from error
