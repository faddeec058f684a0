"""What is declared of a host's interfaces, and the systemd-networkd files that say so. No I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

DIRECTORY = "/etc/systemd/network"
PREFIX = "20-kakehashi-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")  # the kernel's IFNAMSIZ is 16 with the closing zero
_VLANS = range(2, 4095)
_MTUS = range(1280, 9001)


class NetworkError(ValueError):
    """A declaration or a host that can't be right; the text says what, where and what to do."""


@dataclass(frozen=True, order=True)
class Route:
    """A route to a network by way of a gateway on the interface's own segment."""

    to: str
    via: str


@dataclass(frozen=True)
class Interface:
    """A declared interface. ``addresses`` hold the prefix length; ``parent`` is empty for an untagged one."""

    name: str
    mtu: int
    addresses: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    vlan: int | None = None
    parent: str = ""

    def networks(self) -> list[Network]:
        """Return the networks that are reached directly."""
        return [ipaddress.ip_interface(a).network for a in self.addresses]


def parse(items: Sequence[Mapping[str, Any]]) -> tuple[Interface, ...]:
    """Return the interfaces that module arguments declare; raise NetworkError for what can't be right."""
    found = tuple(_interface(item) for item in items)
    names = [i.name for i in found]
    for name in names:
        if names.count(name) > 1:
            raise NetworkError(f"interface {name} is declared twice: put its addresses and routes into one entry")
    return found


def files(interfaces: Sequence[Interface]) -> dict[str, str]:
    """Return the content of each file under /etc/systemd/network by its path."""
    found = {}
    for interface in interfaces:
        found[_path(interface.name, "network")] = _network_file(interface, _children(interface.name, interfaces))
        if interface.parent:
            found[_path(interface.name, "netdev")] = _netdev_file(interface)
    own = {i.name for i in interfaces}
    for parent in dict.fromkeys(i.parent for i in interfaces if i.parent and i.parent not in own):
        found[_path(parent, "network")] = _parent_file(parent, _children(parent, interfaces))
    return found


def owned(interfaces: Sequence[Interface]) -> tuple[str, ...]:
    """Return the names of all interfaces the files speak of, parents of tagged ones included."""
    return tuple(dict.fromkeys([*(i.parent for i in interfaces if i.parent), *(i.name for i in interfaces)]))


def _interface(item: Mapping[str, Any]) -> Interface:
    name, mtu, vlan = str(item["name"]), int(item["mtu"]), item.get("vlan")
    if not _NAME.fullmatch(name):
        raise NetworkError(f"{name!r} is no name for an interface: 1 to 15 letters, digits, dots, _ and -")
    if mtu not in _MTUS:
        raise NetworkError(f"the MTU {mtu} of {name} is not between {_MTUS[0]} and {_MTUS[-1]}")
    parent = ""
    if item.get("mode") == "tagged":
        parent = str(item.get("parent") or name.rpartition(".")[0])
        if not parent:
            raise NetworkError(f"{name} is tagged and nothing says on which interface: set parent, or name it like eth0.{vlan}")
        if vlan is None or int(vlan) not in _VLANS:
            raise NetworkError(f"the VLAN {vlan} of {name} is not between {_VLANS[0]} and {_VLANS[-1]}")
    routes = tuple(_route(name, r) for r in item.get("routes") or ())
    addresses = tuple(_address(name, a) for a in item.get("addresses") or ())
    found = Interface(name, mtu, addresses, routes, int(vlan) if parent and vlan is not None else None, parent)
    for route in routes:
        if not any(_inside(route.via, network) for network in found.networks()):
            raise NetworkError(
                f"the gateway {route.via} of a route on {name} is on none of its networks: it could not be reached"
            )
    return found


def _address(name: str, text: str) -> str:
    try:
        found = ipaddress.ip_interface(text)
    except ValueError as error:
        raise NetworkError(f"{text!r} of {name} is no address with prefix length, such as 192.0.2.1/26") from error
    if "/" not in text:
        raise NetworkError(f"{text} of {name} has no prefix length: write it like 192.0.2.1/26")
    return str(found)


def _route(name: str, item: Mapping[str, Any]) -> Route:
    try:
        return Route(str(ipaddress.ip_network(item["to"])), str(ipaddress.ip_address(item["via"])))
    except ValueError as error:
        raise NetworkError(f"a route on {name} can't be read: {error}") from error


def _inside(address: str, network: Network) -> bool:
    return ipaddress.ip_address(address) in network


def _children(parent: str, interfaces: Sequence[Interface]) -> list[Interface]:
    return [i for i in interfaces if i.parent == parent]


def _path(name: str, kind: str) -> str:
    return f"{DIRECTORY}/{PREFIX}{name}.{kind}"


_HEAD = "# Written by Ansible; changes by hand are overwritten.\n"
_CLOSED = """DHCP=no
IPv6AcceptRA=no
LLMNR=no
MulticastDNS=no
LLDP=no
EmitLLDP=no
"""


def _network_file(interface: Interface, children: Sequence[Interface]) -> str:
    lines = [
        f"{_HEAD}[Match]",
        f"Name={interface.name}",
        "",
        "[Link]",
        f"MTUBytes={_mtu(interface.mtu, children)}",
        "",
        "[Network]",
    ]
    # Addresses stay when a cable is out for a while: connections ride through.
    lines += [f"{_CLOSED}LinkLocalAddressing=ipv6", "ConfigureWithoutCarrier=yes"]
    lines += [f"VLAN={child.name}" for child in children]
    lines += [f"Address={a}" for a in interface.addresses]
    for route in interface.routes:
        lines += ["", "[Route]", f"Destination={route.to}", f"Gateway={route.via}"]
    return "\n".join([*lines, ""])


def _parent_file(parent: str, children: Sequence[Interface]) -> str:
    lines = [f"{_HEAD}[Match]", f"Name={parent}", "", "[Link]", f"MTUBytes={_mtu(0, children)}", "", "[Network]"]
    lines += [f"{_CLOSED}LinkLocalAddressing=no", "ConfigureWithoutCarrier=yes", *(f"VLAN={child.name}" for child in children)]
    return "\n".join([*lines, ""])


def _netdev_file(interface: Interface) -> str:
    return "\n".join(
        [
            f"{_HEAD}[NetDev]",
            f"Name={interface.name}",
            "Kind=vlan",
            f"MTUBytes={interface.mtu}",
            "",
            "[VLAN]",
            f"Id={interface.vlan}",
            "",
        ]
    )


def _mtu(own: int, children: Sequence[Interface]) -> int:
    return max([own, *(child.mtu for child in children)])
