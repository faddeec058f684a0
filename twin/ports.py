"""Switch ports as Open vSwitch commands, and a switch's management address as a script. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from module_utils.fabric.model import Fabric, Switch
from twin.errors import TwinError
from twin.plan import Port

BRIDGE = "br0"


KNOWN_PORTS = "/etc/twin/known-ports"


def port_script(ports: Iterable[Port], gone: Iterable[str] = ()) -> str:
    """A script that makes `ports` and removes those named `gone`, in one transaction: all of it, or nothing."""
    words = ["ovs-vsctl", "--timeout=20"]
    for name in gone:
        words += ["--", "--if-exists", "del-port", BRIDGE, name]
    for port in ports:
        words += ["--", "--may-exist", "add-port", BRIDGE, port.name]
        words += ["--", "set", "port", port.name, *_vlan_columns(port)]
        if port.internal:
            words += ["--", "set", "interface", port.name, "type=internal"]
    return f"set -e\n{shlex.join(words)}\n"


def known_ports_script(note: str) -> str:
    """A script that notes on the switch which ports it was given."""
    return f"printf %s {shlex.quote(note)} >{KNOWN_PORTS}.new\nmv {KNOWN_PORTS}.new {KNOWN_PORTS}\n"


def _vlan_columns(port: Port) -> list[str]:
    if port.tag is not None:
        return ["vlan_mode=access", f"tag={port.tag}", "trunks=[]"]
    if not port.trunks:
        # To Open vSwitch an empty list means every VLAN.
        raise TwinError(f"switch {port.switch}: port {port.name} would carry no VLAN; name at least one segment on its trunk")
    return ["vlan_mode=trunk", "tag=[]", f"trunks={','.join(map(str, port.trunks))}"]


def management_script(fabric: Fabric, switch: Switch) -> str:
    """A script, run at each start of the switch, that puts its address on the management port."""
    at = switch.attachment
    segment = fabric.segments[at.segment]
    return (
        f"echo 0 >/proc/sys/net/ipv6/conf/{at.interface}/disable_ipv6\n"
        f"ip link set {at.interface} up\n"
        f"ip address replace {at.ipv4}/{segment.ipv4.prefixlen} dev {at.interface}\n"
        f"ip address replace {at.ipv6}/{segment.ipv6.prefixlen} dev {at.interface} nodad\n"
    )
