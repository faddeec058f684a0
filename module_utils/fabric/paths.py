"""Which addresses the two ends of a declared flow see of each other, and the way by which operators reach a host."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .model import FAMILIES, OPERATORS, Address, Attachment, Fabric, Family, Flow, Host, Switch

SSH = "ssh"


@dataclass(frozen=True, slots=True)
class Path:
    """How a flow's packets go from one host to another in one address family.

    ``source`` and ``destination`` are the addresses that both ends see (gateways don't translate). ``leaves_by`` and
    ``enters_by`` are the attachments at the ends. ``gateway`` routes it, or is ``None`` on a shared segment;
    ``gateway_in`` and ``gateway_out`` are then its attachments towards the origin and the destination.
    """

    flow: Flow
    family: Family
    origin: str
    target: str
    leaves_by: Attachment
    enters_by: Attachment
    gateway: str | None = None
    gateway_in: Attachment | None = None
    gateway_out: Attachment | None = None

    @property
    def source(self) -> Address:
        """Return the origin's address as the target sees it."""
        return self.leaves_by.address(self.family)

    @property
    def destination(self) -> Address:
        """Return the target's address as the origin uses it."""
        return self.enters_by.address(self.family)


@dataclass(frozen=True, slots=True)
class Way:
    """Operators' way in: the ``hops`` to jump through, in order, and the host's ``address`` as the last hop sees it."""

    host: str
    hops: tuple[str, ...]
    address: Address
    attachment: Attachment


def attachments_of(machine: Host | Switch) -> tuple[Attachment, ...]:
    """Return a host's attachments, or a switch's one."""
    return (machine.attachment,) if isinstance(machine, Switch) else machine.attachments


def paths(fabric: Fabric, flow: Flow) -> Iterator[Path]:
    """Yield every path of a flow: each origin to each destination, over each shared segment or gateway, per family."""
    for origin in _machines(fabric, flow.origin):
        for target in _machines(fabric, flow.destination):
            if origin.name != target.name:
                yield from _between(fabric, flow, origin, target)


def all_paths(fabric: Fabric) -> Iterator[Path]:
    """Yield the paths of every flow of the fabric, in the order of declaration."""
    for flow in fabric.flows:
        yield from paths(fabric, flow)


def ways_in(fabric: Fabric, without: Collection[str] = ()) -> dict[str, Way]:
    """Return operators' shortest way to every host and switch they can reach, by name; the operators' host has none.

    Follows ssh flows that are for operators, breadth first, IPv4. What is missing from the result can't be reached. Hosts to do
    ``without`` are as if they were off.
    """
    edges: dict[str, list[Path]] = {}
    for flow in fabric.flows:
        if flow.service == SSH and OPERATORS in flow.users:
            for path in paths(fabric, flow):
                if path.family == "ipv4":
                    edges.setdefault(path.origin, []).append(path)
    found: dict[str, Way] = {}
    start = [h.name for h in fabric.members("operator_hosts")]
    queue: deque[tuple[str, tuple[str, ...]]] = deque((name, ()) for name in start)
    while queue:
        name, hops = queue.popleft()
        for path in edges.get(name, ()):
            if path.target not in found and path.target not in start and path.target not in without:
                found[path.target] = Way(path.target, hops, path.destination, path.enters_by)
                queue.append((path.target, (*hops, path.target)))
    return found


def every_way_in(fabric: Fabric) -> dict[str, tuple[Way, ...]]:
    """Return operators' ways to each host and switch by name: the first as ``ways_in``, others by first hops of their own."""
    off: frozenset[str] = frozenset()
    known = {off: ways_in(fabric)}
    found: dict[str, tuple[Way, ...]] = {}
    for name, way in known[off].items():
        ways, off = [way], frozenset()
        while ways[-1].hops:
            off |= {ways[-1].hops[0]}
            if off not in known:
                known[off] = ways_in(fabric, off)
            if name not in known[off]:
                break
            ways.append(known[off][name])
        found[name] = tuple(ways)
    return found


def _machines(fabric: Fabric, group: str) -> Iterator[Host | Switch]:
    for name in fabric.groups.get(group, ()):
        machine = fabric.hosts.get(name) or fabric.switches.get(name)
        if machine is not None:
            yield machine


def _between(fabric: Fabric, flow: Flow, origin: Host | Switch, target: Host | Switch) -> Iterator[Path]:
    for leaves in attachments_of(origin):
        for enters in attachments_of(target):
            if flow.through is None:
                if leaves.segment == enters.segment:
                    yield from (Path(flow, f, origin.name, target.name, leaves, enters) for f in FAMILIES)
            elif leaves.segment != enters.segment:
                yield from _routed(fabric, flow, origin, target, leaves, enters)


def _routed(
    fabric: Fabric, flow: Flow, origin: Host | Switch, target: Host | Switch, leaves: Attachment, enters: Attachment
) -> Iterator[Path]:
    for gateway in fabric.members(flow.through or ""):
        inward, outward = gateway.attachment(leaves.segment), gateway.attachment(enters.segment)
        if inward and outward and gateway.name not in (origin.name, target.name):
            for family in FAMILIES:
                yield Path(flow, family, origin.name, target.name, leaves, enters, gateway.name, inward, outward)
