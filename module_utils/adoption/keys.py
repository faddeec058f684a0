"""Lines of authorized_keys: options, key, comment, fingerprint. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_TYPE = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-sha2-)\S+)\s+(\S+)\s*(.*)$")


@dataclass(frozen=True)
class AuthorizedKey:
    """One accepted public key: ``options`` as written, key ``type``, ``fingerprint`` (``SHA256:...``), ``comment``."""

    options: str
    type: str
    fingerprint: str
    comment: str


def authorized_keys(text: str) -> list[AuthorizedKey]:
    """Return the keys in an authorized_keys file; comments, empty and unreadable lines are left out (sshd skips them too)."""
    found = []
    for line in text.splitlines():
        stripped = line.strip()
        match = None if stripped.startswith("#") else _TYPE.search(stripped)
        if match is None:
            continue
        mark = _fingerprint(match[2])
        if mark:
            found.append(AuthorizedKey(stripped[: match.start()].strip(), match[1], mark, match[3].strip()))
    return found


def fingerprints(lines: Iterable[str]) -> set[str]:
    """Return the fingerprints of declared public keys."""
    return {key.fingerprint for line in lines for key in authorized_keys(line)}


def _fingerprint(blob: str) -> str:
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
