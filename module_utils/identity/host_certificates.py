"""Certificates that hosts show (PROTOCOL.certkeys of OpenSSH): read, judged, ordered, and told to those who believe them. No I/O.

A signature is not checked here: ssh-keygen does it when it lists a certificate, and each ssh when it is shown one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .fields import HOST, CertificateError, Cursor, Fields, fields, words

DAY = 86400
BACK_SECONDS = 300
"""How much the clocks of a host, the signer and those who come may differ."""
_KINDS = ("ssh-ed25519", "ssh-rsa")
"""The kinds of keys that hosts of ours have."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What a host's certificate must be: of this ``key``, for these ``principals``, by one of ``authorities``.

    ``days`` is the longest life of it.
    """

    key: str
    principals: tuple[str, ...]
    authorities: tuple[str, ...]
    days: int


def plain(line: str) -> str:
    """Return a public key's kind and base64 text, of a line that ssh-keygen wrote. Raises ``CertificateError``."""
    kind, data = words(line)
    if kind not in _KINDS or Cursor(data).text() != kind:
        raise CertificateError(f"{line[:40]!r} is no public key of the kind {' or '.join(_KINDS)}")
    return f"{kind} {line.split()[1]}"


def read(line: str) -> Fields:
    """Return what a host's certificate says. Raises ``CertificateError``."""
    found = fields(line, _KINDS)
    if found.use != HOST:
        raise CertificateError("the certificate is not a host's")
    return found


def fault(found: Fields, needed: Needed) -> str:
    """Return what is wrong with a certificate whenever it is; nothing where it is the one that is needed."""
    if found.key != plain(needed.key):
        return "it is of another key"
    if found.authority not in {plain(line) for line in needed.authorities}:
        return "it is of another authority"
    if set(found.principals) != set(needed.principals):
        missing = sorted(set(needed.principals) - set(found.principals))
        more = sorted(set(found.principals) - set(needed.principals))
        words = [f"not for {', '.join(missing)}"] if missing else []
        words += [f"for {', '.join(more)}, too"] if more else []
        return f"it is {' and '.join(words)}"
    return ""


def why_new(found: Fields, needed: Needed, now: float) -> str:
    """Return why a host needs another certificate: a fault, or less than half of its life is left; nothing where it is good."""
    if wrong := fault(found, needed):
        return wrong
    if found.ends > now + needed.days * DAY + BACK_SECONDS:
        return f"it lives longer than {needed.days} days"
    return "it is past half of its life" if left(found, now) < 1 / 2 else ""


def left(found: Fields, now: float) -> float:
    """Return which part of a certificate's life is left: 1 at its beginning, 0 and less once it ended."""
    return (found.ends - now) / max(found.ends - found.begins, 1)


def command(needed: Needed, name: str, authority: str, serial: int, public: str) -> list[str]:
    """Return the words by which ssh-keygen signs the key in the file ``public`` as a host's."""
    return [
        "ssh-keygen",
        "-q",
        "-h",
        *("-s", authority),
        *("-I", name),
        *("-n", ",".join(needed.principals)),
        *("-V", f"-{BACK_SECONDS}s:+{needed.days}d"),
        *("-z", str(serial)),
        public,
    ]


def known_lines(authorities: Iterable[str], names: Sequence[str]) -> str:
    """Return lines of known hosts that believe ``authorities`` for these names and addresses, and for no other."""
    if not names:
        return ""
    return "".join(f"@cert-authority {','.join(names)} {plain(line)}\n" for line in authorities)


def lines_of_each(authorities: Iterable[Iterable[str]], names: Sequence[str]) -> str:
    """Return the same of authorities that have several keys each.

    Sorted within each, so that two keys that change places leave the lines as they are.
    """
    return known_lines((line for each in authorities for line in sorted(each)), names)


def ending(shown: Mapping[str, str], now: float, seconds: float) -> str:
    """Return in one sentence whose certificates (lines by host) end within ``seconds``; nothing where none does."""
    soon: list[str] = []
    over: list[str] = []
    for host, line in shown.items():
        try:
            ends = read(line).ends
        except CertificateError:
            continue  # what is wrong with it is mended by the change, or told by validation
        if ends <= now + seconds:
            (over if ends <= now else soon).append(host)
    said = [f"the host certificates of {', '.join(over)} have ended"] if over else []
    said += [f"the host certificates of {', '.join(soon)} end during this change"] if soon else []
    if not said:
        return ""
    return f"{' and '.join(said)}: until the change has renewed them, only who knows these hosts by their keys can log in there"
