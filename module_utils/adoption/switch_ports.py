"""VLANs of switch ports as Open vSwitch tells them, against the fabric's. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..fabric.model import Fabric
from .findings import Finding


@dataclass(frozen=True)
class PortVlans:
    """A port's ``tag`` (the VLAN of untagged frames, ``None``: none) and the VLANs it carries tagged; ``None``: all of them."""

    tag: int | None
    trunks: tuple[int, ...] | None

    def words(self) -> str:
        """Return it in words."""
        if self.tag is not None:
            return f"access VLAN {self.tag}"
        return "every VLAN, tagged" if self.trunks is None else "VLANs " + ", ".join(map(str, self.trunks)) + ", tagged"


def ovs_ports(text: str) -> dict[str, PortVlans]:
    """Return the ports of ``ovs-vsctl --format=json --columns=name,tag,trunks list Port`` by name. Raises ``ValueError``."""
    table = json.loads(text)
    columns = table["headings"]
    found = {}
    for row in table["data"]:
        values = dict(zip(columns, row, strict=True))
        tag, trunks = _ovs_set(values["tag"]), _ovs_set(values["trunks"])
        carried = tuple(sorted(trunks)) if trunks else None
        found[str(values["name"])] = PortVlans(tag[0] if tag else None, () if tag and carried is None else carried)
    return found


def _ovs_set(value: Any) -> list[int]:
    """OVSDB writes one element as itself, and none or several as ``["set", [...]]`` (RFC 7047, section 5.1)."""
    if isinstance(value, list):
        return [int(item) for item in value[1]]
    return [int(value)]


def declared_ports(fabric: Fabric, switch: str) -> dict[str, PortVlans]:
    """Return what each declared port of a switch is to carry."""
    ports: dict[str, PortVlans] = {}
    for machine in fabric.hosts.values():
        for at in machine.attachments:
            if at.switch == switch:
                vlan = fabric.segments[at.segment].vlan
                _add(ports, at.port, at.mode, vlan)
    for trunk in fabric.trunks.values():
        for end in trunk.ends:
            if end.switch == switch:
                ports[end.port] = PortVlans(None, tuple(sorted(fabric.segments[s].vlan for s in trunk.segments)))
    own = fabric.switches[switch].attachment
    ports[own.interface] = PortVlans(fabric.segments[own.segment].vlan, ())
    return ports


def _add(ports: dict[str, PortVlans], name: str, mode: str, vlan: int) -> None:
    now = ports.get(name, PortVlans(None, ()))
    if mode == "access":
        ports[name] = PortVlans(vlan, now.trunks)
    else:
        ports[name] = PortVlans(now.tag, tuple(sorted({*(now.trunks or ()), vlan})))


def port_findings(fabric: Fabric, switch: str, found: dict[str, PortVlans]) -> Iterator[Finding]:
    """Yield ports whose VLANs differ from the declared, declared ports that are not there, and ports nobody declared."""
    declared = declared_ports(fabric, switch)
    for name, wanted in declared.items():
        now = found.get(name)
        if now is None:
            yield Finding("port", f"{name} is missing", f"is declared with {wanted.words()}")
        elif now != wanted:
            yield Finding("port", f"{name} has {now.words()}", f"is declared with {wanted.words()}")
    for name in sorted(set(found) - set(declared)):
        if found[name].tag is not None or found[name].trunks is not None:
            yield Finding("port", f"{name} has {found[name].words()}", "is not declared: nothing may hang on it")
