"""The twin's own record of what it built, so that every command but ``up`` works without the inventory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twin.errors import TwinError
from twin.paths import Paths
from twin.plan import End, Link, Node, Plan, Port


@dataclass(frozen=True)
class Record:
    """A plan, the inventories it came from, how its images are laid over one another, and whether it got to its end.

    ``addresses`` are those that a node has from its very start.
    """

    plan: Plan
    inventories: tuple[str, ...]
    lowers: dict[str, str]
    addresses: dict[str, tuple[str, ...]]
    complete: bool


def write_record(paths: Paths, record: Record) -> None:
    """Keep the record."""
    write_text(paths.record, json.dumps(asdict(record), indent=1))


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text)
    scratch.rename(path)


def read_record(paths: Paths) -> Record | None:
    """The record of the last build, or None if there was none."""
    try:
        data = json.loads(paths.record.read_text())
        return Record(_plan(data["plan"]), tuple(data["inventories"]), data["lowers"], data["addresses"], data["complete"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise TwinError(
            f"{paths.record} can't be read ({error}); take the twin down with: .venv/bin/python -m twin --name {paths.twin} down"
        ) from error


def need_record(paths: Paths) -> Record:
    """The record of the last build; raises TwinError if there was none."""
    record = read_record(paths)
    if record is None:
        raise TwinError(f"there is no twin named {paths.twin}; build it with: .venv/bin/python -m twin --name {paths.twin} up")
    return record


def half_built(paths: Paths) -> str:
    """What to say of a twin whose record is not complete."""
    return f"half built; finish with: .venv/bin/python -m twin --name {paths.twin} up"


def _plan(data: dict[str, Any]) -> Plan:
    links = [Link(link["name"], (End(**link["ends"][0]), End(**link["ends"][1]))) for link in data["links"]]
    ports = [Port(**{**port, "trunks": tuple(port["trunks"])}) for port in data["ports"]]
    return Plan(tuple(Node(**node) for node in data["nodes"]), tuple(links), tuple(ports))
