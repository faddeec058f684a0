"""The bypass catalogue's input and output: reads attacks/, shows the result as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from module_utils.attacks.judge import Row, Seen, as_data, counts
from module_utils.attacks.model import Catalogue
from module_utils.attacks.parse import CatalogueError, parse_catalogue
from module_utils.attacks.rounds import Plan
from module_utils.attacks.summary import AS_BEFORE
from module_utils.fabric.problems import agree

DIRECTORY = Path(__file__).resolve().parents[1] / "attacks"
LAYERS = "layers.yml"
_FEW = 4


@dataclass(frozen=True, slots=True)
class Done:
    """A run: attempts judged, tries, and ``after``: by host that was changed, what is other than before, if anything."""

    rows: Sequence[Row]
    seen: Sequence[Seen]
    after: Mapping[str, str]
    seconds: float

    @property
    def holds(self) -> bool:
        """Return whether something was tried, all came as the catalogue says, and no host is other than before."""
        return bool(self.seen) and not any(row.differences for row in self.rows) and not any(self.after.values())

    def data(self) -> dict[str, Any]:
        """Return it as plain data for the evidence, which is the same wherever a run is made."""
        return {
            "schema": 1,
            "kind": "attack",
            "seconds": round(self.seconds, 1),
            "counts": counts(self.rows),
            "holds": self.holds,
            "attempts": [
                {
                    "name": row.attempt.name,
                    "family": row.attempt.group,
                    "verdict": row.verdict,
                    "origin": row.origin,
                    "target": row.target,
                    "layers": list(row.attempt.layers),
                    "counter_test": row.counter,
                    "differences": list(row.differences),
                }
                for row in self.rows
            ],
            "hosts_after": {host: text or AS_BEFORE for host, text in sorted(self.after.items())},
            "tries": as_data(self.seen),
        }


def after_line(after: Mapping[str, str]) -> str:
    """Return in a sentence whether hosts that were changed have again what they had."""
    wrong = [f"{host}: {text}" for host, text in sorted(after.items()) if text]
    if wrong:
        return "NOT AS BEFORE: " + "; ".join(wrong) + "."
    if not after:
        return "No host was changed."
    changed = agree(after, "was", "were") if len(after) < _FEW else f"{len(after)} hosts were"
    return f"{changed} changed, and looked at in the end: files and rules are as before."


def load_catalogue(directory: Path = DIRECTORY) -> Catalogue:
    """Return the catalogue written in a directory. Raises ``CatalogueError`` with every fault of it."""
    contents: dict[str, Any] = {}
    faults = []
    for path in sorted(directory.glob("*.yml")):
        try:
            contents[path.name] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            faults.append(f"{path.name}: is no YAML ({' '.join(str(error).split())}); correct it")
    if LAYERS not in contents and not faults:
        faults.append(f"{directory}: has no {LAYERS}; name a directory such as attacks")
    if faults:
        raise CatalogueError(faults)
    families = {name: content for name, content in contents.items() if name != LAYERS}
    return parse_catalogue({LAYERS: contents[LAYERS]}, families)


def result_lines(rows: Sequence[Row], plan: Plan, seconds: float) -> Iterator[str]:
    """Yield the result for a terminal: a table by family, differences in full, what is open, and the counts."""
    name = max((len(row.attempt.name) for row in rows), default=0)
    place = max((len(f"{row.origin} -> {row.target}") for row in rows), default=0)
    group = ""
    for row in rows:
        if row.attempt.group != group:
            group = row.attempt.group
            yield from ("", group.replace("_", " "))
        waits = f"waits for {row.attempt.waits_for}" if row.verdict == "waits" else row.verdict
        refused_by = ", ".join(row.attempt.layers) if row.verdict == "refused" else waits
        where = f"{row.origin} -> {row.target}"
        counter = f"counter-test {row.counter}" if row.counter else ""
        yield f"  {row.attempt.name:<{name}}  {where:<{place}}  {refused_by}; {counter}".rstrip("; ")
    yield ""
    yield from _listed("Differences", [(r.attempt.name, text) for r in rows for text in r.differences])
    yield from _listed("Open", [(r.attempt.name, r.attempt.open) for r in rows if r.verdict == "open"])
    for what in waited_for(rows):
        waiting = [(r.attempt.name, r.attempt.open) for r in rows if r.verdict == "waits" and r.attempt.waits_for == what]
        yield from _listed(f"Open, and waits for {what}", waiting)
    yield from _listed("Not tried here", [(r.attempt.name, r.counter) for r in rows if r.verdict == "not tried"])
    found = counts(rows)
    tries = sum(len(r.trials) for r in plan.rounds)
    number_by = Counter(row.attempt.waits_for for row in rows if row.verdict == "waits")
    waits = "".join(f"{number} waiting for {what}, " for what, number in number_by.items())
    yield (
        f"{len(rows)} attempts: {found['refused']} refused, {found['open']} open, {waits}{found['difference']} other than the "
        f"catalogue says, {found['not tried']} not tried. {tries} tries in {seconds:.0f} s."
    )


def waited_for(rows: Sequence[Row]) -> list[str]:
    """Return what open attempts wait for, each once."""
    return list(dict.fromkeys(r.attempt.waits_for for r in rows if r.verdict == "waits"))


def _listed(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield f"{title} ({len(rows)})"
        yield from (f"  {name}: {text}" for name, text in rows)
        yield ""
