"""What certificates can admit: who signs by which key, and whom the signer's policy lets it certify from where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from ..fabric.model import Address, Family
from .intervals import EMPTY, Ranges
from .problem import CannotProve

POLICY = "/etc/kakehashi/authority/policy.json"
PUBLIC = "/var/lib/kakehashi-authority/user_ca.pub"
Blob = str
"""A public key's type and base64 text, without a comment."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A line of a signer's policy: users whom it certifies, for connections from ``sources`` only."""

    users: frozenset[str]
    sources: tuple[Address, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Authority:
    """A key that signs, and all that is signed with it."""

    key: Blob
    grants: tuple[Grant, ...]

    def sources_of(self, user: str, family: Family) -> Ranges:
        """Return the addresses from which a certificate of ``user`` can be good."""
        version = 4 if family == "ipv4" else 6
        found = (int(s) for g in self.grants if user in g.users for s in g.sources if s.version == version)
        return Ranges.of((n, n) for n in found)

    def grant_for(self, user: str, address: Address) -> Grant | None:
        """Return by which grant ``user`` comes with a certificate from ``address``, or ``None``."""
        return next((g for g in self.grants if user in g.users and address in g.sources), None)


def read_authorities(hosts: Mapping[str, Mapping[str, str]], signers: Sequence[str]) -> tuple[Authority, ...]:
    """Return the authorities of signers' files by host. A signer whose files lack one of both vouches for nobody.

    What it signed all the same counts as an unknown authority's, where a host trusts its key. Raises ``CannotProve``.
    """
    found = []
    for name in signers:
        files = hosts.get(name, {})
        if POLICY in files and PUBLIC in files:
            key = blob(files[PUBLIC].strip())
            found.append(Authority(key, tuple(_grants(f"{name}:{POLICY}", files[POLICY]))))
    return tuple(found)


def trusted(text: str) -> Iterator[tuple[int, Blob]]:
    """Yield line number and key of a file that TrustedUserCAKeys names."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, blob(line.strip())


def blob(line: str) -> Blob:
    """Return type and key of a public key's line."""
    return " ".join(line.split()[:2])


def admitted(known: Sequence[Authority], keys: Sequence[Blob], user: str, family: Family) -> Ranges:
    """Return from where ``user`` can come with a certificate of one of ``keys``, all of which are ``known``."""
    found = EMPTY
    for authority in known:
        if authority.key in keys:
            found = found | authority.sources_of(user, family)
    return found


def _grants(where: str, text: str) -> Iterator[Grant]:
    try:
        for client in json.loads(text)["clients"]:
            sources = tuple(ip_address(s) for s in client["sources"])
            yield Grant(frozenset(client["accounts"]), sources, f"{where} ({client['name']})")
    except (ValueError, LookupError, TypeError) as error:
        reason = "this is no policy as the role certificate_authority writes it"
        raise CannotProve(where, 0, text[:40], reason) from error
