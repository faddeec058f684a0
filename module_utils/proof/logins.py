"""Compares the logins that the artefacts admit with the declared ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..fabric.model import FAMILIES, Family, Host
from .carriage import Carrier
from .declared import Declaration, Users, Way
from .findings import Finding
from .hosts import KEYS_LAYER, PAM_LAYER, SSHD_LAYER, Gates, HostModel
from .intervals import EMPTY, Ranges, as_address, describe
from .nft_eval import Packet
from .nft_query import accepting, forwarded, inbound
from .world import Arrival, World

_SHOWN = 4

Allowed = dict[tuple[str, int, Family], Ranges]
"""Declared sources by (user, port, family)."""
Group = tuple[tuple[Users, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Excess:
    """Addresses from which somebody gets further than is declared, and by which lines. ``layer`` is empty for logins."""

    user: str
    family: Family
    addresses: Ranges
    why: tuple[str, ...]
    layer: str = ""


class LoginProof:
    """Judges the logins of all hosts; hosts with equal login files and equal declarations share the work."""

    def __init__(self, world: World, declaration: Declaration, carrier: Carrier) -> None:
        """Keep what is compared."""
        self._world, self._declaration, self._carrier = world, declaration, carrier
        self._layers: dict[tuple[object, ...], tuple[Excess, ...]] = {}
        self._excess: dict[tuple[object, ...], tuple[Excess, ...]] = {}

    def extra(self, host: Host, model: HostModel) -> Iterator[Finding]:
        """Yield the undeclared logins that a host admits, and the layers that don't refuse alone."""
        ways = list(self._declaration.logins(host))
        allowed, key = self._allowed(ways)
        for server in model.servers:
            for port in server.ports:
                yield from self._missing_layers(host.name, server, port, allowed, key)
                yield from self._extra_logins(model, server, port, allowed, key)

    def missing(self, host: Host, model: HostModel) -> Iterator[Finding]:
        """Yield the declared logins that a host refuses, each path once with all its users."""
        for way in self._declaration.logins(host):
            path, port = way.path, self._declaration.port(way.path.flow.service)
            origin = f"{path.origin} ({path.source})"
            obstacle = self._carrier.obstacle(path)
            if obstacle is not None:
                yield self._refused(host.name, origin, way, tuple(sorted(way.users)), f"{obstacle[0]}: {obstacle[1]}")
                continue
            server = next((s for s in model.servers if port in s.ports), None)
            if server is None:
                yield self._refused(host.name, origin, way, tuple(sorted(way.users)), f"no sshd listens on port {port}")
                continue
            shut: dict[str, list[str]] = {}
            for user in sorted(way.users):
                reason = _shut(server, user, port, path.family, int(path.source))
                if reason:
                    shut.setdefault(reason, []).append(user)
            for reason, users in shut.items():
                yield self._refused(host.name, origin, way, tuple(users), reason)

    def _refused(self, host: str, origin: str, way: Way, users: tuple[str, ...], reason: str) -> Finding:
        return Finding("missing_login", host, reason, origin, way.path.flow.service, users, pairs=len(users))

    def _allowed(self, ways: list[Way]) -> tuple[Allowed, Group]:
        """Return declared sources for each user, and a key that is equal for hosts with the same declaration."""
        grouped: dict[tuple[Users, int, Family], list[int]] = {}
        for way in ways:
            port = self._declaration.port(way.path.flow.service)
            grouped.setdefault((way.users, port, way.path.family), []).append(int(way.path.source))
        allowed: Allowed = {}
        for (users, port, family), found in grouped.items():
            ranges = Ranges.of((n, n) for n in found)
            for user in users:
                allowed[user, port, family] = allowed.get((user, port, family), EMPTY) | ranges
        key = tuple((users, (port, len(family), *sorted(set(n)))) for (users, port, family), n in grouped.items())
        return allowed, key

    def _everybody(self, server: Gates) -> list[str]:
        return sorted({*self._declaration.everybody, *server.users})

    def _missing_layers(self, host: str, server: Gates, port: int, allowed: Allowed, key: Group) -> Iterator[Finding]:
        memo = (id(server), port, key)
        if memo not in self._layers:
            self._layers[memo] = tuple(self._layer_excesses(server, port, allowed))
        grouped: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
        for excess in self._layers[memo]:
            told = describe(excess.addresses, excess.family)
            grouped.setdefault((excess.layer, excess.why, told), []).append(excess.user)
        for (layer, why, told), users in grouped.items():
            yield Finding("missing_layer", host, "; ".join(why), told, f"port {port}", tuple(users), layer)

    def _layer_excesses(self, server: Gates, port: int, allowed: Allowed) -> Iterator[Excess]:
        for user in self._everybody(server):
            for family in FAMILIES:
                gate = server.gate(user, port, family)
                mine = allowed.get((user, port, family), EMPTY)
                for layer, admits in ((SSHD_LAYER, gate.sshd), (PAM_LAYER, gate.pam), (KEYS_LAYER, gate.keys)):
                    found = admits - mine
                    if found:
                        address = as_address(found.parts[0][0], family)
                        yield Excess(user, family, found, (server.reason(layer, user, port, address),), layer)

    def _extra_logins(self, model: HostModel, server: Gates, port: int, allowed: Allowed, key: Group) -> Iterator[Finding]:
        for interface in model.network.interfaces.values():
            for family in FAMILIES:
                own = next((n for f, n in interface.addresses if f == family), None)
                if own is None:
                    continue
                packet = Packet(family, "tcp", port, iif=interface.name, destination=own)
                answer = inbound(model.ruleset, packet)
                if not answer.accepted:
                    continue
                for arrival in self._world.arrivals(model, interface, family):
                    net = answer.accepted & self._arriving(arrival, packet)
                    memo = (id(server), port, key, family, net)
                    if memo not in self._excess:
                        self._excess[memo] = tuple(self._excesses(server, port, allowed, family, net))
                    for excess in self._excess[memo]:
                        rule = accepting(answer, excess.addresses.parts[0][0])
                        line = f"{model.ruleset.where}:{rule.line} {rule.text}" if rule else f"{model.ruleset.where}: policy"
                        yield self._extra(model.name, arrival, port, excess, line)

    def _arriving(self, arrival: Arrival, packet: Packet) -> Ranges:
        """Return the addresses of an arrival that its gateway, if there is one, passes on to the packet's destination."""
        gateway = self._world.models.get(arrival.gateway or "")
        if gateway is None or arrival.gateway_in is None:
            return arrival.addresses
        packet = Packet(
            packet.family,
            packet.protocol,
            packet.dport,
            iif=arrival.gateway_in,
            oif=arrival.gateway_out,
            destination=packet.destination,
        )
        return arrival.addresses & forwarded(gateway.ruleset, packet).accepted

    def _excesses(self, server: Gates, port: int, allowed: Allowed, family: Family, net: Ranges) -> Iterator[Excess]:
        if not net:
            return
        for user in self._everybody(server):
            gate = server.gate(user, port, family)
            found = (net & gate.open_to) - allowed.get((user, port, family), EMPTY)
            if found:
                address = as_address(found.parts[0][0], family)
                why = tuple(server.reason(layer, user, port, address) for layer in (SSHD_LAYER, PAM_LAYER, KEYS_LAYER))
                yield Excess(user, family, found, why)

    def _extra(self, host: str, arrival: Arrival, port: int, excess: Excess, line: str) -> Finding:
        parts = excess.addresses.parts
        shown = [self._world.name_of(arrival.domain, excess.family, part) for part in parts[:_SHOWN]]
        more = [f"and {len(parts) - _SHOWN} more ranges"] if len(parts) > _SHOWN else []
        through = f" through {arrival.gateway}" if arrival.gateway else ""
        held = sum(1 for _unused in self._world.holders_in(arrival.domain, excess.family, excess.addresses))
        reason = "; ".join((line, *excess.why))
        origin = ", ".join([*shown, *more]) + through
        return Finding("extra_login", host, reason, origin, f"port {port}", (excess.user,), pairs=max(held, 1))


def _shut(server: Gates, user: str, port: int, family: Family, source: int) -> str | None:
    """Return which layer refuses a login, or ``None``."""
    if user not in server.users:
        return "the user doesn't exist there"
    gate = server.gate(user, port, family)
    if source not in gate.sshd:
        return f"{server.path} refuses"
    if source not in gate.keys:
        return "no key opens"
    return None if source in gate.pam else "PAM refuses"
