"""Reads systemd-networkd's .network files: a host's addresses and routes by interface, and whether it forwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_interface
from typing import TypeAlias

from ..fabric.model import Family
from .intervals import BITS, Range, block, family_of
from .problem import CannotProve

KERNEL_SETTINGS = ("/etc/sysctl.d/", "/etc/kakehashi/forwarding.conf")
"""Where files of kernel settings lie."""
_PER_INTERFACE = 5
_YES = ("yes", "true", "1", "on", "ipv4", "ipv6", "both")


@dataclass(frozen=True, slots=True)
class Reach:
    """What an interface reaches in one family: ``network`` directly or by ``via``. ``via`` is an address as integer."""

    family: Family
    network: Range
    via: int | None = None


@dataclass(slots=True)
class Interface:
    """An interface: its ``addresses`` as (family, integer), and what is behind it."""

    name: str
    addresses: list[tuple[Family, int]] = field(default_factory=list)
    reaches: list[Reach] = field(default_factory=list)


@dataclass(slots=True)
class Network:
    """A host's interfaces by name; ``forwarding`` names (family, interface) from which packets are passed on.

    The interface ``*`` stands for all.
    """

    interfaces: dict[str, Interface] = field(default_factory=dict)
    forwarding: set[tuple[Family, str]] = field(default_factory=set)

    def forwards(self, family: Family, interface: str) -> bool:
        """Return whether packets of a family that come in by an interface are passed on."""
        return (family, interface) in self.forwarding or (family, "*") in self.forwarding

    def way(self, family: Family, number: int) -> tuple[Interface, Reach] | None:
        """Return the interface and route by which an address is reached: the longest prefix, or ``None``."""
        best: tuple[int, Interface, Reach] | None = None
        for interface in self.interfaces.values():
            for reach in interface.reaches:
                low, high = reach.network
                if reach.family == family and low <= number <= high and (best is None or high - low < best[0]):
                    best = (high - low, interface, reach)
        return best[1:] if best else None


def parse_network(files: Mapping[str, str]) -> Network:
    """Return the network of a host from the texts of its .network files and files of kernel settings, by path."""
    found = Network()
    for path in sorted(files):
        if path.endswith(".network"):
            _add_file(found, path, files[path])
        elif path.startswith(KERNEL_SETTINGS):
            _add_settings(found, files[path])
    return found


def _add_file(network: Network, path: str, text: str) -> None:
    name, addresses, reaches, forwards = _read(text, path)
    if name is None:
        return
    interface = network.interfaces.setdefault(name, Interface(name))
    interface.addresses += addresses
    interface.reaches += reaches
    network.forwarding |= {(family, name) for family in forwards}


def _add_settings(network: Network, text: str) -> None:
    for line in text.split("\n"):
        key, _unused, value = (part.strip() for part in line.partition("="))
        if value != "1":
            continue
        words = key.split("/" if "/" in key else ".")
        family: Family = "ipv6" if "ipv6" in words else "ipv4"
        if words[-1] == "ip_forward" or words[2:] == ["conf", "all", "forwarding"]:
            network.forwarding.add((family, "*"))
        elif len(words) == _PER_INTERFACE and words[2] == "conf" and words[-1] == "forwarding" and family == "ipv4":
            network.forwarding.add((family, words[3]))


_File: TypeAlias = "tuple[str | None, tuple[tuple[Family, int], ...], tuple[Reach, ...], frozenset[Family]]"


@lru_cache(maxsize=65536)
def _read(text: str, path: str) -> _File:
    name: str | None = None
    addresses: list[tuple[Family, int]] = []
    reaches: list[Reach] = []
    forwards: set[Family] = set()
    for section, settings in _sections(text):
        if section == "Match" and "Name" in settings:
            name = settings["Name"][-1]
            if any(c in name for c in "*?[ "):
                raise CannotProve(path, 0, f"Name={name}", "a file for several interfaces isn't judged")
        for value in settings.get("Address", ()) if section in ("Network", "Address") else ():
            found = ip_interface(value)
            family = family_of(found.ip)
            addresses.append((family, int(found.ip)))
            reaches.append(Reach(family, (int(found.network.network_address), int(found.network.broadcast_address))))
        if section == "Route":
            reaches.append(_route(settings))
        if section == "Network":
            forwards.update(_forwards(settings))
    return name, tuple(addresses), tuple(reaches), frozenset(forwards)


def _route(settings: Mapping[str, list[str]]) -> Reach:
    gateway = settings["Gateway"][-1] if "Gateway" in settings else None
    via = block(gateway) if gateway else None
    if "Destination" in settings:
        family, network = block(settings["Destination"][-1])
    else:
        family = via[0] if via else "ipv4"
        network = (0, (1 << BITS[family]) - 1)
    return Reach(family, network, via[1][0] if via else None)


def _forwards(settings: Mapping[str, list[str]]) -> Iterator[Family]:
    families: tuple[Family, ...] = ("ipv4", "ipv6")
    both = settings.get("IPForward", ["no"])[-1].lower()
    for family in families:
        own = settings.get("IPv4Forwarding" if family == "ipv4" else "IPv6Forwarding", ["no"])[-1].lower()
        if own in _YES or both in ("yes", "true", "1", "on", family):
            yield family


def _sections(text: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield each section with its settings; a key may be given several times, an empty value forgets the earlier."""
    name, settings = "", dict[str, list[str]]()
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped.startswith("["):
            if name:
                yield name, settings
            name, settings = stripped.strip("[]"), {}
        else:
            key, _unused, value = (part.strip() for part in stripped.partition("="))
            settings.setdefault(key, []).append(value)
            if not value:
                settings[key] = []
    if name:
        yield name, {key: values for key, values in settings.items() if values}
