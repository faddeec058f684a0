"""The map of standards' input and output: reads standards/ and evidence, writes the table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from module_utils.matrix import drift, strangers
from module_utils.proof.findings import WORDS
from module_utils.standards import markdown, text
from module_utils.standards.evidence import Record
from module_utils.standards.fields import StandardsError
from module_utils.standards.model import CHAIN, LOGINS, PLAN, RUNS, Known, StandardsMap
from module_utils.standards.parse import parse_map
from module_utils.standards.results import Results, join

from .attacks import load_catalogue
from .evidence import write_private, write_private_text

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / "standards"
JSON, PAGE = "standards.json", "standards.md"
_LAYERS = (drift.PACKET_FILTER, drift.SSHD, drift.PAM, drift.KEYS, drift.NETWORK, drift.SWITCH, drift.SUDO, drift.RECORDING)
_STRANGERS = (strangers.PEOPLE, strangers.PROGRAMS, strangers.DATA)
_ENOUGH = {"proof": 1, "validate": 1}
"""How many files of a run are read: these two try all that they ever try, others a part perhaps (``_MANY``)."""
_MANY = 10
_HEAD = """# What was enforced and tried, by standards

Fabric {fabric}, as of {made}. How to read this: docs/standards.md. Evidence lies in {evidence}.
"""


DAYS = 30
"""So long a result counts, unless another time is asked for."""


def since(days: int) -> str:
    """Return what was ``days`` days ago, as evidence writes times."""
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H%M%SZ")


def known() -> Known:
    """Return what controls may name, as this repository has it."""
    refused: dict[str, tuple[str, ...]] = {}
    for attempt in load_catalogue().attempts:
        if not attempt.open:
            file = f"{attempt.group}.yml"
            refused[file] = (*refused.get(file, ()), attempt.name)
    return Known(
        roles=frozenset(path.name for path in (ROOT / "roles").iterdir() if path.is_dir()),
        parts={
            "proof": frozenset(WORDS),
            "validate": frozenset((LOGINS, *_LAYERS, *_STRANGERS)),
            "audit": frozenset((CHAIN, PLAN)),
        },
        attempts=refused,
    )


def load_map(directory: Path = DIRECTORY) -> StandardsMap:
    """Return the map written in a directory. Raises ``StandardsError`` with every fault of it."""
    files: dict[str, Any] = {}
    faults = []
    for path in sorted(directory.glob("*.yml")):
        try:
            files[path.name] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            faults.append(f"{path.name}: is no YAML ({' '.join(str(error).split())}); correct it")
    if faults:
        raise StandardsError(faults)
    return parse_map(files, known())


def read_records(evidence: Path, fabric: str) -> tuple[list[Record], list[str]]:
    """Return a fabric's newest evidence, and in words what could not be read of it."""
    records: list[Record] = []
    unread: list[str] = []
    for run in RUNS:
        found = 0
        for path in _newest_first(evidence, f"{run}.json"):
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                unread.append(f"{path}: {getattr(error, 'strerror', None) or 'it is no JSON'}")
                continue
            if isinstance(data, dict) and data.get("fabric") == fabric:
                records.append(Record(run, str(data.get("begun") or path.parent.name), _short(path), data))
                found += 1
            if found == _ENOUGH.get(run, _MANY):
                break
    return records, unread


def output_directory(sources: Sequence[str], evidence: Path) -> Path:
    """Return where the table of inventory sources is written: build/standards/NAME, or below evidence that is kept elsewhere."""
    first = Path(sources[0])
    name = (first.parent if first.is_file() else first).resolve().name
    own = evidence.resolve() == ROOT / "evidence"
    return (ROOT / "build/standards" if own else evidence / "standards") / name


def write(directory: Path, standards: StandardsMap, results: Results, fabric: str, evidence: Path) -> Path:
    """Write the table for machines and for people, for their owner only; return the path of the latter."""
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    write_private(directory / JSON, text.as_data(standards, results, fabric, made))
    head = _HEAD.format(fabric=fabric, made=made, evidence=evidence)
    root = os.path.relpath(ROOT, directory) + "/"
    write_private_text(directory / PAGE, "\n".join((head, *markdown.page(standards, results, root))))
    return directory / PAGE


def run_line(sources: Sequence[str], fabric: str, evidence: Path) -> str:
    """Write the table after a run; return one line on it. Whatever goes wrong is said in that line, and never raised."""
    try:
        standards = load_map()
        results = join(standards, read_records(evidence, fabric)[0], since(DAYS))
        path = write(output_directory(sources, evidence), standards, results, fabric, evidence)
        return f"{text.summary(standards, results)} Table: {_short(path)}"
    except Exception as error:  # the run's own result must not hang on this
        return f"Standards: no table was written ({' '.join(str(error).split())}); make standards tells more"


def _newest_first(evidence: Path, name: str) -> Iterator[Path]:
    yield from (path for path in (evidence / name,) if path.exists())
    yield from sorted(evidence.glob(f"*/{name}"), reverse=True)


def _short(path: Path) -> str:
    """Return a path from the repository's root where it lies below, so that lines stay short."""
    return str(path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path)
