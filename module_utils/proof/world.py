"""The fabric as its artefacts make it: host models, broadcast domains, and who holds which address where."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..fabric import access
from ..fabric.model import FAMILIES, Attachment, Fabric, Family, Host, Switch
from ..fabric.paths import attachments_of
from ..fabric.problems import listed
from .authorities import read_authorities
from .hosts import HostModel, read_host
from .intervals import Range, Ranges, as_address
from .layer2 import Cable, Domains, Plug, Port, Switches, broadcast_domains
from .networkd import Interface, Reach
from .problem import CannotProve

Holder = tuple[int, str, str]
"""An address as integer, the host that holds it and the interface."""


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What the proof reads: each managed host's files by path, and each switch's ports by name.

    ``refused`` holds why a host's files couldn't be made, by host.
    """

    hosts: Mapping[str, Mapping[str, str]]
    switches: Switches
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Addresses that can come in by an interface and be answered: from ``domain``, routed by ``gateway`` or not."""

    domain: int | None
    addresses: Ranges
    gateway: str | None = None
    gateway_in: str | None = None
    gateway_out: str | None = None


@dataclass(slots=True)
class World:
    """All that is known from the artefacts. ``refused`` holds what could not be read, by host."""

    fabric: Fabric
    models: dict[str, HostModel] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    domains: Domains = field(default_factory=lambda: Domains({}, {}, ()))
    holders: dict[tuple[int, Family], list[Holder]] = field(default_factory=dict)

    def domain(self, host: str, interface: str) -> int | None:
        """Return the broadcast domain of an interface, or ``None`` where it is in none."""
        return self.domains.of_plug.get((host, interface))

    def holder(self, domain: int | None, family: Family, number: int) -> Holder | None:
        """Return who holds an address in a domain, or ``None``."""
        found = self.holders.get((domain, family), []) if domain is not None else []
        at = bisect_left(found, (number, "", ""))
        return found[at] if at < len(found) and found[at][0] == number else None

    def holders_in(self, domain: int | None, family: Family, addresses: Ranges) -> Iterator[Holder]:
        """Yield who holds an address of a set in a domain."""
        found = self.holders.get((domain, family), []) if domain is not None else []
        for low, high in addresses.parts:
            at = bisect_left(found, (low, "", ""))
            while at < len(found) and found[at][0] <= high:
                yield found[at]
                at += 1

    def arrivals(self, host: HostModel, interface: Interface, family: Family) -> Iterator[Arrival]:
        """Yield from where packets can come in by an interface: its own networks, and those behind gateways it uses."""
        domain = self.domain(host.name, interface.name)
        for reach in interface.reaches:
            if reach.family != family:
                continue
            if reach.via is None:
                yield Arrival(domain, Ranges((reach.network,)))
            else:
                yield from self._behind(reach, domain, family)

    def _behind(self, reach: Reach, domain: int | None, family: Family) -> Iterator[Arrival]:
        holder = self.holder(domain, family, reach.via if reach.via is not None else -1)
        if holder is None:
            return
        _unused, name, out = holder
        gateway = self.models.get(name)
        if gateway is None:
            yield Arrival(None, Ranges((reach.network,)), name, None, out)
            return
        for inward in gateway.network.interfaces.values():
            if inward.name != out and gateway.network.forwards(family, inward.name):
                near = Ranges.of(r.network for r in inward.reaches if r.family == family and r.via is None)
                yield Arrival(self.domain(name, inward.name), near & Ranges((reach.network,)), name, inward.name, out)

    def name_of(self, domain: int | None, family: Family, part: Range) -> str:
        """Return whose addresses a range holds, in words."""
        low, high = part
        names = [name for _unused, name, _unused2 in self.holders_in(domain, family, Ranges((part,)))]
        shown = str(as_address(low, family)) + ("" if low == high else f"-{as_address(high, family)}")
        if not names:
            return f"{shown} (nobody's now)"
        return f"{shown} ({listed(names, 3)})"


def build_world(fabric: Fabric, artefacts: Artefacts) -> World:
    """Read all artefacts. What can't be read is kept in ``refused``, and its host has no model."""
    world = World(fabric)
    signers = [signer.name for signer in access.signers(fabric)]
    try:
        authorities = read_authorities(artefacts.hosts, signers)
    except CannotProve as refusal:
        authorities, world.refused = (), dict.fromkeys(signers, str(refusal))
    for host in fabric.managed_hosts:
        if host.name in artefacts.refused:
            world.refused[host.name] = artefacts.refused[host.name]
            continue
        try:
            world.models[host.name] = read_host(host.name, artefacts.hosts.get(host.name, {}), authorities)
        except CannotProve as refusal:
            world.refused[host.name] = str(refusal)
    cables = (
        Cable(t.name, ((t.ends[0].switch, t.ends[0].port), (t.ends[1].switch, t.ends[1].port))) for t in fabric.trunks.values()
    )
    world.domains = broadcast_domains(artefacts.switches, cables, _plugs(fabric))
    for name, interface, family, number in _addresses(world):
        domain = world.domain(name, interface)
        if domain is not None:
            insort(world.holders.setdefault((domain, family), []), (number, name, interface))
    return world


def machines(fabric: Fabric) -> Iterator[Host | Switch]:
    """Yield everything that has an address: hosts, then switches."""
    yield from fabric.hosts.values()
    yield from fabric.switches.values()


def planned_switches(fabric: Fabric) -> dict[str, dict[str, Port]]:
    """Return the ports that the declaration asks of each switch: the artefact of a fabric that has no switches yet."""
    switches: dict[str, dict[str, Port]] = {name: {} for name in fabric.switches}
    for plug, attachment in _attached(fabric):
        vlan = fabric.segments[attachment.segment].vlan
        here = switches.setdefault(plug.switch, {})
        before = here.get(plug.port, Port())
        if plug.vlan is None:
            here[plug.port] = Port(vlan, before.tagged)
        else:
            here[plug.port] = Port(before.untagged, before.tagged | {vlan})
    for trunk in fabric.trunks.values():
        vlans = frozenset(fabric.segments[name].vlan for name in trunk.segments)
        for end in trunk.ends:
            switches.setdefault(end.switch, {})[end.port] = Port(None, vlans)
    return switches


def _plugs(fabric: Fabric) -> Iterator[Plug]:
    return (plug for plug, _unused in _attached(fabric))


def _attached(fabric: Fabric) -> Iterator[tuple[Plug, Attachment]]:
    for machine in machines(fabric):
        for a in attachments_of(machine):
            vlan = fabric.segments[a.segment].vlan if a.mode == "tagged" else None
            yield Plug(machine.name, a.interface, a.switch, a.port, vlan), a


def _addresses(world: World) -> Iterator[tuple[str, str, Family, int]]:
    """Yield every address: of managed hosts as their artefacts give it, of others as the inventory does."""
    for machine in machines(world.fabric):
        model = world.models.get(machine.name)
        if model is None:
            for a in attachments_of(machine):
                yield from ((machine.name, a.interface, f, int(a.address(f))) for f in FAMILIES)
        else:
            for interface in model.network.interfaces.values():
                yield from ((machine.name, interface.name, f, n) for f, n in interface.addresses)
