"""An ssh-agent with one security key (sk-ssh-ed25519) made of software, which says of itself what it is told to.

A server sees no difference to a real one: it has the public key, and signatures with flags and a counter
(PROTOCOL.u2f of OpenSSH). Touching and PIN are the flags 1 and 4.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KIND, APPLICATION = b"sk-ssh-ed25519@openssh.com", b"ssh:"
TOUCHED, PIN_ASKED = 1, 4
_LIST, _LISTED, _SIGN, _SIGNED, _FAILED = 11, 12, 13, 14, 5


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _first(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", data)
    return data[4 : 4 + length], data[4 + length :]


class SecurityKey:
    """A key pair, and the ``flags`` that its signatures bear."""

    def __init__(self, flags: int = TOUCHED | PIN_ASKED) -> None:
        """Make a new pair."""
        self.flags = flags
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._blob = _string(KIND) + _string(public) + _string(APPLICATION)

    @property
    def public(self) -> str:
        """The public key, as a line."""
        return f"{KIND.decode()} {base64.b64encode(self._blob).decode()} software"

    @contextlib.contextmanager
    def agent(self, path: Path) -> Iterator[None]:
        """Serve as an agent on the socket ``path`` for the time of the block."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
            thread.start()
            yield
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _unused = listener.accept()
                with client, contextlib.suppress(OSError, struct.error):
                    while head := client.recv(4, socket.MSG_WAITALL):
                        client.sendall(_string(self._answer(client.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL))))

    def _answer(self, request: bytes) -> bytes:
        if request[0] == _LIST:
            return struct.pack(">BI", _LISTED, 1) + _string(self._blob) + _string(b"software")
        if request[0] != _SIGN:
            return bytes([_FAILED])
        _blob, rest = _first(request[1:])
        message, _flags = _first(rest)
        said = struct.pack(">BI", self.flags, 1)
        signature = self._private.sign(sha256(APPLICATION).digest() + said + sha256(message).digest())
        return bytes([_SIGNED]) + _string(_string(KIND) + _string(signature) + said)
