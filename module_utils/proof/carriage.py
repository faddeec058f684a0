"""Whether the artefacts carry a declared path: routes, layer 2, and the packet filters of both ends and the gateway."""

from __future__ import annotations

from ..fabric.model import Family
from ..fabric.paths import Path
from .declared import Declaration
from .hosts import HostModel
from .intervals import EMPTY, FULL, Ranges, as_address
from .nft_eval import Packet, ask
from .nft_query import forwarded, inbound, outbound, user_names
from .problem import CannotProve
from .world import World


class Carrier:
    """Answers for one world and declaration; what paths share is asked once."""

    def __init__(self, world: World, declaration: Declaration) -> None:
        """Keep both."""
        self._world, self._declaration = world, declaration
        self._admitted: dict[tuple[object, ...], Ranges] = {}

    def obstacle(self, path: Path) -> tuple[str, str] | None:
        """Return the host that stands in the way of a path and why, or ``None`` where it is carried.

        Raises ``CannotProve``. A machine without artefacts is taken to let everything pass.
        """
        return self._origin(path) or self._layer2(path) or self._gateway(path) or self._target(path) or self._replies(path)

    def _origin(self, path: Path) -> tuple[str, str] | None:
        model = self._world.models.get(path.origin)
        if model is None:
            return None
        family, source, destination = path.family, int(path.source), int(path.destination)
        via = int(path.gateway_in.address(family)) if path.gateway_in else None
        wrong = _wrong_way(model, path.leaves_by.interface, family, source, destination, via)
        if wrong:
            return path.origin, wrong
        oif = path.leaves_by.interface
        if destination not in self._out(model, path, oif, source):
            return path.origin, f"its packet filter refuses {path.destination} on the way out by {oif}"
        return None

    def _layer2(self, path: Path) -> tuple[str, str] | None:
        world = self._world
        legs = [((path.origin, path.leaves_by.interface), (path.target, path.enters_by.interface))]
        if path.gateway and path.gateway_in and path.gateway_out:
            legs = [
                ((path.origin, path.leaves_by.interface), (path.gateway, path.gateway_in.interface)),
                ((path.gateway, path.gateway_out.interface), (path.target, path.enters_by.interface)),
            ]
        for near, far in legs:
            if world.domain(*near) is None or world.domain(*near) != world.domain(*far):
                return far[0], f"the switches don't join its {far[1]} to {near[0]}'s {near[1]}"
        return None

    def _gateway(self, path: Path) -> tuple[str, str] | None:
        model = self._world.models.get(path.gateway or "")
        if model is None or path.gateway_in is None or path.gateway_out is None:
            return None
        if not model.network.forwards(path.family, path.gateway_in.interface):
            return model.name, f"it doesn't forward {path.family} from {path.gateway_in.interface}"
        packet = Packet(
            path.family,
            self._protocol(path),
            self._port(path),
            iif=path.gateway_in.interface,
            oif=path.gateway_out.interface,
            destination=int(path.destination),
        )
        if int(path.source) not in forwarded(model.ruleset, packet).accepted:
            return model.name, f"its packet filter doesn't pass on {path.source} to {path.destination}"
        return None

    def _target(self, path: Path) -> tuple[str, str] | None:
        model = self._world.models.get(path.target)
        if model is None:
            return None
        family, source, destination = path.family, int(path.source), int(path.destination)
        via = int(path.gateway_out.address(family)) if path.gateway_out else None
        wrong = _wrong_way(model, path.enters_by.interface, family, destination, source, via)
        if wrong:
            return path.target, wrong
        iif = path.enters_by.interface
        key = (id(model.ruleset), "in", iif, family, path.flow.service, destination)
        if key not in self._admitted:
            packet = Packet(family, self._protocol(path), self._port(path), iif=iif, destination=destination)
            self._admitted[key] = inbound(model.ruleset, packet).accepted
        if source not in self._admitted[key]:
            return path.target, f"its packet filter refuses {path.source} at {iif}"
        return None

    def _replies(self, path: Path) -> tuple[str, str] | None:
        """Look at the way back: packets of an established connection, whose ports nobody knows beforehand."""
        way = [
            (path.target, "output", None, path.enters_by.interface),
            (path.origin, "input", path.leaves_by.interface, None),
        ]
        if path.gateway and path.gateway_in and path.gateway_out:
            way.append((path.gateway, "forward", path.gateway_out.interface, path.gateway_in.interface))
        for name, hook, iif, oif in way:
            model = self._world.models.get(name)
            if model is not None and not self._answers(model, hook, path.family, self._protocol(path), iif, oif):
                return name, f"its packet filter's {hook} chain lets no replies through"
        return None

    def _answers(self, model: HostModel, hook: str, family: Family, protocol: str, iif: str | None, oif: str | None) -> bool:
        key = (id(model.ruleset), "reply", hook, family, protocol, iif, oif)
        if key not in self._admitted:
            packet = Packet(family, protocol, None, iif=iif, oif=oif, state="established")
            try:
                self._admitted[key] = ask(model.ruleset, hook, packet).accepted
            except CannotProve:
                self._admitted[key] = EMPTY
        return self._admitted[key] == FULL[family]

    def _out(self, model: HostModel, path: Path, oif: str, source: int) -> Ranges:
        key = (id(model.ruleset), "out", oif, path.family, path.flow.service, source)
        if key not in self._admitted:
            users = user_names(model.ruleset) or (None,)
            found = Ranges()
            for user in users:
                packet = Packet(
                    path.family, self._protocol(path), self._port(path), oif=oif, source=source, ask="daddr", user=user
                )
                found = found | outbound(model.ruleset, packet).accepted
            self._admitted[key] = found
        return self._admitted[key]

    def _port(self, path: Path) -> int:
        return self._declaration.port(path.flow.service)

    def _protocol(self, path: Path) -> str:
        return self._declaration.fabric.services[path.flow.service].protocol


def _wrong_way(model: HostModel, interface: str, family: Family, own: int, peer: int, via: int | None) -> str | None:
    """Return why a host doesn't hold ``own`` on an interface or doesn't reach ``peer`` by it, or ``None``."""
    here = model.network.interfaces.get(interface)
    if here is None or (family, own) not in here.addresses:
        return f"{interface} doesn't have the address {as_address(own, family)}"
    way = model.network.way(family, peer)
    if way is None or way[0].name != interface or way[1].via != via:
        return f"it has no route to {as_address(peer, family)} by {interface}"
    return None
