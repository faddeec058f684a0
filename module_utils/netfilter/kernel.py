"""Asks nft about rulesets: the kernel's, and how the kernel would list a wanted one."""

from __future__ import annotations

import json

from ..programs import run
from .listing import Table


class NftError(RuntimeError):
    """nft refused; the text is nft's own."""


class ToolError(NftError):
    """A program that is asked can't be run, or says what can't be understood."""


def canonical(ruleset: str) -> str:
    """Return how nft lists ``ruleset`` when it is loaded: in a network namespace that is gone afterwards."""
    return _run(["unshare", "--net", "sh", "-c", "nft -f - && nft -s -t list ruleset"], ruleset)


def running() -> str:
    """Return the kernel's ruleset without what traffic puts into it: counters' values and elements of named sets."""
    return _run(["nft", "-s", "-t", "list", "ruleset"])


def load(transaction: str) -> None:
    """Load ``transaction`` in one step: all of it holds afterwards, or nothing of it."""
    _run(["nft", "-f", "-"], transaction)


def interface_addresses() -> dict[str, list[str]]:
    """Return each interface's addresses, without prefix length."""
    said = _run(["ip", "-json", "address", "show"])
    try:
        links = json.loads(said)
    except ValueError as error:
        raise ToolError(f"ip -json address show gave no JSON but {said[:60]!r}: install Debian's iproute2") from error
    return {link["ifname"]: [a["local"] for a in link.get("addr_info", []) if "local" in a] for link in links if link}


def names(tables: tuple[Table, ...]) -> list[str]:
    """Return tables as nft writes them."""
    return [str(t) for t in tables]


def _run(argv: list[str], text: str | None = None) -> str:
    result = run(argv, ToolError, text)
    if result.returncode != 0:
        raise NftError(result.stderr.strip().replace("\n", "; ") or f"{argv[0]} ended with status {result.returncode}")
    return result.stdout
