"""What the roles install of this package: programs of one file each, and the JSON they read."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PROGRAMS = ("asker", "broker", "signer")


def program(name: str) -> str:
    """Return the text of one of ``PROGRAMS`` as it stands on a host."""
    if name not in PROGRAMS:
        raise ValueError(f"{name!r} is no program: use {' or '.join(PROGRAMS)}")
    data = pkgutil.get_data(__package__ or "", f"{name}.py")
    return "#!/usr/bin/python3 -I\n" + (data or b"").decode()


def policy(clients: Iterable[Mapping[str, Any]], minutes: int) -> str:
    """Return a signer's policy as a file's content: what each login server may have signed."""
    kept = ("name", "asks_from", "accounts", "sources")
    return _text({"minutes": minutes, "clients": [{key: client[key] for key in kept} for client in clients]})


def client_keys(clients: Iterable[Mapping[str, Any]]) -> str:
    """Return the signing user's authorized keys: each login server's own, for its one command and from its addresses."""
    return "".join(
        f'from="{",".join(c["asks_from"])}",restrict,command="{c["name"]}" {" ".join(c["key"].split()[:2])} {c["name"]}\n'
        for c in clients
        if c.get("key") and c["asks_from"]
    )


def settings(signers: Sequence[Mapping[str, Any]], accounts: Sequence[str], **paths: str) -> str:
    """Return what a login server's broker reads: whom it asks, for which accounts, and by which files."""
    return _text({"signers": [{**s} for s in signers], "accounts": list(accounts), **paths})


def with_signing_keys(clients: Iterable[Mapping[str, Any]], keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the clients with the public keys by which each asks, as far as they are known."""
    return [{**client, "key": keys.get(client["name"], "")} for client in clients]


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2) + "\n"
