"""Joins the map with what runs have left: the newest result of each trial, and what follows for controls and statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .evidence import Record, State, attempts, seen
from .model import Item, StandardsMap, Trial


@dataclass(frozen=True, slots=True)
class Result:
    """How something ended: when the run that decides this began, where its evidence lies, and why it is not ok."""

    state: State
    begun: str = ""
    file: str = ""
    words: str = ""


NOT_RUN = Result("not run")


@dataclass(frozen=True, slots=True)
class Results:
    """The newest results: of each control's trials, in their order, and the names and words by which they are asked for."""

    trials: Mapping[str, tuple[Result, ...]]

    def of_control(self, name: str) -> Result | None:
        """Return a control's result, ``None`` where no run tries it: tests alone show it."""
        return together(self.trials[name])

    def of_item(self, item: Item) -> Result | None:
        """Return the result of what serves a statement, ``None`` where no run tries any of it."""
        return together([result for name in item.controls for result in self.trials[name]])


def join(standards: StandardsMap, records: Iterable[Record]) -> Results:
    """Return the newest results of all trials; ``records`` may come in any order."""
    newest = sorted(records, key=lambda r: r.begun, reverse=True)
    return Results({c.name: tuple(newest_result(t, newest) for t in c.trials) for c in standards.controls.values()})


def newest_result(trial: Trial, newest: Sequence[Record]) -> Result:
    """Return how a trial ended last. Attempts of the bypass catalogue count one by one, since a run may try a few only."""
    own = [record for record in newest if record.run == trial.run]
    if trial.run != "attack":
        found = ((record, seen(record, trial.of)) for record in own)
        return next((Result(s[0], r.begun, r.file, s[1]) for r, s in found if s is not None), NOT_RUN)
    last: dict[str, Result] = {}
    for record in own:
        for name, (state, words) in attempts(record).items():
            last.setdefault(name, Result(state, record.begun, record.file, words))
    result = together([last.get(name, NOT_RUN) for name in trial.of]) or NOT_RUN
    missing = sum(name not in last for name in trial.of)
    if result.state != "in part" or not missing:
        return result
    return Result("in part", result.begun, result.file, f"{missing} of {len(trial.of)} attempts not tried")


def together(results: Sequence[Result]) -> Result | None:
    """Return what several results come to: one that failed decides; else the oldest says since when all holds."""
    if not results:
        return None
    made = [result for result in results if result.state != "not run"]
    if failed := [result for result in made if result.state == "failed"]:
        last = max(failed, key=lambda r: r.begun)
        return Result("failed", last.begun, last.file, _words(failed))
    if not made:
        return NOT_RUN
    oldest = min(made, key=lambda r: r.begun)
    whole = len(made) == len(results) and all(result.state == "ok" for result in made)
    return Result("ok" if whole else "in part", oldest.begun, oldest.file, _words(made))


def counts(standards: StandardsMap, results: Results | None) -> Counter[str]:
    """Return how many statements there are by coverage, and of those that are covered by state (``tests only``: by no run)."""
    found: Counter[str] = Counter()
    for item in (item for standard in standards.standards for item in standard.items):
        found[item.coverage] += 1
        if results is not None and item.coverage != "not_here":
            result = results.of_item(item)
            found["tests only" if result is None else result.state] += 1
    return found


def _words(results: Sequence[Result]) -> str:
    words = list(dict.fromkeys(result.words for result in results if result.words))
    return ", ".join(words if len(words) <= _SHOWN else [*words[:_SHOWN], f"and {len(words) - _SHOWN} more"])


_SHOWN = 3
