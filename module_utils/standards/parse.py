"""Makes the map of what people write under standards/, and names everything that is wrong in it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .fields import Faults, Field, StandardsError, entries, fields
from .model import COVERAGES, RUNS, Control, Coverage, Item, Known, Standard, StandardsMap, Trial

CONTROLS, RESPONSIBLE = "controls.yml", "responsible.yml"
_CONTROL = (
    Field("name", str, needed=True),
    Field("what", str, needed=True),
    Field("roles", list, needed=True),
    Field("tests", list, needed=True),
    Field("tries", list),
)
_TRIAL = (Field("run", str, needed=True), Field("of", list))
_RESPONSIBLE = (Field("name", str, needed=True), Field("what", str, needed=True))
_ABOUT = ("name", "title", "version", "language", "source", "url", "licence")
_STANDARD = (
    *(Field(name, str, needed=True) for name in _ABOUT),
    Field("left_out", str),
    Field("numberings", dict),
    Field("groups", list, needed=True),
)
_INHERITED = ("coverage", "why", "who", "numbering")
"""What a group says for those of its items that don't say it themselves."""
_WANTED: dict[Coverage, tuple[str, ...]] = {"enforced": ("controls",), "partly": ("controls", "why"), "not_here": ("who", "why")}
_GROUP = (Field("name", str, needed=True), *(Field(name, str) for name in _INHERITED), Field("items", list, needed=True))
_ITEM = (
    Field("id", str, needed=True),
    Field("what", str, needed=True),
    Field("term", str),
    Field("level", str),
    *(Field(name, str) for name in _INHERITED),
    Field("controls", list),
)


@dataclass(frozen=True, slots=True)
class _Names:
    """What items may name."""

    controls: Mapping[str, Control]
    responsible: Mapping[str, str]
    numberings: Mapping[str, str] = field(default_factory=dict)


def parse_map(files: Mapping[str, Any], known: Known) -> StandardsMap:
    """Return the map of parsed YAML, contents by file name; what it names has to be ``known``.

    Raises ``StandardsError`` that names every fault: file, entry, what is there, what would be right.
    """
    faults = Faults()
    responsible = {row["name"]: row["what"] for _place, row in entries(faults, RESPONSIBLE, files.get(RESPONSIBLE), _RESPONSIBLE)}
    controls = {c.name: c for c in _controls(faults, files.get(CONTROLS), known)}
    names = _Names(controls, responsible)
    written = [name for name in files if name not in (CONTROLS, RESPONSIBLE)]
    standards = tuple(s for name in written for s in _standard(faults, name, files[name], names))
    if faults.lines:
        raise StandardsError(faults.lines)
    return StandardsMap(controls, responsible, tuple(sorted(standards, key=lambda s: (s.language, s.name))))


def _controls(faults: Faults, content: object, known: Known) -> Iterator[Control]:
    for place, row in entries(faults, CONTROLS, content, _CONTROL):
        for role in row["roles"]:
            faults.one_of(f"{place}: roles", role, known.roles)
        trials = tuple(_trials(faults, place, row.get("tries", []), known))
        yield Control(row["name"], row["what"], tuple(row["roles"]), trials, tuple(row["tests"]))


def _trials(faults: Faults, place: str, rows: list[Any], known: Known) -> Iterator[Trial]:
    for number, row in enumerate(rows):
        here = f"{place}: tries[{number}]"
        if not fields(faults, here, row, _TRIAL) or not faults.one_of(f"{here}: run", row["run"], RUNS):
            continue
        yield Trial(row["run"], tuple(_parts(faults, f"{here}: of", row, known)))


def _parts(faults: Faults, place: str, row: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yield the parts of evidence that a row names; for the bypass catalogue, the attempts of each file."""
    attack = row["run"] == "attack"
    every = {name for names in known.attempts.values() for name in names} if attack else known.parts.get(row["run"], frozenset())
    for part in row.get("of", known.attempts if attack else ()):
        if attack and part in known.attempts:
            yield from known.attempts[part]
        elif faults.one_of(place, part, every):
            yield part


def _standard(faults: Faults, file: str, content: object, names: _Names) -> Iterator[Standard]:
    if not isinstance(content, Mapping):
        faults.wrong(file, content, "is no standard", f"write {', '.join(_ABOUT)} and groups")
    elif fields(faults, file, content, _STANDARD):
        about = {name: content[name] for name in _ABOUT}
        numberings = content.get("numberings", {})
        items = tuple(_items(faults, file, content["groups"], replace(names, numberings=numberings)))
        yield Standard(**about, items=items, left_out=content.get("left_out", ""), numberings=numberings)


def _items(faults: Faults, file: str, groups: object, names: _Names) -> Iterator[Item]:
    seen: set[str] = set()
    for group_place, group in entries(faults, file, groups, _GROUP):
        for place, row in entries(faults, group_place, group["items"], _ITEM, name="id", seen=seen):
            whole = {"group": group["name"], **_inherited(group, row), **row}
            if _is_whole(faults, place, whole, names):
                yield Item(**{**whole, "controls": tuple(whole.get("controls", ()))})


def _inherited(group: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a group says for an item that doesn't say it itself: who answers and why, of what is not here only."""
    absent = row.get("coverage", group.get("coverage")) == "not_here"
    return {name: group[name] for name in (_INHERITED if absent else ("coverage", "numbering")) if name in group}


def _is_whole(faults: Faults, place: str, row: Mapping[str, Any], names: _Names) -> bool:
    """Return whether an item says what its coverage asks for, and names what there is; add faults where not."""
    before = len(faults.lines)
    for name in row.get("controls", ()):
        faults.one_of(f"{place}: controls", name, names.controls)
    if "numbering" in row:
        faults.one_of(f"{place}: numbering", row["numbering"], names.numberings)
    if "who" in row:
        faults.one_of(f"{place}: who", row["who"], names.responsible)
    if faults.one_of(f"{place}: coverage", row.get("coverage"), COVERAGES):
        coverage: Coverage = row["coverage"]
        for name in _WANTED[coverage]:
            if not row.get(name):
                faults.wrong(f"{place}: {name}", None, "is missing", f"what is {coverage} says it")
        other = "controls" if coverage == "not_here" else "who"
        if other in row:
            faults.wrong(f"{place}: {other}", row[other], f"stands beside coverage: {coverage}", "leave out one of both")
    return len(faults.lines) == before
