"""Makes keys, requests and certificates, and reads them. Private keys never leave the directory that they were made in."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ..programs import run

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")
_DAY = 86400
_AUTHORITY = """[req]
distinguished_name = name
prompt = no
x509_extensions = authority
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_HOST = """basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {usage}
subjectAltName = {names}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class CertificateError(RuntimeError):
    """A key or certificate can't be made or read; the text says what, where and what to do."""


@dataclass(frozen=True)
class Certificate:
    """What a certificate says: whose it is, until when (seconds since 1970), and its public key."""

    name: str
    until: int
    public_key: str


def make_key(path: Path) -> None:
    """Make a private key (P-256) for root only, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(draft))
    draft.chmod(0o600)
    draft.replace(path)


def public_key(path: Path) -> str:
    """Return the public half of a private key."""
    return _openssl("pkey", "-in", str(path), "-pubout").strip()


def request(key: Path, name: str) -> str:
    """Return a request for a certificate of the name, signed by the key."""
    return _openssl("req", "-new", "-key", str(key), "-subj", f"/CN={checked_name(name)}")


def read(text: str) -> Certificate:
    """Return what a certificate (PEM) says."""
    said = _openssl("x509", "-noout", "-subject", "-enddate", "-pubkey", "-nameopt", "RFC2253", text=text)
    name = re.search(r"^subject=\s*CN\s*=\s*(.+)$", said, re.MULTILINE)
    end = re.search(r"^notAfter=(.+)$", said, re.MULTILINE)
    public = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", said, re.DOTALL)
    if name is None or end is None or public is None:
        raise CertificateError("a certificate is not of the kind that is made here: remove it, then run again")
    until = datetime.strptime(end[1].strip(), "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)
    return Certificate(name[1], int(until.timestamp()), public[0])


def issued_by(certificate: str, authority: str) -> bool:
    """Return whether a certificate is of this authority, as openssl judges it now."""
    with TemporaryDirectory(prefix="kakehashi-") as room:
        (Path(room) / "authority").write_text(authority)
        done = run(
            ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", f"{room}/authority"], CertificateError, certificate
        )
    return done.returncode == 0


def make_authority(key: Path, name: str, days: int) -> str:
    """Return the certificate of a new authority that has the key already."""
    config = _AUTHORITY.format(name=name)
    with TemporaryDirectory(prefix="kakehashi-") as room:
        (Path(room) / "config").write_text(config)
        return _openssl("req", "-x509", "-new", "-key", str(key), "-days", str(days), "-config", f"{room}/config")


def sign(key: Path, authority: str, wanted: str, name: str, *, days: int, server: bool) -> str:
    """Return the certificate that a request asks for, if it asks for this name; what else it asks for is not looked at."""
    said = _openssl("req", "-verify", "-noout", "-subject", "-nameopt", "RFC2253", text=wanted)
    asked = re.search(r"^subject=\s*(.*)$", said, re.MULTILINE)
    if asked is None or asked[1].strip() != f"CN={checked_name(name)}":
        raise CertificateError(f"the request of {name} asks for another name: remove its key and run again")
    with TemporaryDirectory(prefix="kakehashi-") as room:
        place = Path(room)
        (place / "authority").write_text(authority)
        (place / "request").write_text(wanted)
        usage = "serverAuth, clientAuth" if server else "clientAuth"
        (place / "more").write_text(_HOST.format(usage=usage, names=f"DNS:{name}"))
        words = ["x509", "-req", "-in", f"{room}/request", "-CA", f"{room}/authority", "-CAkey", str(key)]
        words += ["-days", str(days), "-set_serial", str(secrets.randbits(127) + 1), "-extfile", f"{room}/more"]
        return _openssl(*words)


def due(certificate: Certificate, now: float, renew_days: int) -> bool:
    """Return whether a certificate ends within ``renew_days``."""
    return certificate.until - now < renew_days * _DAY


def checked_name(name: str) -> str:
    """Return a host name that may stand in a certificate; raise CertificateError for any other text."""
    if not NAME.fullmatch(name):
        raise CertificateError(f"{name!r} is no host name: use small letters, digits, points and hyphens")
    return name


def _openssl(*words: str, text: str | None = None) -> str:
    argv: Sequence[str] = ["openssl", *words]
    done = run(argv, CertificateError, text)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise CertificateError(f"openssl {words[0]} failed ({why}): mend that, then run again")
    return done.stdout
