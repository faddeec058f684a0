"""Questions to a ruleset in the words of the proof, each answered once for all hosts that share the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

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
    """Return one user for each that ``meta skuid`` names, and one whom it doesn't; empty where no rule asks."""
    key = "users"
    if key not in ruleset.memo:
        found = {f"{v[0]}-{v[1]}" if isinstance(v, tuple) else str(v) for v in _values(ruleset, "skuid")}
        named = {part for value in found for part in value.split("-")}
        ruleset.memo[key] = tuple(frozenset({n}) for n in sorted(named)) + ((frozenset({"4294967294"}),) if named else ())
    return cast(tuple[frozenset[str], ...], ruleset.memo[key])


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
    """Return which destinations a process of the host reaches (``packet.ask`` is ``daddr``)."""
    return _answer(ruleset, "output", packet)


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
    for table in ruleset.tables.values():
        for chain in table.chains.values():
            for rule in chain.rules:
                for match in rule.matches:
                    elements = table.sets[match.set_name].elements if match.set_name else match.elements
                    yield from _of_field(match, elements, name, family)


def _of_field(match: Match, elements: tuple[Element, ...] | list[Element], name: str, family: Family | None) -> Iterator[object]:
    for at, field in enumerate(match.fields):
        if field.name == name and (family is None or field.family == family):
            yield from (element.values[at] for element in elements)
