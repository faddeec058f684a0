"""Sets of addresses of one family as sorted, disjoint ranges, so that a rule is judged for all addresses at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ..fabric.model import Address, Family

Range = tuple[int, int]
BITS: dict[Family, int] = {"ipv4": 32, "ipv6": 128}


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of integers: ``parts`` are inclusive (low, high), sorted, disjoint and not adjacent."""

    parts: tuple[Range, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[Range]) -> Ranges:
        """Return the union of inclusive ranges given in any order."""
        merged: list[Range] = []
        for low, high in sorted(parts):
            if merged and low <= merged[-1][1] + 1:
                if high > merged[-1][1]:
                    merged[-1] = (merged[-1][0], high)
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __contains__(self, value: int) -> bool:
        at = bisect_right(self.parts, value, key=lambda part: part[0]) - 1
        return at >= 0 and value <= self.parts[at][1]

    def __or__(self, other: Ranges) -> Ranges:
        if not self.parts or self is other:
            return other
        return Ranges.of((*self.parts, *other.parts)) if other.parts else self

    def __and__(self, other: Ranges) -> Ranges:
        if self is other or not self.parts:
            return self
        return Ranges(tuple(_common(self.parts, other.parts)))

    def __sub__(self, other: Ranges) -> Ranges:
        if not self.parts or not other.parts:
            return self
        return Ranges(tuple(_less(self.parts, other.parts)))

    @property
    def size(self) -> int:
        """Return how many integers are in the set."""
        return sum(high - low + 1 for low, high in self.parts)


EMPTY = Ranges()
FULL: dict[Family, Ranges] = {family: Ranges(((0, (1 << bits) - 1),)) for family, bits in BITS.items()}


def family_of(address: Address | IPv4Network | IPv6Network) -> Family:
    """Return the family's word for an address or a network."""
    return "ipv4" if address.version == 4 else "ipv6"  # noqa: PLR2004 - the version of IP


@lru_cache(maxsize=65536)
def block(text: str) -> tuple[Family, Range]:
    """Return family and range of an address, of a network with prefix, or of ``low-high``. Raises ``ValueError``."""
    if "-" in text:
        low, high = (ip_address(part) for part in text.split("-"))
        if low.version != high.version or int(low) > int(high):
            raise ValueError(text)
        return family_of(low), (int(low), int(high))
    if "/" in text:
        network = ip_network(text, strict=False)
        return family_of(network), (int(network.network_address), int(network.broadcast_address))
    single = ip_address(text)
    return family_of(single), (int(single), int(single))


def as_address(value: int, family: Family) -> Address:
    """Return the address object of an integer."""
    return IPv4Address(value) if family == "ipv4" else IPv6Address(value)


def describe(ranges: Ranges, family: Family) -> str:
    """Return the set in words an operator knows: single addresses and ``low-high``."""
    words = []
    for low, high in ranges.parts:
        first = str(as_address(low, family))
        words.append(first if low == high else f"{first}-{as_address(high, family)}")
    return ", ".join(words) or "none"


def samples(cuts: Iterable[Range], family: Family) -> Iterator[Range]:
    """Yield the ranges into which ``cuts`` part the whole space: all addresses of one share every cut's verdict."""
    starts = {0}
    top = (1 << BITS[family]) - 1
    for low, high in cuts:
        starts.add(low)
        if high < top:
            starts.add(high + 1)
    order = sorted(starts)
    yield from zip(order, [*(start - 1 for start in order[1:]), top], strict=True)


def _common(left: tuple[Range, ...], right: tuple[Range, ...]) -> Iterator[Range]:
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            yield low, high
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def _less(left: tuple[Range, ...], right: tuple[Range, ...]) -> Iterator[Range]:
    j = 0
    for low, high in left:
        start = low
        while j < len(right) and right[j][1] < start:
            j += 1
        k = j
        while k < len(right) and right[k][0] <= high:
            if right[k][0] > start:
                yield start, right[k][0] - 1
            start = right[k][1] + 1
            k += 1
        if start <= high:
            yield start, high
