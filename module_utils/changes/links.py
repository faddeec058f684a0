"""Interfaces as the kernel has them, and which ``ip`` commands bring an earlier state back. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_OWN_PROTOCOLS = ("kernel", "ra", "dhcp", "redirect")  # come and go with addresses, advertisements and leases
_OWN_TYPES = ("local", "broadcast", "multicast", "anycast")


@dataclass(frozen=True)
class Link:
    """One interface. ``addresses`` and ``routes`` are what was set, as words for ``ip``; ``leased`` came by itself."""

    up: bool
    mtu: int
    kind: str = ""
    parent: str = ""
    addresses: tuple[tuple[str, ...], ...] = ()
    routes: tuple[tuple[str, ...], ...] = ()
    leased: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Link:
        """Return the link from plain data; raise KeyError or TypeError for anything else."""
        words = {key: tuple(tuple(item) for item in data[key]) for key in ("addresses", "routes")}
        return cls(**{**data, **words, "leased": tuple(data["leased"])})


def parse(
    links: Sequence[Mapping[str, Any]], routes: Mapping[str, Sequence[Mapping[str, Any]]], only: Sequence[str] = ()
) -> dict[str, Link]:
    """Return interfaces but the loopback from ``ip -json -details address`` and ``ip -json route show table all``.

    ``routes`` by option of the family, ``-4`` and ``-6``; ``only``: the interfaces to return, none for all.
    """
    found = {}
    for link in links:
        name = link.get("ifname", "")
        if not name or "LOOPBACK" in link.get("flags", ()) or (only and name not in only):
            continue
        infos = link.get("addr_info", ())
        found[name] = Link(
            up="UP" in link.get("flags", ()),
            mtu=int(link.get("mtu", 0)),
            kind=str(link.get("linkinfo", {}).get("info_kind", "")),
            parent=str(link.get("link", "")),
            addresses=tuple(sorted(_address(a) for a in infos if _is_set(a))),
            routes=tuple(sorted((family, *_route(r)) for family, all_ in routes.items() for r in all_ if _goes_by(r, name))),
            leased=tuple(sorted(f"{a['local']}/{a['prefixlen']}" for a in infos if a.get("dynamic") and _lasts(a))),
        )
    return found


def differing(before: Mapping[str, Link], now: Mapping[str, Link]) -> list[str]:
    """Return the interfaces to configure again: changed, lost, or without an address that came by itself."""
    return [name for name, link in before.items() if name not in now or not _same(link, now[name])]


def left(before: Mapping[str, Link], now: Mapping[str, Link]) -> list[str]:
    """Return the interfaces that are not as they were, what came by itself left aside."""
    return [name for name, link in before.items() if name not in now or _set_part(link) != _set_part(now[name])]


def strangers(before: Mapping[str, Link], now: Mapping[str, Link]) -> list[str]:
    """Return the VLAN interfaces that were made meanwhile: networkd makes them, but never removes them."""
    return [name for name, link in now.items() if name not in before and link.kind == "vlan"]


def commands(name: str, before: Link, now: Link) -> Iterator[list[str]]:
    """Yield the ``ip`` commands from ``now`` to ``before``: what was added goes first, since it may be in the way."""
    for route in now.routes:
        if route not in before.routes:
            yield ["ip", route[0], "route", "del", *route[1:]]
    for address in now.addresses:
        if address not in before.addresses:
            yield ["ip", "address", "del", *address[: 3 if "peer" in address else 1], "dev", name]
    if now.mtu != before.mtu:
        yield ["ip", "link", "set", "dev", name, "mtu", str(before.mtu)]
    if now.up != before.up:
        yield ["ip", "link", "set", "dev", name, "up" if before.up else "down"]
    for address in before.addresses:
        if address not in now.addresses:
            yield ["ip", "address", "replace", *address, "dev", name]
    # Routes go with addresses and with the state, so all of them are set again; without change that does nothing.
    for route in before.routes:
        yield ["ip", route[0], "route", "replace", *route[1:]]


def _same(before: Link, now: Link) -> bool:
    return _set_part(before) == _set_part(now) and set(before.leased) <= set(now.leased)


def _set_part(link: Link) -> tuple[Any, ...]:
    return link.up, link.mtu, set(link.addresses), set(link.routes)


def _is_set(info: Mapping[str, Any]) -> bool:
    return "local" in info and not info.get("dynamic") and not info.get("temporary") and not _is_own(info)


def _is_own(info: Mapping[str, Any]) -> bool:
    """Link-local addresses of version 6 are the kernel's own work."""
    return bool(info.get("family") == "inet6" and info.get("scope") == "link")


def _lasts(info: Mapping[str, Any]) -> bool:
    return "local" in info and not info.get("temporary") and not _is_own(info)


def _address(info: Mapping[str, Any]) -> tuple[str, ...]:
    if "address" in info:  # with a peer, the prefix is the peer's
        words = [str(info["local"]), "peer", f"{info['address']}/{info['prefixlen']}"]
    else:
        words = [f"{info['local']}/{info['prefixlen']}"]
    if "broadcast" in info:
        words += ["broadcast", str(info["broadcast"])]
    return (*words, "scope", str(info.get("scope", "global")))


def _goes_by(route: Mapping[str, Any], name: str) -> bool:
    devices = [route.get("dev"), *(hop.get("dev") for hop in route.get("nexthops", ()))]
    return name in devices and route.get("protocol") not in _OWN_PROTOCOLS and route.get("type") not in _OWN_TYPES


def _route(route: Mapping[str, Any]) -> Iterator[str]:
    yield str(route["dst"])
    yield from _hop(route)
    names = {"table": "table", "protocol": "proto", "scope": "scope", "prefsrc": "src", "metric": "metric"}
    for key, word in names.items():
        if key in route:
            yield from (word, str(route[key]))
    for metrics in route.get("metrics", ()):
        for key in ("mtu", "advmss"):
            if key in metrics:
                yield from (key, str(metrics[key]))
    for hop in route.get("nexthops", ()):
        yield "nexthop"
        yield from _hop(hop)
        if "weight" in hop:
            yield from ("weight", str(hop["weight"]))


def _hop(route: Mapping[str, Any]) -> Iterator[str]:
    if "gateway" in route:
        yield from ("via", str(route["gateway"]))
    if "via" in route:
        yield from ("via", str(route["via"]["family"]), str(route["via"]["host"]))
    if "dev" in route:
        yield from ("dev", str(route["dev"]))
    if "onlink" in route.get("flags", ()):
        yield "onlink"
