"""From inventory variables to the typed model, by the tables of ``schema``.

No I/O: the caller brings the variables, and gets a model and every fault of their shapes at once.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import model, schema
from .problems import Key, Problem
from .values import NAME_PATTERN, NOTHING, Values

HOST_NAME_LENGTH = 63
"""Longest label of a host name (RFC 1035 section 2.3.4)."""


@dataclass(frozen=True, slots=True)
class RawHost:
    """One inventory host as read: its ``groups`` (all of them) and its ``fabric_*`` variables."""

    groups: frozenset[str]
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawFabric:
    """An inventory as read: the ``fabric_*`` variables of group ``all``, hosts by name, and group members in order."""

    variables: Mapping[str, Any]
    hosts: Mapping[str, RawHost]
    groups: Mapping[str, tuple[str, ...]]


class Reading(NamedTuple):
    """What could be read, what is wrong with the rest, and where each record was written.

    ``places`` is keyed by the record's identity (equal records may stand in several places).
    """

    fabric: model.Fabric
    problems: list[Problem]
    places: Mapping[int, tuple[Key, object]]


MODELS: dict[int, Callable[..., Any]] = {
    id(schema.SITE): model.Site,
    id(schema.STORM_CONTROL): model.StormControl,
    id(schema.SEGMENT): model.Segment,
    id(schema.SERVICE): model.Service,
    id(schema.FLOW): model.Flow,
    id(schema.TRUNK_END): model.TrunkEnd,
    id(schema.TRUNK): model.Trunk,
    id(schema.DATA_PLATFORM): model.DataPlatform,
    id(schema.COMPUTE_PLATFORM): model.ComputePlatform,
    id(schema.ACCOUNT): model.Account,
    id(schema.OPERATOR): model.Operator,
    id(schema.IDENTITY): model.Identity,
    id(schema.ATTACHMENT): model.Attachment,
}
"""The model of each table, by the table's identity."""


class _Reader(Values):
    """Reads records by their table."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, tuple[Key, object]] = {}

    def record(self, table: tuple[schema.Field, ...], raw: object, key: Key) -> dict[str, Any] | None:
        """Return a record's values by attribute, or ``None`` where any is wrong. Defaults are left to the model."""
        if not isinstance(raw, Mapping):
            self.wrong(key, raw, "is no mapping", "write the keys " + ", ".join(f.key for f in table))
            return None
        known = [f.key for f in table]
        whole = True
        for extra in raw:
            if extra not in known:
                whole = False
                self.wrong((*key, str(extra)), raw[extra], "unknown key", _instead(str(extra), known))
        values: dict[str, Any] = {}
        for f in table:
            value = self._field(f, raw, key)
            whole = whole and value is not NOTHING
            if value is not _ABSENT:
                values[f.attribute or f.key.removeprefix("fabric_")] = value
        return values if whole else None

    def keep(self, item: Any, key: Key) -> Any:
        """Remember where a record was written, and return it."""
        self.places[id(item)] = (key, item)
        return item

    def _field(self, f: schema.Field, raw: Mapping[str, Any], key: Key) -> Any:
        if f.key in raw:
            return self.value(f, raw[f.key], (*key, f.key))
        if not f.required:
            return _ABSENT
        self.wrong((*key, f.key), None, "is missing", f"give {f.help}")
        return NOTHING

    def _read_record(self, f: schema.Field, raw: object, key: Key) -> Any:
        values = self.record(f.record, raw, key)
        return NOTHING if values is None else self.keep(MODELS[id(f.record)](**values), key)

    def _read_records(self, f: schema.Field, raw: object, key: Key) -> Any:
        items = self.items(raw, key, "a list")
        if items is None:
            return NOTHING
        if f.count and len(items) != f.count:
            return self.refuse(key, len(items), "is the wrong number of items", f"give exactly {f.count}: {f.help}")
        member = schema.Field(f.key, "record", f.help, record=f.record)
        records = [self.value(member, item, (*key, i)) for i, item in enumerate(items)]
        self._once(records, key)
        read = tuple(r for r in records if r is not NOTHING)
        return NOTHING if f.count and len(read) != f.count else read

    def _once(self, records: list[Any], key: Key) -> None:
        seen: dict[str, int] = {}
        for i, item in enumerate(records):
            if hasattr(item, "name"):
                first = seen.setdefault(item.name, i)
                if first != i:
                    self.wrong((*key, i, "name"), item.name, f"is used already by item {first}", "use each name once")


