"""VLANs, subnets, addresses, interfaces and frame sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from ..model import FAMILIES, Address, Attachment, Family, Segment
from ..problems import Problem, listed
from .context import Context, attached

INTERFACE_LENGTH = 15
"""Longest name of a Linux interface (IFNAMSIZ less its end)."""
_INTERFACE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{INTERFACE_LENGTH - 1}}}")
_POINT_TO_POINT = {4: 31, 6: 127}
_UNUSABLE = tuple(
    ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8")
)


def vlans(context: Context) -> Iterator[Problem]:
    """A VLAN ID is one segment's: two on one switch would be one layer-2 domain."""
    first: dict[int, Segment] = {}
    for segment in context.fabric.segments.values():
        other = first.setdefault(segment.vlan, segment)
        if other is not segment:
            message = f"is the VLAN of segment {other.name} too"
            yield context.problem(segment, "vlan", segment.vlan, message, "give each segment its own VLAN ID")


def subnets(context: Context) -> Iterator[Problem]:
    """No subnet contains another."""
    for family in FAMILIES:
        ordered = sorted(context.fabric.segments.values(), key=lambda s, f=family: _span(s.network(f)))  # type: ignore[misc]  # mypy cannot infer it
        reach: Segment | None = None
        for segment in ordered:
            if reach is not None and _span(segment.network(family))[0] <= _span(reach.network(family))[1]:
                later, other = _by_place(context, segment, reach)
                message = f"overlaps {other.network(family)} of segment {other.name}"
                yield context.problem(later, family, later.network(family), message, "give each segment its own subnet")
            if reach is None or _span(segment.network(family))[1] > _span(reach.network(family))[1]:
                reach = segment


def subnet_kinds(context: Context) -> Iterator[Problem]:
    """Subnets are of unicast addresses that can be routed."""
    for segment in context.fabric.segments.values():
        for family in FAMILIES:
            network = segment.network(family)
            if any(network.version == bad.version and network.overlaps(bad) for bad in _UNUSABLE):
                message = "holds addresses that are for no segment (loopback, link-local, multicast or unspecified)"
                yield context.problem(segment, family, network, message, "use a private, documentation or global subnet")


def addresses(context: Context) -> Iterator[Problem]:
    """An address lies in its segment, and is a host's."""
    for _unused, attachment in context.attachments:
        segment = context.fabric.segments.get(attachment.segment)
        if segment is not None:
            for family in FAMILIES:
                yield from _address(context, attachment, attachment.address(family), segment)


def _address(context: Context, attachment: Attachment, address: Address, segment: Segment) -> Iterator[Problem]:
    family: Family = "ipv4" if isinstance(address, IPv4Address) else "ipv6"
    network = segment.network(family)
    wanted = f"use a free host address of {network}"
    if address not in network:
        yield context.problem(attachment, family, address, f"is outside {network} of segment {segment.name}", wanted)
    elif network.prefixlen < _POINT_TO_POINT[address.version]:
        if address == network.network_address:
            what = "the network address" if family == "ipv4" else "the routers' anycast address (RFC 4291)"
            yield context.problem(attachment, family, address, f"is {what} of segment {segment.name}", wanted)
        elif address == network.broadcast_address and family == "ipv4":
            yield context.problem(attachment, family, address, f"is the broadcast address of segment {segment.name}", wanted)


def addresses_once(context: Context) -> Iterator[Problem]:
    """No two interfaces have one address."""
    first: dict[Address, str] = {}
    for machine, attachment in context.attachments:
        for family in FAMILIES:
            address = attachment.address(family)
            owner = first.setdefault(address, machine.name)
            if first[address] != machine.name or _earlier(attachment, attached(machine), address):
                message = f"is an address of {owner} already"
                yield context.problem(attachment, family, address, message, "give each interface its own address")


def _earlier(attachment: Attachment, every: tuple[Attachment, ...], address: Address) -> bool:
    before = next(a for a in every if address in (a.ipv4, a.ipv6))
    return before is not attachment


def mtus(context: Context) -> Iterator[Problem]:
    """Frames have one size on a whole segment: larger ones vanish without a word."""
    for _unused, attachment in context.attachments:
        segment = context.fabric.segments.get(attachment.segment)
        if segment is not None and attachment.mtu not in (None, segment.mtu):
            message = f"differs from {segment.mtu} of segment {segment.name}"
            yield context.problem(attachment, "mtu", attachment.mtu, message, f"write {segment.mtu}, or leave it out")


def interfaces(context: Context) -> Iterator[Problem]:
    """Interface names are the kernel's, and a host has each once; it is on each segment once."""
    for machine in context.machines:
        names: list[str] = []
        segments: list[str] = []
        for a in attached(machine):
            if not _INTERFACE.fullmatch(a.interface) or a.interface == "lo":
                wanted = f"use at most {INTERFACE_LENGTH} characters, letters, digits, dots and hyphens, and not lo"
                yield context.problem(a, "interface", a.interface, "is no name for an interface", wanted)
            if a.interface in names:
                wanted = f"give each attachment of {machine.name} its own interface: it has {listed(dict.fromkeys(names))}"
                yield context.problem(a, "interface", a.interface, "is used twice on the host", wanted)
            if a.segment in segments:
                message = f"{machine.name} is on this segment already"
                yield context.problem(a, "segment", a.segment, message, "attach a host to each segment once")
            names.append(a.interface)
            segments.append(a.segment)


def _span(network: IPv4Network | IPv6Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _by_place(context: Context, one: Segment, other: Segment) -> tuple[Segment, Segment]:
    """Return the segment written later, then the one written before."""
    order = list(context.fabric.segments)
    return (one, other) if order.index(one.name) > order.index(other.name) else (other, one)
