"""From a fabric to what must stand on the machine: nodes, links and switch ports. Pure: nothing is touched."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from module_utils.fabric.model import Attachment, Fabric, Host, Switch, Trunk
from twin.errors import TwinError

OPERATOR_HOSTS = "operator_hosts"
PACKAGE_SERVERS = "package_servers"
DIALECTS = ("ovs_linux",)
SWITCH_IMAGE = "debian12+switch"
# A trunk carries the tag besides the largest frame (9000); switches of this kind allow 9216.
TRUNK_MTU = 9216
_INTERFACE_LIMIT = 15


@dataclass(frozen=True)
class Node:
    """One machine. ``kind`` is ``host``, ``switch`` or ``operator`` (a network namespace only, no image)."""

    name: str
    kind: str
    image: str = ""


@dataclass(frozen=True)
class End:
    """One end of a link: an interface of a node. ``mtu`` in bytes."""

    node: str
    interface: str
    mtu: int

    @property
    def mac(self) -> str:
        """A locally administered address that stays the same over every build."""
        digest = hashlib.sha256(f"{self.node}/{self.interface}".encode()).digest()
        return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


@dataclass(frozen=True)
class Link:
    """A cable. An attachment's link is named ``host/segment``, a trunk's ``trunk/name``; the switch is the second end."""

    name: str
    ends: tuple[End, End]


@dataclass(frozen=True)
class Port:
    """A switch port and its VLANs: ``tag`` for an access port, ``trunks`` for one that carries tags."""

    switch: str
    name: str
    tag: int | None = None
    trunks: tuple[int, ...] = ()
    internal: bool = False


@dataclass(frozen=True)
class Plan:
    """All of a twin, in the order of the inventory."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    ports: tuple[Port, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images needed."""
        return tuple(sorted({node.image for node in self.nodes if node.image}))

    def node(self, name: str) -> Node:
        """The node `name`; raises TwinError that lists the names there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise TwinError(f"node {name!r} is not in this twin; it has: {', '.join(node.name for node in self.nodes)}")

    def ports_of(self, switch: str) -> tuple[Port, ...]:
        """The ports of one switch."""
        return tuple(port for port in self.ports if port.switch == switch)


def plan_twin(fabric: Fabric) -> Plan:
    """What to build for `fabric`. Raises TwinError for what a twin can't build."""
    _refuse_unbuildable(fabric)
    nodes = [_host_node(host) for host in fabric.hosts.values()]
    nodes += [Node(switch.name, "switch", SWITCH_IMAGE) for switch in fabric.switches.values()]
    links = [_attachment_link(fabric, host, at) for host in fabric.hosts.values() for at in host.attachments]
    links += [_trunk_link(trunk) for trunk in fabric.trunks.values()]
    ports = [_access_port(fabric, at) for host in fabric.hosts.values() for at in host.attachments]
    ports += [port for trunk in fabric.trunks.values() for port in _trunk_ports(fabric, trunk)]
    ports += [_management_port(fabric, switch) for switch in fabric.switches.values()]
    return Plan(tuple(nodes), tuple(links), tuple(ports))


def _refuse_unbuildable(fabric: Fabric) -> None:
    for switch in fabric.switches.values():
        if switch.dialect not in DIALECTS:
            raise TwinError(
                f"switch {switch.name}: fabric_dialect {switch.dialect} can't be built in a twin yet; "
                f"rehearse with {' or '.join(DIALECTS)}"
            )
    for host in fabric.hosts.values():
        for at in host.attachments:
            if at.mode == "tagged":
                raise TwinError(
                    f"host {host.name}: attachment on {at.segment} has mode tagged, which a twin can't build yet; use access"
                )
    names = [(host.name, at.interface) for host in fabric.hosts.values() for at in host.attachments]
    names += [(at.switch, at.port) for host in fabric.hosts.values() for at in host.attachments]
    names += [(end.switch, end.port) for trunk in fabric.trunks.values() for end in trunk.ends]
    names += [(switch.name, switch.attachment.interface) for switch in fabric.switches.values()]
    for node, interface in names:
        if len(interface.encode()) > _INTERFACE_LIMIT:
            raise TwinError(f"{node}: interface or port name {interface!r} is too long; Linux allows {_INTERFACE_LIMIT} bytes")


def _host_node(host: Host) -> Node:
    if OPERATOR_HOSTS in host.groups:
        return Node(host.name, "operator")
    if PACKAGE_SERVERS in host.groups:
        return Node(host.name, "host", f"{host.os}+packages")
    return Node(host.name, "host", host.os if host.managed else f"{host.os}+foreign")


def _attachment_link(fabric: Fabric, host: Host, at: Attachment) -> Link:
    mtu = fabric.segments[at.segment].mtu
    return Link(f"{host.name}/{at.segment}", (End(host.name, at.interface, mtu), End(at.switch, at.port, mtu)))


def _trunk_link(trunk: Trunk) -> Link:
    one, other = (End(end.switch, end.port, TRUNK_MTU) for end in trunk.ends)
    return Link(f"trunk/{trunk.name}", (one, other))


def _access_port(fabric: Fabric, at: Attachment) -> Port:
    return Port(at.switch, at.port, tag=fabric.segments[at.segment].vlan)


def _trunk_ports(fabric: Fabric, trunk: Trunk) -> list[Port]:
    vlans = tuple(sorted(fabric.segments[name].vlan for name in trunk.segments))
    return [Port(end.switch, end.port, trunks=vlans) for end in trunk.ends]


def _management_port(fabric: Fabric, switch: Switch) -> Port:
    at = switch.attachment
    return Port(switch.name, at.interface, tag=fabric.segments[at.segment].vlan, internal=True)
