"""Compares what packet filters let in, out and through, on every port, with the declared flows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from ..fabric.model import FAMILIES, Family
from ..fabric.paths import Path
from .declared import Declaration
from .findings import Finding
from .hosts import FILTER_LAYER, HostModel
from .intervals import EMPTY, Range, Ranges, describe
from .nft_eval import Answer, Packet
from .nft_query import STRANGER, accepting, destinations, forwarded, inbound, outbound, port_ranges, user_names
from .problem import CannotProve

_SHOWN = 4

PROTOCOLS = ("tcp", "udp")
Opening = tuple[str, Range, Family, Answer]
"""Protocol, ports, family and what is accepted there."""
Declared = dict[tuple[str, Family, str, int], Ranges]
"""Declared peers by (interface, family, protocol, port)."""


def inward(model: HostModel, declaration: Declaration) -> Iterator[Finding]:
    """Yield the ports of a host that are open to more addresses than declared, on each interface and on any other."""
    wanted = _declared(declaration, declaration.to.get(model.name, ()), "enters_by", "source")
    for interface in (*model.network.interfaces, STRANGER):
        addresses = _own(model, interface)
        for opening in _openings(model, "in", interface, addresses):
            yield from _excess(model, "open_port", interface, opening, wanted)
        if len(model.network.interfaces) > 1:
            yield from _elsewhere(model, interface)


def _elsewhere(model: HostModel, interface: str) -> Iterator[Finding]:
    """Yield what is open over ``interface`` at addresses of the host's other interfaces; Linux answers at any of them."""
    for protocol, ports, family, answer in _openings(model, "past", interface, {}):
        origin = f"{_short(answer.accepted, family)} by {interface} to the addresses of other interfaces"
        reason = _line(model, answer, answer.accepted)
        yield Finding("open_port", model.name, reason, origin, _service(protocol, ports), layer=FILTER_LAYER)


def outward(model: HostModel, declaration: Declaration) -> Iterator[Finding]:
    """Yield what a host may connect to beyond the declared flows."""
    wanted = _declared(declaration, declaration.by.get(model.name, ()), "leaves_by", "destination")
    for interface in (*model.network.interfaces, STRANGER):
        addresses = _own(model, interface)
        for opening in _openings(model, "out", interface, addresses):
            yield from _excess(model, "calls_out", interface, opening, wanted)


def onward(model: HostModel, declaration: Declaration) -> Iterator[Finding]:
    """Yield what a host that forwards passes on beyond the flows that are declared through it."""
    wanted: dict[tuple[str, str, Family, str, int, int], list[Range]] = {}
    for path in declaration.through.get(model.name, ()):
        if path.gateway_in and path.gateway_out:
            service = declaration.fabric.services[path.flow.service]
            key = (path.gateway_in.interface, path.gateway_out.interface, path.family, service.protocol, service.port)
            wanted.setdefault((*key, int(path.destination)), []).append((int(path.source), int(path.source)))
    interfaces = (*model.network.interfaces, STRANGER)
    pairs = [(i, o) for i in interfaces for o in interfaces if i != o]
    for family in FAMILIES:
        for iif, oif in pairs:
            if model.network.forwards(family, iif):
                yield from _passed(model, family, iif, oif, wanted)


def _passed(
    model: HostModel,
    family: Family,
    iif: str,
    oif: str,
    wanted: dict[tuple[str, str, Family, str, int, int], list[Range]],
) -> Iterator[Finding]:
    for protocol in PROTOCOLS:
        for low, high in port_ranges(model.ruleset, protocol):
            for first, last in destinations(model.ruleset, family):
                packet = Packet(family, protocol, low, iif=iif, oif=oif, destination=first)
                answer = forwarded(model.ruleset, packet)
                found = answer.accepted
                if found and low == high and first == last:
                    found = found - Ranges.of(wanted.get((iif, oif, family, protocol, low, first), ()))
                if found:
                    to = describe(Ranges(((first, last),)), family)
                    origin = f"{_short(found, family)} by {iif} to {to} by {oif}"
                    reason = _line(model, answer, found)
                    yield Finding("passes_on", model.name, reason, origin, _service(protocol, (low, high)))


