"""Segments as switches and trunks carry them: whole, without loops, and with nobody on them who must not be."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Trunk
from ..problems import Problem, listed
from .context import OPERATOR_HOSTS, Context


class _Islands:
    """Groups of switches that trunks join."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, switch: str) -> str:
        """Return the name that stands for a switch's island."""
        while (parent := self._parent.get(switch, switch)) != switch:
            switch = parent
        return switch

    def join(self, one: str, other: str) -> bool:
        """Join two islands; return whether they were apart."""
        first, second = self.of(one), self.of(other)
        self._parent[second] = first
        return first != second


def _carriers(context: Context, segment: str) -> list[Trunk]:
    return [t for t in context.fabric.trunks.values() if segment in t.segments]


def connected(context: Context) -> Iterator[Problem]:
    """The switches of a segment's hosts are joined by trunks that carry it: else hosts are cut off."""
    islands = {name: _Islands() for name in context.fabric.segments}
    for trunk in context.fabric.trunks.values():
        for segment in trunk.segments:
            islands[segment].join(trunk.ends[0].switch, trunk.ends[1].switch)
    homes: dict[str, str] = {}
    for machine, attachment in context.attachments:
        island = islands[attachment.segment]
        home = homes.setdefault(attachment.segment, attachment.switch)
        if island.of(attachment.switch) != island.of(home):
            message = f"no trunk carries segment {attachment.segment} from there to {home}, so {machine.name} is cut off"
            wanted = f"add {attachment.segment} to the segments of the trunks between the two"
            yield context.problem(attachment, "switch", attachment.switch, message, wanted)


def loops(context: Context) -> Iterator[Problem]:
    """Trunks of a segment make no circle: nothing breaks it, since spanning tree must not reach the carrier."""
    for segment in context.fabric.segments:
        islands = _Islands()
        for trunk in _carriers(context, segment):
            one, other = (end.switch for end in trunk.ends)
            if one != other and not islands.join(one, other):
                message = f"closes a loop between {one} and {other}"
                wanted = "carry each segment over one way only: without spanning tree a loop is a broadcast storm"
                part = ("segments", trunk.segments.index(segment))
                yield context.problem(trunk, part, segment, message, wanted)


def foreign_neighbours(context: Context) -> Iterator[Problem]:
    """No machine of others stands on a segment of data, storage or switches: there it could take any address."""
    fabric = context.fabric
    guarded: dict[str, str] = {s.attachment.segment: f"switch {s.name}" for s in fabric.switches.values()}
    for platform in fabric.data_platforms.values():
        for group, what in ((platform.data_servers, "data"), (platform.storage_servers, "storage")):
            for host in fabric.members(group or ""):
                guarded.update({a.segment: f"{what} server {host.name}" for a in host.attachments})
    for host in fabric.hosts.values():
        for a in host.attachments:
            if not host.managed and OPERATOR_HOSTS not in host.groups and a.segment in guarded:
                message = f"{host.name} is not managed, and would stand beside {guarded[a.segment]}"
                wanted = "let it in over a segment of a login server, intake server or gateway"
                yield context.problem(a, "segment", a.segment, message, wanted)


def storms(context: Context) -> Iterator[Problem]:
    """A segment that several others' sites share bounds broadcasts: a fault at one would load all."""
    for segment in context.fabric.segments.values():
        places = dict.fromkeys(
            host.site
            for host in context.fabric.hosts.values()
            if not host.managed and OPERATOR_HOSTS not in host.groups and host.attachment(segment.name)
        )
        if len(places) > 1 and segment.storm_control.broadcast is None:
            message = f"is missing on a segment shared by {listed(places)}"
            wanted = "bound it, for instance storm_control: {broadcast: 200, multicast: 200, unknown_unicast: 200}"
            yield context.problem(segment, ("storm_control", "broadcast"), None, message, wanted)
