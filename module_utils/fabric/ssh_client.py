"""How an operator's ssh finds every machine: by name, through the hops that lead there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .model import Fabric
from .paths import ways_in


def hosts_config(fabric: Fabric, of_hop: Callable[[str], list[str]] = lambda _hop: []) -> Iterator[str]:
    """Yield ssh_config(5) for each machine. ``of_hop`` gives more for one that others are reached through."""
    ways = ways_in(fabric)
    hops = {hop for way in ways.values() for hop in way.hops}
    for name, way in ways.items():
        yield f"Host {name}"
        yield f"    HostName {way.address}"
        yield f"    HostKeyAlias {name}"
        if way.hops:
            yield f"    ProxyJump {way.hops[-1]}"
        if name in hops:
            yield from of_hop(name)


def client_config(fabric: Fabric) -> str:
    """Return an operator's ssh_config(5): the ways in, host keys always checked. User and keys stay the operator's own."""
    head = "# Each machine of the fabric by its name, through the hops that lead there: ssh -F THIS NAME"
    return "".join(f"{line}\n" for line in (head, *hosts_config(fabric), "Host *", "    StrictHostKeyChecking yes"))
