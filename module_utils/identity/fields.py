"""The fields of OpenSSH's certificates (PROTOCOL.certkeys): read from a line, whoever they are for. No I/O.

A signature is not checked here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

SUFFIX = "-cert-v01@openssh.com"
USER, HOST = 1, 2
_KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""How many fields make a key, by its kind."""


class CertificateError(ValueError):
    """A key or certificate that can't be read; the text says what it is."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a certificate says: its name, its key and the authority's (kind and base64), for whom, and when it is good.

    ``use`` is ``USER`` or ``HOST``. ``begins`` and ``ends`` are seconds since 1970.
    """

    use: int
    name: str
    key: str
    authority: str
    principals: tuple[str, ...]
    begins: int
    ends: int


def fields(line: str, kinds: Collection[str] = tuple(_KEY_FIELDS)) -> Fields:
    """Return what a certificate of a key of one of ``kinds`` says. Raises ``CertificateError``."""
    kind, data = words(line)
    # Of a security key the kind ends in the domain already, which a certificate names once.
    of = next((k for k in kinds if kind == k.removesuffix("@openssh.com") + SUFFIX), "")
    cursor = Cursor(data)
    if not of or cursor.text() != kind:
        raise CertificateError(f"{line[:40]!r} is no certificate of a key of the kind {' or '.join(kinds)}")
    cursor.string()  # a random number
    key = b"".join(_string(part) for part in (of.encode(), *(cursor.string() for _field in range(_KEY_FIELDS[of]))))
    cursor.number(8)  # the serial number
    use = cursor.number(4)
    name, principals = cursor.text(), Cursor(cursor.string()).texts()
    begins, ends = cursor.number(8), cursor.number(8)
    for _field in ("critical options", "extensions", "reserved"):
        cursor.string()
    signer = cursor.string()
    authority = f"{Cursor(signer).text()} {_base64(signer)}"
    return Fields(use, name, f"{of} {_base64(key)}", authority, principals, begins, ends)


def words(line: str) -> tuple[str, bytes]:
    """Return the kind and the data of a line of a key or certificate. Raises ``CertificateError``."""
    kind, _space, rest = line.strip().partition(" ")
    try:
        return kind, base64.b64decode(rest.split(" ")[0], validate=True)
    except (binascii.Error, ValueError):
        raise CertificateError(f"{line[:40]!r} is neither a public key nor a certificate") from None


class Cursor:
    """Reads the fields of ssh's binary form, one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def string(self) -> bytes:
        """Return the next string."""
        return self._take(self.number(4))

    def text(self) -> str:
        """Return the next string as text."""
        return self.string().decode(errors="replace")

    def texts(self) -> tuple[str, ...]:
        """Return all strings that are left."""
        found = []
        while self._data:
            found.append(self.text())
        return tuple(found)

    def number(self, size: int) -> int:
        """Return the next number of ``size`` bytes."""
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        if len(self._data) < size:
            raise CertificateError("the key or certificate is cut off")
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
