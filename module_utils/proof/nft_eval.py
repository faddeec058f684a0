"""Says which addresses a ruleset accepts, for every address at once.

A question fixes everything about the first packet of a connection but one address (``Packet.ask``); the answer is
the set of that address's values for which all base chains of the hooks on the packet's way accept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..fabric.model import Family
from .intervals import BITS, EMPTY, FULL, Ranges
from .nft_model import Chain, Element, Field, Match, Rule, Ruleset, Table, Value, Verdict
from .problem import CannotProve

HOOKS = {
    "input": ("prerouting", "input"),
    "forward": ("prerouting", "forward", "postrouting"),
    "output": ("output", "postrouting"),
}
_DEPTH = 16
"""The kernel's own bound on nested jumps."""


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a connection; ``ask`` names the address that is left open.

    ``source`` and ``destination`` are integers (``None`` where it is the open one). ``user`` are the names by which
    ``meta skuid`` may know the sender (its uid as digits, its name); ``None``: not a local sender. ``to`` is what ``fib``
    says of the destination on the interface that the packet came by: ``local`` for an address of it, ``unicast`` for one of
    another interface.
    """

    family: Family
    protocol: str
    dport: int | None
    iif: str | None = None
    oif: str | None = None
    source: int | None = None
    destination: int | None = None
    ask: Literal["saddr", "daddr"] = "saddr"
    user: frozenset[str] | None = None
    state: str = "new"
    to: Literal["local", "unicast"] | None = None


@dataclass(slots=True)
class Answer:
    """``accepted`` addresses, and which rule decided which: ``accepts`` and ``refuses`` as (addresses, rule)."""

    accepted: Ranges
    accepts: list[tuple[Ranges, Rule]]
    refuses: list[tuple[Ranges, Rule | None]]


def ask(ruleset: Ruleset, hook: str, packet: Packet) -> Answer:
    """Return the open address's values that pass every base chain on the way through ``hook``.

    Raises ``CannotProve`` where a rule that can be reached looks at something the packet leaves open.
    """
    answer = Answer(FULL[packet.family], [], [])
    for stage in HOOKS[hook]:
        chains = [
            (chain.priority, table, chain)
            for table in ruleset.tables.values()
            if table.covers(packet.family)
            for chain in table.chains.values()
            if chain.hook == stage
        ]
        for _unused, table, chain in sorted(chains, key=lambda item: item[0]):
            walk = _Walk(ruleset, table, packet, answer)
            passed, left = walk.chain(chain, answer.accepted, 0)
            if chain.policy == "accept":
                passed = passed | left
            elif left:
                answer.refuses.append((left, None))
            answer.accepted = passed
    return answer


class _Walk:
    """Sends a set of addresses through the chains of one table."""

    def __init__(self, ruleset: Ruleset, table: Table, packet: Packet, answer: Answer) -> None:
        self._where, self._memo = ruleset.where, ruleset.memo
        self._table, self._packet, self._answer = table, packet, answer
        self._known: dict[str, object] = {
            "iifname": packet.iif,
            "oifname": packet.oif,
            "dport": packet.dport,
            "protocol": packet.protocol,
            "nfproto": packet.family,
            "ct state": packet.state,
            "skuid": packet.user,
            "fib type": packet.to,
        }

    def chain(self, chain: Chain, addresses: Ranges, depth: int) -> tuple[Ranges, Ranges]:
        """Return the addresses accepted within ``chain``, and those that come out at its end or by a return."""
        if depth > _DEPTH:
            raise CannotProve(self._where, chain.line, f"chain {chain.name}", "jumps are nested too deeply or in a ring")
        passed, left, returned = EMPTY, addresses, EMPTY
        for rule in chain.rules:
            if not left:
                break
            for hit, verdict in self._hits(rule, left):
                if not hit or verdict.kind == "continue":
                    continue
                accepted, out = self._give(rule, verdict, hit, depth)
                passed, left = passed | accepted, left - hit
                if verdict.kind == "jump":
                    left = left | out
                else:
                    returned = returned | out
        return passed, left | returned

    def _give(self, rule: Rule, verdict: Verdict, hit: Ranges, depth: int) -> tuple[Ranges, Ranges]:
        """Return which of ``hit`` a verdict accepts, and which come back from the chain it names or leave this one."""
        if verdict.kind == "accept":
            self._answer.accepts.append((hit, rule))
            return hit, EMPTY
        if verdict.kind == "drop":
            self._answer.refuses.append((hit, rule))
            return EMPTY, EMPTY
        if verdict.kind == "return":
            return EMPTY, hit
        return self.chain(self._table.chains[verdict.target], hit, depth + 1)

    def _hits(self, rule: Rule, addresses: Ranges) -> list[tuple[Ranges, Verdict]]:
        """Return which of ``addresses`` a rule gives which verdict."""
        if rule.verdict is None:
            return []
        if rule.limited == "above" and rule.verdict.kind == "drop":
            return []  # Who keeps to the rate passes on.
        unjudged = ""
        for match in rule.matches:
            if match.maps:
                continue
            try:
                addresses = addresses & self._matching(match)
            except _OpenError as open_field:
                unjudged = str(open_field)
                continue
            if not addresses:
                return []
        if rule.verdict.kind != "map":
            found = [(addresses, rule.verdict)]
        else:
            found = self._mapped(rule, addresses)
        if unjudged or rule.limited:
            reason = f"the packet's {unjudged} isn't known" if unjudged else "a verdict that depends on a rate isn't certain"
            if any(hit for hit, _unused in found):
                raise CannotProve(self._where, rule.line, rule.text, reason)
            return []
        return found

    def _mapped(self, rule: Rule, addresses: Ranges) -> list[tuple[Ranges, Verdict]]:
        found = []
        for match in rule.matches:
            if match.maps:
                for element in self._elements(match):
                    try:
                        hit = addresses & self._element(match.fields, element)
                    except _OpenError as open_field:
                        reason = f"the packet's {open_field} isn't known"
                        raise CannotProve(self._where, rule.line, rule.text, reason) from None
                    if element.verdict is None:
                        raise CannotProve(self._where, rule.line, rule.text, "a verdict map holds an element without one")
                    found.append((hit, element.verdict))
                    addresses = addresses - hit
        return found

    def _elements(self, match: Match) -> tuple[Element, ...]:
        if not match.set_name:
            return match.elements
        named = self._table.sets[match.set_name]
        if named.dynamic:
            text = f"set {named.name}"
            raise CannotProve(self._where, named.line, text, "its elements come and go while it is in use")
        return tuple(named.elements)

    def _matching(self, match: Match) -> Ranges:
        """Return the open address's values for which ``match`` holds."""
        packet = self._packet
        for field in match.fields:
            if (field.family and field.family != packet.family) or (field.protocol and field.protocol != packet.protocol):
                return EMPTY
        full, hits = FULL[packet.family], EMPTY
        first = match.fields[0]
        if len(match.fields) == 1 and first.kind == "address":
            hits = self._addresses(match)
            if first.name != packet.ask:
                hits = full if self._fixed(first) in hits else EMPTY
        elif any(field.kind == "address" for field in match.fields):
            hits = self._of_elements(match)
        else:
            # All or nothing, by what is known of the packet: rules are asked again and again about packets that are alike in it.
            key = (id(match), self._table.name, packet.family, *(self._known.get(field.name) for field in match.fields))
            known = self._memo.get(key)
            hits = known if isinstance(known, Ranges) else self._of_elements(match)
            self._memo[key] = hits
        return full - hits if match.negated else hits

    def _of_elements(self, match: Match) -> Ranges:
        full, hits = FULL[self._packet.family], EMPTY
        for element in self._elements(match):
            hits = hits | self._element(match.fields, element)
            if hits is full:
                break
        return hits

    def _addresses(self, match: Match) -> Ranges:
        """Return the addresses on the right side of ``match``, which don't depend on the packet."""
        key = (id(match), self._table.name)
        found = self._memo.get(key)
        if not isinstance(found, Ranges):
            top = (1 << BITS[match.fields[0].family or "ipv4"]) - 1
            ranges = (e.values[0] for e in self._elements(match))
            found = Ranges.of(r for r in ranges if isinstance(r, tuple) and r[1] <= top)
            self._memo[key] = found
        return found

    def _fixed(self, field: Field) -> int:
        fixed = self._packet.source if field.name == "saddr" else self._packet.destination
        if fixed is None:
            raise _OpenError(field.name)
        return fixed

    def _element(self, fields: tuple[Field, ...], element: Element) -> Ranges:
        result = FULL[self._packet.family]
        for field, value in zip(fields, element.values, strict=False):
            result = result & self._value(field, value)
            if not result:
                break
        return result

    def _value(self, field: Field, value: Value) -> Ranges:
        packet, full = self._packet, FULL[self._packet.family]
        if field.family and field.family != packet.family:
            return EMPTY
        if field.kind == "address":
            low, high = value if isinstance(value, tuple) else (1, 0)
            if field.name == packet.ask:
                return Ranges(((low, high),)) if low <= high < 1 << BITS[packet.family] else EMPTY
            return full if low <= self._fixed(field) <= high else EMPTY
        return full if self._holds(field, value) else EMPTY

    def _holds(self, field: Field, value: Value) -> bool:
        actual = self._known.get(field.name)
        if actual is None:
            raise _OpenError(field.name)
        if isinstance(actual, int):
            return isinstance(value, tuple) and value[0] <= actual <= value[1]
        if isinstance(actual, frozenset):
            return _is_user(actual, value)
        if field.kind == "interface" and isinstance(value, str) and value.endswith("*"):
            return str(actual).startswith(value[:-1])
        return bool(actual == value)


class _OpenError(Exception):
    """A match looks at a field that the packet leaves open."""


def _is_user(user: frozenset[str], value: Value) -> bool:
    text = value if isinstance(value, str) else f"{value[0]}-{value[1]}"
    low, _unused, high = text.partition("-")
    if low.isdigit() and high.isdigit():
        return any(word.isdigit() and int(low) <= int(word) <= int(high) for word in user)
    return text in user
