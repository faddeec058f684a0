"""What rules look at: the model, the inventory as read, and where each record was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from ..model import Attachment, ComputePlatform, DataPlatform, Fabric, Host, Switch
from ..parse import RawFabric
from ..problems import Key, Problem

OPERATOR_HOSTS = "operator_hosts"
Machine = Union[Host, Switch]


@dataclass(frozen=True, slots=True)
class Context:
    """A fabric under examination. ``places`` is the parser's, by a record's identity."""

    fabric: Fabric
    raw: RawFabric
    places: Mapping[int, tuple[Key, object]]

    def where(self, record: object, *rest: str | int) -> Key:
        """Return the key of a record, or of a part of it."""
        return (*self.places[id(record)][0], *rest)

    def problem(self, record: object, part: str | tuple[str | int, ...], value: object, message: str, wanted: str) -> Problem:
        """Return a fault of a record's part."""
        rest = (part,) if isinstance(part, str) else part
        return Problem(self.where(record, *rest), value, message, wanted)

    def declared(self, variable: str) -> list[str]:
        """Return the names that a list of records declares, those of unreadable records included."""
        items = self.raw.variables.get(variable)
        found = items if isinstance(items, list | tuple) else ()
        names = [str(item["name"]) for item in found if isinstance(item, Mapping) and "name" in item]
        return list(dict.fromkeys(names))

    def declared_lines(self, variable: str) -> list[object]:
        """Return the items of a list as written, unreadable ones included."""
        items = self.raw.variables.get(variable)
        return list(items) if isinstance(items, list | tuple) else []

    @property
    def machines(self) -> Iterator[Machine]:
        """Yield every host and switch that could be read."""
        yield from self.fabric.hosts.values()
        yield from self.fabric.switches.values()

    @property
    def attachments(self) -> Iterator[tuple[Machine, Attachment]]:
        """Yield every attachment with its machine."""
        for machine in self.machines:
            yield from ((machine, a) for a in attached(machine))

    def names(self, group: str | None) -> tuple[str, ...]:
        """Return the names of all machines of a group, unreadable ones included."""
        return tuple(self.raw.groups.get(group or "", ()))

    def machines_of(self, group: str | None) -> list[Machine]:
        """Return the readable hosts and switches of a group."""
        both: list[Machine | None] = [self.fabric.hosts.get(n) or self.fabric.switches.get(n) for n in self.names(group)]
        return [m for m in both if m is not None]

    @property
    def platforms(self) -> tuple[DataPlatform | ComputePlatform, ...]:
        """Return all platforms, of data and of computing."""
        data: tuple[DataPlatform | ComputePlatform, ...] = tuple(self.fabric.data_platforms.values())
        return data + tuple(self.fabric.compute_platforms.values())

    @property
    def login_servers(self) -> frozenset[str]:
        """Return the names of all platforms' login servers."""
        groups = {p.login_servers for p in self.platforms}
        return frozenset(name for group in groups for name in self.names(group))


def attached(machine: Machine) -> tuple[Attachment, ...]:
    """Return a machine's attachments."""
    return (machine.attachment,) if isinstance(machine, Switch) else machine.attachments


def segments_of(machine: Machine) -> frozenset[str]:
    """Return the names of the segments a machine is on."""
    return frozenset(a.segment for a in attached(machine))
