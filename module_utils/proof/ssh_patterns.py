"""OpenSSH's patterns: names with wildcards, comma lists with negation, and address lists (match.c, addrmatch.c)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ..fabric.model import Address, Family
from .intervals import FULL, Range, Ranges, block, family_of


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)


def match_pattern(text: str, pattern: str) -> bool:
    """Return whether ``text`` matches a pattern in which only ``*`` and ``?`` are special."""
    return _compiled(pattern).fullmatch(text) is not None


def match_list(text: str, patterns: str) -> int:
    """Return 1 where a comma list matches, -1 where a negated part does (it wins), else 0."""
    found = 0
    for part in patterns.split(","):
        negated = part.startswith("!")
        if match_pattern(text, part[1:] if negated else part):
            if negated:
                return -1
            found = 1
    return found


def is_network(part: str) -> bool:
    """Return whether a part of an address list is an address or a CIDR block that sshd understands."""
    try:
        strict_block(part)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65536)
def strict_block(part: str) -> tuple[Family, Range]:
    """Return family and range of an address or CIDR block. Raises ``ValueError`` where it is neither."""
    address, slash, mask = part.partition("/")
    if "-" in part or "%" in part or (slash and not mask.isdigit()):
        raise ValueError(part)
    return block(f"{address}/{mask}" if slash else address)


def has_host_bits(part: str) -> bool:
    """Return whether a CIDR block has bits beyond its mask, which sshd refuses as inconsistent."""
    address, slash, _unused = part.partition("/")
    if not slash or not is_network(part):
        return False
    return block(address)[1][0] != strict_block(part)[1][0]


def match_address(address: Address, patterns: str) -> int:
    """Return 1 where an address list matches, -1 where a negated part does, else 0."""
    found = 0
    family, number, text = family_of(address), int(address), str(address)
    for part in patterns.split(","):
        negated = part.startswith("!")
        word = part[1:] if negated else part
        try:
            of_family, (low, high) = strict_block(word)
            hit = of_family == family and low <= number <= high
        except ValueError:
            hit = match_pattern(text, word)
        if hit:
            if negated:
                return -1
            found = 1
    return found


def match_host_and_address(address: Address, patterns: str) -> bool:
    """Return what sshd makes of a ``user@`` pattern's or ``from=``'s right side while ``UseDNS no`` holds.

    The host's name is then its address as text, and both the address list and the list of names must not refuse it.
    """
    by_address = match_address(address, patterns)
    by_name = match_list(str(address).lower(), patterns.lower())
    return by_address != -1 and by_name != -1 and (by_address == 1 or by_name == 1)


def matched(patterns: str, family: Family) -> Ranges:
    """Return all addresses for which ``match_host_and_address`` holds; ``vague_part`` must have found nothing."""
    hits: tuple[list[Range], list[Range]] = ([], [])
    for part in patterns.split(","):
        negated = part.startswith("!")
        word = part[1:] if negated else part
        if word == "*":
            hits[negated].extend(FULL[family].parts)
            continue
        try:
            of_family, found = strict_block(word)
        except ValueError:
            continue
        if of_family == family:
            hits[negated].append(found)
    return Ranges.of(hits[False]) - Ranges.of(hits[True])


def cuts(patterns: Iterable[str], family: Family) -> Iterator[Range]:
    """Yield the ranges at which a verdict over comma lists of addresses can change, in one family."""
    for pattern in patterns:
        for part in pattern.split(","):
            try:
                of_family, found = strict_block(part.removeprefix("!"))
            except ValueError:
                continue
            if of_family == family:
                yield found


def vague_part(patterns: str) -> str | None:
    """Return the first part of an address list that mixes wildcards into an address, which isn't a range, or ``None``."""
    for part in patterns.split(","):
        word = part.removeprefix("!")
        if word != "*" and ("*" in word or "?" in word):
            return part
    return None
