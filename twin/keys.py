"""Key pairs of nodes and people, made once for a twin and kept in its state."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from twin.shell import run


@dataclass(frozen=True)
class KeyPair:
    """An OpenSSH key pair: the private key's file, and both texts."""

    path: Path
    private: str
    public: str


class KeyStore:
    """The keys of one twin, by name; what is asked for and missing is made."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def pair(self, name: str) -> KeyPair:
        """The ed25519 pair `name`."""
        path = self.directory / name
        public = self.directory / f"{name}.pub"
        # The public half is written last: without it the pair is a torso.
        if not public.exists():
            key = Ed25519PrivateKey.generate()
            _write(path, key.private_bytes(*_PRIVATE).decode())
            _write(public, f"{key.public_key().public_bytes(*_PUBLIC).decode()} {name}\n")
        return KeyPair(path, path.read_text(), public.read_text())

    def password(self, name: str) -> str:
        """The password `name` in clear."""
        return self._kept(f"{name}.password", lambda: secrets.token_urlsafe(12))

    def password_hash(self, name: str, root: Path) -> str:
        """The same, hashed by the openssl of the image at `root`."""
        return self._kept(f"{name}.hash", lambda: _hash(self.password(name), root))

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        path = self.directory / name
        if not path.exists():
            _write(path, make())
        return path.read_text()


_PRIVATE = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.OpenSSH,
    serialization.NoEncryption(),
)
_PUBLIC = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


def _hash(password: str, root: Path) -> str:
    return run(["chroot", root, "openssl", "passwd", "-6", "-stdin"], purpose="hash a password", stdin=password).strip()


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.new")
    scratch.touch(mode=0o600)
    scratch.write_text(text)
    scratch.rename(path)