_ABSENT = object()
_PLAIN = ("flows", "operator_authorities", "revoked_certificates")
"""Lists of the whole fabric whose items have no names."""


def parse_fabric(raw: RawFabric) -> Reading:
    """Return the model, every fault of its shapes, and where its records stand.

    The model holds what could be read, so that rules between records can still be checked for the rest; use it for
    anything else only where there are no faults.
    """
    reader = _Reader()
    top = {f.attribute or f.key.removeprefix("fabric_"): _global(reader, f, raw) for f in schema.GLOBALS}
    hosts: dict[str, model.Host] = {}
    switches: dict[str, model.Switch] = {}
    _unknown_variables(reader, raw)
    for name, item in raw.hosts.items():
        if not NAME_PATTERN.fullmatch(name) or "_" in name or len(name) > HOST_NAME_LENGTH:
            wanted = f"use lower-case letters, digits, hyphens (up to {HOST_NAME_LENGTH}); a domain belongs in ansible_host"
            reader.wrong(("host", name), None, "is no host name", wanted)
        if "switches" in item.groups:
            _switch(reader, name, item, switches)
        else:
            _host(reader, name, item, hosts)
    by_name = {
        key: {item.name: item for item in reversed(value)}
        for key, value in top.items()
        if isinstance(value, tuple) and key not in _PLAIN
    }
    by_name = {key: dict(reversed(items.items())) for key, items in by_name.items()}
    fabric = model.Fabric(
        name=top["name"] if isinstance(top["name"], str) else "",
        flows=top["flows"],
        hosts=hosts,
        switches=switches,
        groups=dict(raw.groups),
        identity=top["identity"],
        second_factor=top["second_factor"] or "none",
        operator_authorities=top["operator_authorities"],
        operator_keys=top["operator_keys"] is not False,
        revoked_certificates=top["revoked_certificates"],
        **by_name,
    )
    return Reading(fabric, reader.problems, reader.places)


def _global(reader: _Reader, f: schema.Field, raw: RawFabric) -> Any:
    key: Key = ("all", f.key)
    nothing = {"records": (), "keys": (), "texts": (), "record": None}.get(f.kind, "")
    if f.key not in raw.variables and not f.required:
        return nothing
    if f.key not in raw.variables:
        reader.wrong(key, None, "is missing", f"give {f.help} in group_vars/all, in a file that is not encrypted")
        return nothing
    value = reader.value(f, raw.variables[f.key], key)
    return nothing if value is NOTHING else value


def _known(table: tuple[schema.Field, ...]) -> frozenset[str]:
    return frozenset(f.key for f in table)


def _unknown_variables(reader: _Reader, raw: RawFabric) -> None:
    """Name each ``fabric_*`` variable that nothing reads once, however many hosts inherit it."""
    every = sorted(_known(schema.GLOBALS) | _known(schema.HOST) | _known(schema.SWITCH))
    shared = _known(schema.GLOBALS)
    everywhere = Counter(variable for item in raw.hosts.values() for variable in item.variables)
    for name, item in raw.hosts.items():
        for variable, value in item.variables.items():
            key: Key = ("host", name, variable)
            if variable in shared:
                wanted = "write it once, in group_vars/all"
                reader.wrong(key, value, "differs from other hosts', but belongs to the whole fabric", wanted)
            elif variable not in every and everywhere[variable] < len(raw.hosts):
                reader.wrong(key, value, "unknown variable", _instead(variable, every))
            elif variable not in every and name == next(iter(raw.hosts)):
                reader.wrong(("all", variable), value, "unknown variable", _instead(variable, every))


def _own(item: RawHost) -> dict[str, Any]:
    """Return a host's variables without those that ``_unknown_variables`` names."""
    known = _known(schema.HOST) | _known(schema.SWITCH)
    return {k: v for k, v in item.variables.items() if k in known}


def _host(reader: _Reader, name: str, item: RawHost, hosts: dict[str, model.Host]) -> None:
    values = reader.record(schema.HOST, _own(item), ("host", name))
    if values is not None:
        hosts[name] = reader.keep(model.Host(name=name, groups=item.groups, **values), ("host", name))


def _switch(reader: _Reader, name: str, item: RawHost, switches: dict[str, model.Switch]) -> None:
    values = reader.record(schema.SWITCH, _own(item), ("host", name))
    if values is not None:
        (attachment,) = values.pop("attachments")
        switches[name] = reader.keep(model.Switch(name=name, attachment=attachment, **values), ("host", name))


def _instead(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else "known are " + ", ".join(known)
