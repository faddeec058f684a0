"""Whether that by which somebody logged in holds as long as what they are about to begin, and after it. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from .fields import SUFFIX, CertificateError, Fields, fields


def first_to_end(told: str) -> Fields | None:
    """Return the certificate that ends first, of what sshd tells of a login (ExposeAuthInfo); ``None`` where it was by none.

    Raises ``CertificateError`` for one that can't be read.
    """
    lines = [line.partition(" ")[2] for line in told.splitlines() if line.startswith("publickey ")]
    shown = [fields(line) for line in lines if line.partition(" ")[0].endswith(SUFFIX)]
    return min(shown, key=lambda one: one.ends, default=None)


def refusal(user: str, told: str, now: float, seconds: int) -> str:
    """Return in one sentence why ``user``, who logged in as ``told``, must not begin now; nothing where nothing is in the way.

    What is begun takes up to ``seconds``, and who comes by a certificate has to log in again at its end.
    """
    again = "have a new one signed, end the connection that is shared (ssh -O exit), then run again"
    try:
        found = first_to_end(told)
    except CertificateError as error:
        return f"it can't be told until when the certificate is good by which {user} logged in ({error}): {again}"
    if found is None or found.ends >= now + seconds:
        return ""
    ends, clock = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}" for at in (found.ends, now))
    return (
        f"{user} logged in by the certificate {found.name!r}, which {'ended' if found.ends <= now else 'ends'} at {ends} UTC, "
        f"and it has to be good for another {seconds} s (it is {clock} by this host's clock): {again}"
    )


def withdrawn(user: str, told: str, keys: Collection[str], authorities: Collection[str], revoked: Collection[str]) -> str:
    """Return in one sentence what the change takes away by which ``user`` logged in; nothing where that is taken after it, too.

    ``keys`` and ``authorities`` are lines of public keys. Where neither is given, or nothing is told, nobody knows.
    """
    lines = [line.partition(" ")[2] for line in told.splitlines() if line.startswith("publickey ")]
    if not lines or not (keys or authorities):
        return ""
    said = [_lost(line, _plain(keys), _plain(authorities), revoked) for line in lines]
    if not all(said):
        return ""
    return f"this change takes away by what {user} logged in ({said[0]}): log in by what stays, or declare it, then run again"


def _lost(line: str, keys: Collection[str], authorities: Collection[str], revoked: Collection[str]) -> str:
    if not line.partition(" ")[0].endswith(SUFFIX):
        return "" if " ".join(line.split()[:2]) in keys else f"the key {line[:60]}"
    shown = fields(line)
    if shown.name in revoked:
        return f"the certificate {shown.name!r}, which is revoked"
    return "" if shown.authority in authorities else f"the certificate {shown.name!r}, whose authority is no longer named"


def _plain(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(" ".join(line.split()[:2]) for line in lines)
