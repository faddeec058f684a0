"""Questions to a ruleset in the words of the proof, each answered once for all hosts that share the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Union, cast

from ..fabric.model import Family
from .intervals import Range, samples
from .nft_eval import Answer, Packet, ask
from .nft_model import Element, Match, Rule, Ruleset
from .problem import CannotProve

PORTS = 65535
STRANGER = "0x0"
"""An interface name that nothing declares."""


def port_ranges(ruleset: Ruleset, protocol: str) -> tuple[Range, ...]:
    """Return the ranges into which a ruleset's rules part the ports: all ports of one share every verdict."""
    key = ("ports", protocol)
    if key not in ruleset.memo:
        cuts = [r for r in _values(ruleset, "dport") if isinstance(r, tuple)]
        shares = samples(cuts, "ipv4")
        ruleset.memo[key] = tuple((low, min(high, PORTS)) for low, high in shares if low <= PORTS)
    return cast(tuple[Range, ...], ruleset.memo[key])


def destinations(ruleset: Ruleset, family: Family) -> tuple[Range, ...]:
    """Return the ranges into which a ruleset's rules part the destination addresses of one family."""
    key = ("daddr", family)
    if key not in ruleset.memo:
        cuts = [r for r in _values(ruleset, "daddr", family) if isinstance(r, tuple)]
        ruleset.memo[key] = tuple(samples(cuts, family))
    return cast(tuple[Range, ...], ruleset.memo[key])


def user_names(ruleset: Ruleset) -> tuple[frozenset[str], ...]:
    """Return one user of each kind that the rules tell apart by ``meta skuid``; empty where no rule asks.

    Numbers that stand in the same places are of one kind, and so are all that stand nowhere.
    """
    key = "users"
    if key not in ruleset.memo:
        places = list(_words(ruleset))
        kinds: dict[tuple[bool, ...], str] = {}
        cuts = [part for words, _names in places for part in words]
        for low, _unused in samples(cuts, "ipv4") if places else ():
            kinds.setdefault(tuple(any(a <= low <= b for a, b in numbers) for numbers, _names in places), str(low))
        named = {name for _numbers, names in places for name in names}
        ruleset.memo[key] = tuple(frozenset({user}) for user in (*kinds.values(), *sorted(named)))
    return cast(tuple[frozenset[str], ...], ruleset.memo[key])


def user_like(ruleset: Ruleset, uid: int) -> frozenset[str] | None:
    """Return the user of ``user_names`` of the same kind as ``uid``, so that what is asked of both is asked once."""
    key = ("user", uid)
    if key not in ruleset.memo:
        ruleset.memo[key] = _user_like(ruleset, uid)
    return cast(Union[frozenset[str], None], ruleset.memo[key])


def _user_like(ruleset: Ruleset, uid: int) -> frozenset[str] | None:
    places = [numbers for numbers, _names in _words(ruleset)]
    kind = tuple(any(low <= uid <= high for low, high in numbers) for numbers in places)
    for user in user_names(ruleset):
        word = next(iter(user))
        if word.isdigit() and kind == tuple(any(low <= int(word) <= high for low, high in numbers) for numbers in places):
            return user
    return None


def _words(ruleset: Ruleset) -> Iterator[tuple[list[Range], list[str]]]:
    """Yield, for each match on ``meta skuid``, the ranges of numbers and the names that it compares with."""
    for values in _matches(ruleset, "skuid"):
        numbers, names = [], []
        for value in values:
            low, _unused, high = str(value).partition("-")
            if low.isdigit() and (high.isdigit() or not high):
                numbers.append((int(low), int(high or low)))
            else:
                names.append(str(value))
        yield numbers, names


def inbound(ruleset: Ruleset, packet: Packet) -> Answer:
    """Return which sources reach a service of the host itself, at an address of the interface unless ``packet.to`` is set.

    Asked first without the destination, so that hosts that share a ruleset share the answer.
    """
    packet = packet if packet.to else replace(packet, to="local")
    try:
        return _answer(ruleset, "input", replace(packet, destination=None))
    except CannotProve:
        return _answer(ruleset, "input", packet)


def outbound(ruleset: Ruleset, packet: Packet) -> Answer:
    """Return which destinations a process of the host reaches (``packet.ask`` is ``daddr``).

    Asked first without the host's own address, so that hosts that share a ruleset share the answer.
    """
    try:
        return _answer(ruleset, "output", replace(packet, source=None))
    except CannotProve:
        return _answer(ruleset, "output", packet)


def ways_out(ruleset: Ruleset, packet: Packet, protocols: tuple[str, ...]) -> tuple[tuple[str, Range, Answer], ...]:
    """Return by which (protocol, ports) a process of the host reaches any destination, whatever the packet says of these two."""
    try:
        return _ways_out(ruleset, replace(packet, source=None), protocols)
    except CannotProve:
        return _ways_out(ruleset, packet, protocols)


def _ways_out(ruleset: Ruleset, packet: Packet, protocols: tuple[str, ...]) -> tuple[tuple[str, Range, Answer], ...]:
    key = ("ways out", packet, protocols)
    if key not in ruleset.memo:
        asked = (
            (protocol, ports, _answer(ruleset, "output", replace(packet, protocol=protocol, dport=ports[0])))
            for protocol in protocols
            for ports in port_ranges(ruleset, protocol)
        )
        ruleset.memo[key] = tuple(way for way in asked if way[2].accepted)
    return cast(tuple[tuple[str, Range, Answer], ...], ruleset.memo[key])


def forwarded(ruleset: Ruleset, packet: Packet) -> Answer:
    """Return which sources are passed on to a destination."""
    return _answer(ruleset, "forward", packet)


def accepting(answer: Answer, value: int) -> Rule | None:
    """Return the rule that accepts an address, or ``None`` where it is a policy or no rule does."""
    return next((rule for ranges, rule in answer.accepts if value in ranges), None)


def _answer(ruleset: Ruleset, hook: str, packet: Packet) -> Answer:
    key = (hook, packet)
    if key not in ruleset.memo:
        ruleset.memo[key] = ask(ruleset, hook, packet)
    return cast(Answer, ruleset.memo[key])


def _values(ruleset: Ruleset, name: str, family: Family | None = None) -> Iterator[object]:
    """Yield every value that any rule compares the field ``name`` with."""
    for values in _matches(ruleset, name, family):
        yield from values


def _matches(ruleset: Ruleset, name: str, family: Family | None = None) -> Iterator[list[object]]:
    """Yield, for each match on the field ``name``, the values that it compares with."""
    for table in ruleset.tables.values():
        for chain in table.chains.values():
            for rule in chain.rules:
                for match in rule.matches:
                    elements = table.sets[match.set_name].elements if match.set_name else match.elements
                    if values := list(_of_field(match, elements, name, family)):
                        yield values


def _of_field(match: Match, elements: tuple[Element, ...] | list[Element], name: str, family: Family | None) -> Iterator[object]:
    for at, field in enumerate(match.fields):
        if field.name == name and (family is None or field.family == family):
            yield from (element.values[at] for element in elements)
