"""Listeners, open connections, addresses, routes and packet filters of a machine in service, against its view. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from .findings import Finding
from .logins import plain_address

OWN_TABLE = ("inet", "kakehashi")
_PROGRAM = re.compile(r'users:\(\("([^"]+)"')
_EVERYWHERE = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}


@dataclass(frozen=True)
class Socket:
    """A line of ``ss``: ``peer`` is empty for a listener. Addresses are plain, ``*`` means any."""

    protocol: str
    address: str
    port: int
    peer: str = ""
    peer_port: int = 0
    program: str = ""

    @property
    def is_local(self) -> bool:
        """Whether only the machine itself can reach it."""
        return _is_loopback(self.address)


def sockets(text: str) -> list[Socket]:
    """Return the sockets in the output of ``ss -H -n`` with or without ``-l``, ``-p``."""
    found = []
    for line in text.splitlines():
        words = line.split()
        ends = [split for split in (_end(word) for word in words) if split is not None]
        if len(ends) < 2 or words[0] not in ("tcp", "udp"):  # noqa: PLR2004 - both ends
            continue
        (address, port), (peer, peer_port) = ends[0], ends[1]
        program = _PROGRAM.search(line)
        found.append(Socket(words[0], address, port, "" if peer_port == 0 else peer, peer_port, program[1] if program else ""))
    return found


def _end(word: str) -> tuple[str, int] | None:
    address, colon, port = word.rpartition(":")
    if not colon or word.startswith("users:") or not (port.isdigit() or port == "*"):
        return None
    bare = address.strip("[]").replace("]", "").partition("%")[0]
    return plain_address(bare) if bare not in ("", "*") else "*", int(port) if port.isdigit() else 0


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def listener_findings(found: Sequence[Socket], view: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield each service that others can reach today and that the packet filter would close."""
    rules = view["packet_filter"]["input"]
    told: set[tuple[str, int, str]] = set()
    for socket in found:
        key = (socket.protocol, socket.port, socket.program)
        if socket.peer or socket.is_local or key in told:
            continue
        told.add(key)
        if not any(rule["protocol"] == socket.protocol and rule["port"] == socket.port for rule in rules):
            what = f"{socket.protocol} port {socket.port} ({socket.program or 'program unknown'})"
            yield Finding("listener", what, "would be closed: no flow leads to it")


def connection_findings(found: Sequence[Socket], listeners: Sequence[Socket], view: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield each connection open now that could not be opened again under the packet filter."""
    served = {(s.protocol, s.port) for s in listeners}
    told: set[tuple[str, str, int]] = set()
    for socket in found:
        if not socket.peer or socket.is_local or socket.peer == socket.address:
            continue
        inward = (socket.protocol, socket.port) in served
        port = socket.port if inward else socket.peer_port
        rules = view["packet_filter"]["input" if inward else "output"]
        allowed = any(r["protocol"] == socket.protocol and r["port"] == port and socket.peer in r["addresses"] for r in rules)
        key = ("from" if inward else "to", socket.peer, port)
        if not allowed and key not in told:
            told.add(key)
            what = f"{socket.protocol} {key[0]} {socket.peer}, port {port} ({socket.program or 'program unknown'})"
            yield Finding("connection", what, "goes on until it ends, then could not be opened again")


def address_findings(addresses: str, view: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield interfaces and addresses (JSON of ``ip -j address``) that differ from the declared ones."""
    declared = {i["name"]: i for i in view["segment_interface"]["interfaces"]}
    found = {link["ifname"]: link for link in _items(addresses)}
    for name, interface in declared.items():
        if name not in found:
            where = ", ".join(interface["addresses"])
            yield Finding(
                "address",
                f"interface {name} ({where})",
                "is declared but not there: name the real interface in the inventory",
            )
        else:
            yield from _interface(name, found[name], interface)
    for name, link in found.items():
        if name not in declared and name != "lo":
            for address in _global(link):
                yield Finding("address", f"{name} {address}", "is on an interface that is not declared: would carry no traffic")


def _interface(name: str, link: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Finding]:
    there = dict.fromkeys(_global(link))
    want = {str(ip_interface(a)) for a in wanted["addresses"]}
    for address in there:
        if address not in want:
            dynamic = any(a.get("dynamic") for a in link.get("addr_info", ()) if str(a.get("local")) in address)
            how = " (learnt by itself)" if dynamic else ""
            yield Finding("address", f"{name} {address}{how}", "is not declared: would be taken away")
    for address in sorted(want - set(there)):
        yield Finding("address", f"{name} lacks {address}", "is declared: would be added")
    if link.get("mtu") != wanted["mtu"]:
        yield Finding("address", f"{name} mtu {link.get('mtu')}", f"would become {wanted['mtu']}")


def _global(link: Mapping[str, Any]) -> Iterator[str]:
    for item in link.get("addr_info", ()):
        if item.get("scope") == "global":
            yield str(ip_interface(f"{item['local']}/{item['prefixlen']}"))


def route_findings(routes: str, view: Mapping[str, Any], family: str) -> Iterator[Finding]:
    """Yield routes over a gateway (JSON of ``ip -j route``) of a family that differ from the declared ones."""
    declared = {i["name"]: i for i in view["segment_interface"]["interfaces"]}
    want = {(r["to"], r["via"]) for i in declared.values() for r in i["routes"] if (":" in r["via"]) == (family == "ipv6")}
    found = {}
    for route in _items(routes):
        via = route.get("gateway")
        if via:
            to = _EVERYWHERE[family] if route["dst"] == "default" else str(ip_network(route["dst"], strict=False))
            found[(to, str(via))] = str(route.get("dev", ""))
    for (to, via), interface in sorted(found.items()):
        if (to, via) not in want:
            stays = interface not in declared
            effect = "is on an undeclared interface: stays" if stays else "is not declared: would be taken away"
            yield Finding("route", f"{to} via {via} on {interface}", effect)
    for to, via in sorted(want - set(found)):
        yield Finding("route", f"{to} via {via} is missing", "is declared: would be added")


def _items(text: str) -> list[dict[str, Any]]:
    try:
        loaded = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in loaded if isinstance(item, dict) and item]


def ruleset_findings(ruleset: str, legacy: Mapping[str, str]) -> Iterator[Finding]:
    """Yield every packet filter besides ours: tables of nftables (JSON of ``nft -j list ruleset``) and of old iptables."""
    try:
        items = json.loads(ruleset or "{}").get("nftables", [])
    except ValueError:
        items = []
    counts: dict[tuple[str, str], int] = {}
    for item in items:
        if "table" in item:
            counts.setdefault((item["table"]["family"], item["table"]["name"]), 0)
        if "rule" in item:
            key = (item["rule"]["family"], item["rule"]["table"])
            counts[key] = counts.get(key, 0) + 1
    for (family, table), rules in counts.items():
        if (family, table) != OWN_TABLE:
            yield Finding(
                "ruleset",
                f"nftables table {family} {table}, {_rules(rules)}",
                "stays beside ours, what it drops stays dropped: packet_filter_exclusive removes it",
            )
    for name, text in legacy.items():
        rules = sum(line.startswith("-A") for line in text.splitlines())
        yield Finding(
            "ruleset",
            f"iptables-legacy table {name}, {_rules(rules)}",
            "stays beside ours and may refuse more: clear it by hand",
        )


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"


def manager_findings(files: Sequence[str]) -> Iterator[Finding]:
    """Yield other programs' network configurations (by file): two managers of one interface undo each other's work."""
    for path in files:
        yield Finding("manager", path, "configures the network too: take declared interfaces out of it first")
