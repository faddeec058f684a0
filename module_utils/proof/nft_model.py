"""Records of a parsed nftables ruleset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Union

from ..fabric.model import Family
from .intervals import Range

FieldKind = Literal["interface", "address", "number", "word"]
Value = Union[str, Range]
"""A word or an interface pattern, or an inclusive range of addresses, ports or numbers."""

PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}


@dataclass(frozen=True, slots=True)
class Field:
    """What a match looks at: ``name`` in nft's words, ``family`` and ``protocol`` that it implies."""

    name: str
    kind: FieldKind
    family: Family | None = None
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``kind`` accept, drop, jump, goto, return or continue; ``target`` is the chain of a jump or goto."""

    kind: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a set or map: a value per concatenated field, and a map's verdict."""

    values: tuple[Value, ...]
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """An expression of a rule. ``elements`` are its right side; ``set_name`` names the set that holds them instead.

    ``negated`` is ``!=``; ``maps`` says that each element brings its own verdict (a verdict map).
    """

    fields: tuple[Field, ...]
    elements: tuple[Element, ...] = ()
    set_name: str = ""
    negated: bool = False
    maps: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: all of ``matches`` must hold for ``verdict`` to be given.

    ``limited`` says that a rate is one of them: the verdict is given ``below`` it, or ``above`` it only.
    """

    line: int
    text: str
    matches: tuple[Match, ...]
    verdict: Verdict | None
    limited: Literal["", "below", "above"] = ""


@dataclass(slots=True)
class Chain:
    """A chain; one with a ``hook`` is a base chain and has ``priority`` and ``policy``."""

    name: str
    line: int
    rules: list[Rule] = field(default_factory=list)
    type: str = ""
    hook: str = ""
    priority: int = 0
    policy: str = "accept"


@dataclass(slots=True)
class NamedSet:
    """A named set or verdict map; ``dynamic`` ones change while they are in use, so their elements prove nothing."""

    name: str
    line: int
    elements: list[Element] = field(default_factory=list)
    dynamic: bool = False


@dataclass(slots=True)
class Table:
    """A table of family ``inet``, ``ip`` or ``ip6``."""

    family: str
    name: str
    chains: dict[str, Chain] = field(default_factory=dict)
    sets: dict[str, NamedSet] = field(default_factory=dict)

    def covers(self, family: Family) -> bool:
        """Say whether packets of ``family`` pass this table's chains."""
        return self.family == "inet" or self.family == {"ipv4": "ip", "ipv6": "ip6"}[family]


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """All tables of a host, by (family, name). ``where`` names the artefact in messages."""

    where: str
    tables: Mapping[tuple[str, str], Table]
    memo: dict[object, object] = field(default_factory=dict, compare=False)
    """Answers already given; a ruleset that many hosts share is asked the same things."""