def _openings(model: HostModel, way: str, interface: str, addresses: dict[Family, int]) -> tuple[Opening, ...]:
    """Return all openings of an interface. Hosts with one ruleset share them, where no rule asks for a host's own address."""
    try:
        return _known_openings(model, way, interface, dict.fromkeys(FAMILIES))
    except CannotProve:
        return _known_openings(model, way, interface, {family: addresses.get(family, 0) for family in FAMILIES})


def _known_openings(model: HostModel, way: str, interface: str, own: Mapping[Family, int | None]) -> tuple[Opening, ...]:
    key = ("openings", way, interface, *(own[family] for family in FAMILIES))
    memo = model.ruleset.memo
    if key not in memo:
        memo[key] = tuple(_find_openings(model, way, interface, own))
    return cast(tuple[Opening, ...], memo[key])


def _find_openings(model: HostModel, way: str, interface: str, own: Mapping[Family, int | None]) -> Iterator[Opening]:
    users = (user_names(model.ruleset) or (None,)) if way == "out" else (None,)
    for family in FAMILIES:
        for protocol in PROTOCOLS:
            for ports in port_ranges(model.ruleset, protocol):
                for user in users:
                    if way in ("in", "past"):
                        packet = Packet(family, protocol, ports[0], iif=interface, destination=own[family])
                        answer = inbound(model.ruleset, replace(packet, to="unicast") if way == "past" else packet)
                    else:
                        packet = Packet(
                            family,
                            protocol,
                            ports[0],
                            oif=interface,
                            source=own[family],
                            ask="daddr",
                            user=user,
                        )
                        answer = outbound(model.ruleset, packet)
                    if answer.accepted:
                        yield protocol, ports, family, answer


def _declared(declaration: Declaration, paths: list[Path] | tuple[Path, ...], side: str, peer: str) -> Declared:
    found: dict[tuple[str, Family, str, int], list[Range]] = {}
    for path in paths:
        service = declaration.fabric.services[path.flow.service]
        number = int(getattr(path, peer))
        key = (getattr(path, side).interface, path.family, service.protocol, service.port)
        found.setdefault(key, []).append((number, number))
    return {key: Ranges.of(parts) for key, parts in found.items()}


def _excess(model: HostModel, kind: str, interface: str, opening: Opening, wanted: Declared) -> Iterator[Finding]:
    protocol, ports, family, answer = opening
    found = answer.accepted
    if ports[0] == ports[1]:
        found = found - wanted.get((interface, family, protocol, ports[0]), EMPTY)
    if not found:
        return
    shown = interface if interface != STRANGER else "an undeclared interface"
    service = _service(protocol, ports)
    reason = _line(model, answer, found)
    if kind == "open_port":
        yield Finding("open_port", model.name, reason, f"{_short(found, family)} at {shown}", service, layer=FILTER_LAYER)
    else:
        yield Finding("calls_out", model.name, reason, f"{_short(found, family)} by {shown}", service)


def _own(model: HostModel, interface: str) -> dict[Family, int]:
    found = model.network.interfaces.get(interface)
    return dict(reversed(found.addresses)) if found else {}


def _line(model: HostModel, answer: Answer, found: Ranges) -> str:
    rule = accepting(answer, found.parts[0][0])
    return f"{model.ruleset.where}:{rule.line} {rule.text}" if rule else f"{model.ruleset.where}: the policy accepts"


def _short(found: Ranges, family: Family) -> str:
    more = f" and {len(found.parts) - _SHOWN} more ranges" if len(found.parts) > _SHOWN else ""
    return describe(Ranges(found.parts[:_SHOWN]), family) + more


def _service(protocol: str, ports: Range) -> str:
    return f"{protocol} {ports[0]}" if ports[0] == ports[1] else f"{protocol} {ports[0]}-{ports[1]}"
