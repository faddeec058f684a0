"""The people whom a host admits, checked; and the personas with whom the staged configuration is tried."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .authorized_keys import KeyLineError, check_key
from .origins import OriginError, canonical, first_address, parse_origin, strangers

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
NOBODY = "kakehashi-stranger"
TOO_WIDE = {4: 8, 6: 16}


@dataclass(frozen=True)
class Person:
    """One admitted user: canonical ``sources`` and public ``keys`` without options. ``operator`` may jump onwards.

    Certificates of ``authorities`` for the user open, too.
    """

    name: str
    sources: tuple[str, ...]
    keys: tuple[str, ...] = ()
    operator: bool = False
    authorities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Persona:
    """Somebody who knocks: ``user`` from ``address``, and whether sshd is meant to admit them.

    Who is neither ``operator`` nor ``account`` is nobody who is declared.
    """

    user: str
    address: str
    admitted: bool
    operator: bool = False
    account: bool = False


def parse_people(items: Iterable[Mapping[str, Any]]) -> tuple[list[Person], list[str]]:
    """Return the people of a role argument and every problem found, each a sentence that names the entry."""
    people: list[Person] = []
    problems: list[str] = []
    for item in items:
        name = str(item.get("name", ""))
        problems += _name_problems(name, people)
        sources, wrong = _sources(name, item.get("sources") or ())
        problems += wrong + _key_problems(f"key of {name}", item.get("keys") or ())
        problems += _key_problems(f"authority of {name}", item.get("authorities") or ())
        keys, authorities = (tuple(str(key).strip() for key in item.get(part) or ()) for part in ("keys", "authorities"))
        people.append(Person(name, sources, keys, operator=item.get("kind") == "operator", authorities=authorities))
    return people, problems


def allow_list(people: Iterable[Person]) -> list[str]:
    """Return the arguments of AllowUsers: ``user@origin`` for each user and origin."""
    return [f"{person.name}@{source}" for person in people for source in person.sources]


def personas(people: Sequence[Person], never: Iterable[str] = ("root",)) -> Iterator[Persona]:
    """Yield each user from each origin, and those who must be refused.

    Refused are: users from an address that isn't theirs, and ``never`` and an unknown user from every operator's
    origin (the widest-trusted ones).
    """
    for person in people:
        kind = (person.operator, not person.operator)
        yield from (Persona(person.name, first_address(s), True, *kind) for s in person.sources)
        yield from (Persona(person.name, a, False, *kind) for a in strangers(person.sources))
    widest = [p for p in people if p.operator] or people
    trusted = {first_address(source): None for person in widest for source in person.sources}
    for user in dict.fromkeys([*never, NOBODY]):
        if user not in {p.name for p in people}:
            yield from (Persona(user, address, False) for address in trusted)


def _name_problems(name: str, before: Sequence[Person]) -> list[str]:
    if not _NAME.fullmatch(name):
        return [f"{name!r} is not a user name: use a-z, 0-9, _ and -, beginning with a letter (patterns are not allowed)"]
    if name in {person.name for person in before}:
        return [f"{name} is declared twice: join both entries"]
    return []


def _sources(name: str, items: Iterable[Any]) -> tuple[tuple[str, ...], list[str]]:
    good: dict[str, None] = {}
    problems: list[str] = []
    for item in items:
        try:
            block = parse_origin(str(item))
        except OriginError as error:
            problems.append(f"source of {name}: {error}")
            continue
        if block.prefixlen < TOO_WIDE[block.version]:
            problems.append(f"source of {name}: {item} is nearly everybody: name the addresses that are meant")
            continue
        if str(item) != canonical(str(item)):
            problems.append(f"source of {name}: write {item} as {canonical(str(item))}, the form that sshd and PAM compare")
        good[canonical(str(item))] = None
    return tuple(good), problems


def _key_problems(what: str, keys: Iterable[Any]) -> list[str]:
    problems = []
    for key in keys:
        try:
            check_key(str(key))
        except KeyLineError as error:
            problems.append(f"{what}: {error}")
    return problems
