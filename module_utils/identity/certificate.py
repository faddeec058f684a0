"""Says what is wrong with a certificate that a signer gave, from what ssh-keygen tells of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]+")
_VALID = re.compile(r"^ *Valid: from (\S+) to (\S+)$", re.MULTILINE)


def fingerprint_of(told: str) -> str:
    """Return the fingerprint in a line of ``ssh-keygen -l``, empty where there is none."""
    found = _FINGERPRINT.search(told)
    return found.group() if found else ""


def faults(told: str, account: str, key: str, authority: str, now: datetime) -> Iterator[str]:
    """Yield in words what is wrong with the certificate that ``ssh-keygen -L`` (in UTC) told of.

    It has to be a user's, for ``account`` and nobody else, of the key with the fingerprint ``key``, by the ``authority`` with
    its fingerprint, from declared addresses only, and in force ``now``.
    """
    if not re.search(r"^ *Type: \S+ user certificate$", told, re.MULTILINE):
        yield "it is no user certificate"
    if _after(told, "Public key") != key:
        yield "it is of another key"
    if _after(told, "Signing CA") != authority:
        yield "it is not by this signer's authority"
    if _below(told, "Principals") != [account]:
        yield f"it is for {', '.join(_below(told, 'Principals')) or 'everybody'}, not for {account}"
    if not any(line.startswith("source-address ") for line in _below(told, "Critical Options")):
        yield "it is good from every address"
    valid = _VALID.search(told)
    if not valid:
        yield "it has no end"
        return
    begins, ends = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in valid.groups())
    if not begins <= now < ends:
        yield f"it is good from {begins:%Y-%m-%d %H:%M:%S} to {ends:%H:%M:%S}, and it is {now:%Y-%m-%d %H:%M:%S} (UTC)"


def _after(told: str, name: str) -> str:
    found = re.search(rf"^ *{name}: (.*)$", told, re.MULTILINE)
    return fingerprint_of(found.group(1)) if found else ""


def _below(told: str, name: str) -> list[str]:
    """Return the lines that stand deeper than a name."""
    found = re.search(rf"^( *){name}: *\n((?:\1 +.*\n?)*)", told, re.MULTILINE)
    return [line.strip() for line in found.group(2).splitlines()] if found else []
