"""Records of the map of standards. Made by ``parse.parse_map`` only, which has checked them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Coverage = Literal["enforced", "partly", "not_here"]
COVERAGES: tuple[Coverage, ...] = get_args(Coverage)

RUNS = ("proof", "validate", "attack", "judges", "audit")
"""Runs that leave evidence, by the name of its file: ``validate.json``."""
LOGINS, CHAIN, PLAN = "logins", "chain", "plan"
"""Parts of evidence: tried logins (validate), the log's chain and the maintenance plan (audit)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What controls may name: roles, and the parts of each run's evidence.

    ``attempts`` are those of the bypass catalogue that are refused, by file; those that are open are in no control.
    """

    roles: frozenset[str]
    parts: Mapping[str, frozenset[str]]
    attempts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that tries a control, and the parts ``of`` its evidence that count: none is all of it."""

    run: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """Something that is enforced by ``roles``, tried by ``trials`` whenever these run, and shown by ``tests``."""

    name: str
    what: str
    roles: tuple[str, ...]
    trials: tuple[Trial, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A statement of a standard, spelled ``id`` there, in our own words.

    ``term`` is the source's own term where it isn't English, ``level`` its importance, ``numbering`` how sure the ``id``
    is (a key of the standard's ``numberings``). ``controls`` is what serves it; of ``not_here``, ``who`` answers for it.
    """

    id: str
    what: str
    group: str
    coverage: Coverage
    why: str = ""
    controls: tuple[str, ...] = ()
    who: str = ""
    term: str = ""
    level: str = ""
    numbering: str = ""


@dataclass(frozen=True, slots=True)
class Standard:
    """A standard and those of its statements that are listed; ``left_out`` says what isn't."""

    name: str
    title: str
    version: str
    language: str
    source: str
    url: str
    licence: str
    items: tuple[Item, ...]
    left_out: str = ""
    numberings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StandardsMap:
    """All of it: controls and who is responsible by name, standards by language and name."""

    controls: Mapping[str, Control]
    responsible: Mapping[str, str]
    standards: tuple[Standard, ...]
