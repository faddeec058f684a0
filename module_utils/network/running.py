"""Compares what runs with what is declared, and keeps the deployer's own connection. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..deployer.connection import Connection
from .declared import DIRECTORY, PREFIX, Interface, Network, Route


@dataclass(frozen=True)
class Running:
    """An interface as the kernel has it. ``file``: what networkd configured it by; link-local addresses are left out."""

    mtu: int
    addresses: frozenset[str] = frozenset()
    routes: frozenset[Route] = frozenset()
    file: str = ""
    index: int = 0


def parse_ip(links: Sequence[Mapping[str, Any]], routes: Sequence[Mapping[str, Any]]) -> dict[str, Running]:
    """Return interfaces from the output of ``ip -json address`` and ``ip -json route`` (both families together)."""
    ways: dict[str, set[Route]] = {}
    for item in routes:
        if item.get("protocol") != "kernel" and "dev" in item:
            ways.setdefault(item["dev"], set()).add(Route(_destination(item), str(item.get("gateway", ""))))
    return {
        link["ifname"]: Running(
            mtu=int(link.get("mtu", 0)),
            addresses=frozenset(f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", ()) if _usable(a)),
            routes=frozenset(ways.get(link["ifname"], ())),
            index=int(link.get("ifindex", 0)),
        )
        for link in links
        if link
    }


def _usable(address: Mapping[str, Any]) -> bool:
    """Return whether an address counts: not link-local, and not one that another host holds already."""
    return "local" in address and address.get("scope") != "link" and not address.get("dadfailed")


def _destination(item: Mapping[str, Any]) -> str:
    text = str(item["dst"])
    if text == "default":
        return "::/0" if ":" in str(item.get("gateway", "")) else "0.0.0.0/0"
    return str(ipaddress.ip_network(text))


def differences(interfaces: Sequence[Interface], running: Mapping[str, Running]) -> dict[str, list[str]]:
    """Return, for each interface that doesn't run as declared, what differs."""
    found = {i.name: list(_differences(i, running.get(i.name))) for i in interfaces}
    return {name: words for name, words in found.items() if words}


def _differences(want: Interface, have: Running | None) -> Iterator[str]:
    if have is None:
        yield "there is no such interface"
        return
    if have.mtu != want.mtu:
        yield f"MTU is {have.mtu}, not {want.mtu}"
    for address in sorted(set(want.addresses) - have.addresses):
        yield f"{address} is missing"
    for address in sorted(have.addresses - set(want.addresses)):
        yield f"{address} is not declared"
    for route in sorted(set(want.routes) - have.routes):
        yield f"the route to {route.to} by {route.via} is missing"
    for route in sorted(have.routes - set(want.routes)):
        yield f"the route to {route.to} by {route.via or 'the link'} is not declared"
    ours = f"{DIRECTORY}/{PREFIX}{want.name}.network"
    if have.file != ours:
        yield f"networkd goes by {have.file or 'no file'}, not by {ours}"


def missing(interfaces: Sequence[Interface], running: Mapping[str, Running]) -> list[str]:
    """Return the interfaces that must be there before anything can be configured: not those that networkd makes."""
    wanted = dict.fromkeys(i.parent or i.name for i in interfaces)
    return [name for name in wanted if name not in running]


def refusal(
    interfaces: Sequence[Interface], running: Mapping[str, Running], connection: Connection | None, back: str
) -> str | None:
    """Return why this would cut the deployer's connection, or None.

    ``back`` is the interface by which packets to the deployer leave now (from ``ip route get``), empty if unknown.
    """
    if connection is None:
        return None
    declared = {i.name: i for i in interfaces}
    holder = next((n for n, r in running.items() if connection.address in {a.partition("/")[0] for a in r.addresses}), None)
    if holder in declared and connection.address not in {a.partition("/")[0] for a in declared[str(holder)].addresses}:
        return (
            f"{holder} would lose {connection.address}, by which the deployer is logged in, so nothing was changed: "
            f"declare that address, or deploy by one that stays"
        )
    if back in declared and not _covered(connection.source, interfaces):
        return (
            f"{back} would lose the route back to {connection.source}, from which the deployer is logged in, "
            f"so nothing was changed: declare a route to it"
        )
    return None


def _covered(source: str, interfaces: Sequence[Interface]) -> bool:
    address = ipaddress.ip_address(source)
    networks: list[Network] = [n for i in interfaces for n in i.networks()]
    networks += [ipaddress.ip_network(r.to) for i in interfaces for r in i.routes]
    return address.is_link_local or any(address in n for n in networks)
