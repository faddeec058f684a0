"""Which interfaces share a broadcast domain, computed from what the switches' ports are set to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..fabric.problems import listed
from .problem import CannotProve

Node = tuple[str, int]
"""A VLAN within one switch."""
EVERY_VLAN = frozenset(range(4096))
UNTAGGED = 0


@dataclass(frozen=True, slots=True)
class Port:
    """A switch port: ``untagged`` is the VLAN of frames without tag (``None``: dropped), ``tagged`` those with one."""

    untagged: int | None = None
    tagged: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Plug:
    """A host's interface on a switch port; ``vlan`` is the tag it sends, ``None`` for untagged frames."""

    host: str
    interface: str
    switch: str
    port: str
    vlan: int | None = None


@dataclass(frozen=True, slots=True)
class Cable:
    """A cable between two switch ports, each (switch, port)."""

    name: str
    ends: tuple[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Leak:
    """A fault of the switches' settings: ``kind`` and a sentence."""

    kind: Literal["one_end", "joined", "open_port", "no_port", "dead_port"]
    text: str


Switches = Mapping[str, Mapping[str, Port]]


@dataclass(frozen=True, slots=True)
class Domains:
    """The broadcast domains: ``of_plug`` maps (host, interface) to the domain it is in, ``reachable`` to all it can be.

    An interface can be in more domains than its own where its port passes tags that it isn't meant to send.
    """

    of_plug: Mapping[tuple[str, str], int]
    reachable: Mapping[tuple[str, str], frozenset[int]]
    leaks: tuple[Leak, ...]


def broadcast_domains(switches: Switches, cables: Iterable[Cable], plugs: Iterable[Plug]) -> Domains:
    """Join VLANs over cables where both ends pass them, and put each plug into its domain."""
    union = _Union()
    leaks: list[Leak] = []
    for cable in cables:
        leaks += _join(union, switches, cable)
    of_plug: dict[tuple[str, str], int] = {}
    reachable: dict[tuple[str, str], frozenset[int]] = {}
    for plug in plugs:
        port = switches.get(plug.switch, {}).get(plug.port)
        key = (plug.host, plug.interface)
        if port is None:
            leaks.append(Leak("no_port", f"{plug.switch} has no port {plug.port} for {plug.host}'s {plug.interface}"))
            continue
        passed = dict(_passes(port))
        mine = passed.get(plug.vlan or UNTAGGED)
        if mine is None:
            words = f"frames with tag {plug.vlan}" if plug.vlan else "untagged frames"
            leaks.append(Leak("dead_port", f"{plug.switch} {plug.port} drops {words} of {plug.host}'s {plug.interface}"))
        else:
            of_plug[key] = union.find((plug.switch, mine))
        extra = sorted({vlan for vlan in passed.values() if vlan != mine})
        if extra:
            leaks.append(
                Leak("open_port", f"{plug.switch} {plug.port} lets {plug.host} into VLAN {listed(map(str, extra), 8)} too")
            )
        reachable[key] = frozenset(union.find((plug.switch, vlan)) for vlan in passed.values())
    return Domains(of_plug, reachable, tuple(leaks))


def read_ovs_ports(text: str, switch: str = "switch") -> dict[str, Port]:
    """Return the ports of one switch from the output of ``ovs-vsctl --format=json list port``."""
    data = json.loads(text)
    ports: dict[str, Port] = {}
    for row in data["data"]:
        values = {name: _plain(value) for name, value in zip(data["headings"], row, strict=True)}
        ports[values["name"]] = _ovs_port(values, switch)
    return ports


def _ovs_port(values: Mapping[str, Any], switch: str) -> Port:
    """Return what Open vSwitch's columns mean (ovs-vswitchd.conf.db(5), vlan_mode)."""
    tags = values.get("tag") or []
    tag = (tags if isinstance(tags, int) else tags[0]) if tags != [] else None
    trunks = values.get("trunks") or []
    allowed = frozenset([trunks] if isinstance(trunks, int) else trunks) or EVERY_VLAN
    mode = values.get("vlan_mode") or ("access" if tag is not None else "trunk")
    if mode == "access":
        return Port(untagged=tag or 0)
    if mode == "trunk":
        return Port(untagged=0 if 0 in allowed else None, tagged=allowed - {0})
    if mode in ("native-tagged", "native-untagged"):
        return Port(untagged=tag or 0, tagged=allowed - {0} | {tag or 0})
    raise CannotProve(f"{switch}", 0, f"port {values['name']} vlan_mode={mode}", "this port mode isn't judged")


def _plain(value: Any) -> Any:
    """Return plain Python of OVSDB's JSON: ``["set", [...]]`` is a list."""
    if isinstance(value, list) and len(value) == 2 and value[0] in ("set", "map", "uuid"):  # noqa: PLR2004 - RFC 7047: a pair
        return value[1]
    return value


def _passes(port: Port) -> Iterator[tuple[int, int]]:
    """Yield (tag on the wire, VLAN within the switch) for all that a port passes; tag 0 is none."""
    if port.untagged is not None:
        yield UNTAGGED, port.untagged
    for vlan in port.tagged:
        yield vlan, vlan


def _join(union: _Union, switches: Switches, cable: Cable) -> Iterator[Leak]:
    ends = [switches.get(switch, {}).get(port) for switch, port in cable.ends]
    for (switch, port), found in zip(cable.ends, ends, strict=True):
        if found is None:
            yield Leak("no_port", f"{switch} has no port {port} for cable {cable.name}")
    if ends[0] is None or ends[1] is None:
        return
    left, right = dict(_passes(ends[0])), dict(_passes(ends[1]))
    for tag in sorted(left.keys() | right.keys()):
        words = f"VLAN {tag}" if tag else "untagged frames"
        if tag in left and tag in right:
            union.join((cable.ends[0][0], left[tag]), (cable.ends[1][0], right[tag]))
            if left[tag] != right[tag]:
                yield Leak("joined", f"cable {cable.name} joins VLAN {left[tag]} of {cable.ends[0][0]} to "
                           f"VLAN {right[tag]} of {cable.ends[1][0]}")  # fmt: skip
        elif tag or (left.get(tag) or right.get(tag)):
            here, there = (0, 1) if tag in left else (1, 0)
            yield Leak("one_end", f"cable {cable.name}: {' '.join(cable.ends[here])} passes {words}, "
                       f"{' '.join(cable.ends[there])} doesn't")  # fmt: skip


class _Union:
    """Disjoint sets of VLANs, numbered."""

    def __init__(self) -> None:
        self._number: dict[Node, int] = {}
        self._parent: list[int] = []

    def find(self, node: Node) -> int:
        if node not in self._number:
            self._number[node] = len(self._parent)
            self._parent.append(len(self._parent))
        at = self._number[node]
        while self._parent[at] != at:
            self._parent[at] = self._parent[self._parent[at]]
            at = self._parent[at]
        return at

    def join(self, left: Node, right: Node) -> None:
        self._parent[self.find(left)] = self.find(right)
