"""The map with results as aligned lines for a terminal, and as plain data."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from . import words
from .model import Control, Standard, StandardsMap
from .results import Result, Results, counts

SCHEMA = 1
_STATES = ("ok", "failed", "in part", "not run", words.TESTS_ONLY)


def lines(standards: StandardsMap, results: Results) -> Iterator[str]:
    """Yield a table of what each standard's statements came to, a table of the controls, and the counts."""
    for standard in standards.standards:
        yield f"{standard.name}, {standard.version}"
        yield from aligned(("statement", "coverage", "last result", "of", "by"), list(_items(standard, results)))
        yield from (f"  not here: {sum(item.coverage == 'not_here' for item in standard.items)}", "")
    yield "Controls"
    rows = [row for control in standards.controls.values() for row in _trials(control, results)]
    yield from (*aligned(("control", "last result", "of", "evidence", "what counts"), rows), "")
    yield summary(standards, results)


def summary(standards: StandardsMap, results: Results) -> str:
    """Return the counts in one line."""
    found = counts(standards, results)
    covered = found["enforced"] + found["partly"]
    ended = ", ".join(f"{found[state]} {state}" for state in _STATES if found[state])
    whole = covered + found["not_here"]
    return f"{covered} of {whole} statements of standards are enforced or partly so. Their newest results: {ended}."


def as_data(standards: StandardsMap, results: Results, fabric: str, made: str) -> dict[str, Any]:
    """Return map and results as plain data, for machines to read."""
    return {
        "schema": SCHEMA,
        "kind": "standards",
        "fabric": fabric,
        "made": made,
        "counts": dict(sorted(counts(standards, results).items())),
        "responsible": dict(standards.responsible),
        "controls": [_control(control, results) for control in standards.controls.values()],
        "standards": [_standard(standard, results) for standard in standards.standards],
    }


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines of columns as wide as their widest cell on a terminal, where Japanese takes two places a sign."""
    if not rows:
        return
    widths = [max(_width(row[at]) for row in (headings, *rows)) for at in range(len(headings))]
    for row in (headings, *rows):
        yield "  " + "  ".join(cell + " " * (widths[at] - _width(cell)) for at, cell in enumerate(row)).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _items(standard: Standard, results: Results) -> Iterator[tuple[str, ...]]:
    for item in standard.items:
        if item.coverage != "not_here":
            result = results.of_item(item)
            since = words.day(result.begun) if result else ""
            yield item.id, words.COVERAGE[item.coverage], words.state(result), since, ", ".join(item.controls)


def _trials(control: Control, results: Results) -> Iterator[tuple[str, ...]]:
    if not control.trials:
        yield control.name, words.TESTS_ONLY, "", "", ""
    for trial, result in zip(control.trials, results.trials[control.name], strict=True):
        of = f"{words.trial(trial)}; {result.words}" if result.words else words.trial(trial)
        yield control.name, result.state, words.day(result.begun), result.file, of


def _control(control: Control, results: Results) -> dict[str, Any]:
    return {
        "name": control.name,
        "what": control.what,
        "roles": list(control.roles),
        "tests": list(control.tests),
        **_result(results.of_control(control.name)),
        "trials": [
            {"run": trial.run, "of": list(trial.of), **_result(ended)}
            for trial, ended in zip(control.trials, results.trials[control.name], strict=True)
        ],
    }


def _standard(standard: Standard, results: Results) -> dict[str, Any]:
    about = {name: value for name, value in asdict(standard).items() if name != "items"}
    rows = []
    for item in standard.items:
        ended = {} if item.coverage == "not_here" else _result(results.of_item(item))
        rows.append({**asdict(item), "controls": list(item.controls), **ended})
    return {**about, "items": rows}


def _result(result: Result | None) -> dict[str, Any]:
    return asdict(result) if result else {"state": words.TESTS_ONLY, "begun": "", "file": "", "words": ""}
