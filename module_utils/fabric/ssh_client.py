"""How an operator's ssh finds every machine: by name, through the hops that lead there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from .model import Fabric
from .paths import Way, every_way_in


def hosts_config(fabric: Fabric, of_hop: Callable[[str], list[str]] = lambda _hop: []) -> Iterator[str]:
    """Yield ssh_config(5) for each machine. ``of_hop`` gives more for one that others are reached through.

    Where several login servers lead to a machine, ssh goes through the first that takes a connection within 3 s.
    """
    ways = every_way_in(fabric)
    hops = {hop for those in ways.values() for way in those for hop in way.hops}
    for name, those in ways.items():
        yield f"Host {name}"
        if len(those) == 1:
            yield from _way(those[0])
        yield f"    HostKeyAlias {name}"
        if name in hops:
            yield from of_hop(name)
        if len(those) > 1:
            yield from _first_that_answers(name, those, {hop: w[0] for hop, w in ways.items()})


def _first_that_answers(name: str, ways: Sequence[Way], first: Mapping[str, Way]) -> Iterator[str]:
    for way in ways[:-1]:
        hop = first[way.hops[0]].address
        yield f"Match originalhost {name} exec \"timeout 3 bash -c ': </dev/tcp/{hop}/22' 2>/dev/null\""
        yield from _way(way)
    yield f"Match originalhost {name}"
    yield from _way(ways[-1])


def _way(way: Way) -> Iterator[str]:
    yield f"    HostName {way.address}"
    if way.hops:
        yield f"    ProxyJump {way.hops[-1]}"


def client_config(fabric: Fabric) -> str:
    """Return an operator's ssh_config(5): the ways in, host keys always checked. User and keys stay the operator's own."""
    head = "# Each machine of the fabric by its name, through the hops that lead there: ssh -F THIS NAME"
    return "".join(f"{line}\n" for line in (head, *hosts_config(fabric), "Host *", "    StrictHostKeyChecking yes"))
