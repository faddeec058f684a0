"""One measured figure, its bar, and how figures are shown and kept."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with the ``runs`` it was taken from, in ``unit``. ``bar`` is the most it is meant to be."""

    name: str
    unit: str
    median: float
    runs: tuple[float, ...]
    bar: float | None = None

    @property
    def verdict(self) -> str:
        """Return ``ok``, ``over`` or nothing where no bar was set."""
        if self.bar is None:
            return ""
        return "ok" if self.median <= self.bar else "over"


def timed(work: Callable[[], object], runs: int) -> tuple[float, ...]:
    """Return the wall-clock seconds of each of ``runs`` calls."""
    taken = []
    for _ in range(runs):
        start = perf_counter()
        work()
        taken.append(round(perf_counter() - start, 3))
    return tuple(taken)


def figure(name: str, unit: str, runs: Sequence[float], bar: float | None = None) -> Figure:
    """Return the median of ``runs`` as a figure."""
    return Figure(name, unit, round(statistics.median(runs), 3), tuple(runs), bar)


def table(figures: Sequence[Figure]) -> str:
    """Return figures as a Markdown table."""
    rows = ["| figure | median | bar | runs | |", "|---|---|---|---|---|"]
    for f in figures:
        bar = "" if f.bar is None else f"≤ {f.bar:g} {f.unit}"
        rows.append(f"| {f.name} | {f.median:g} {f.unit} | {bar} | {', '.join(f'{r:g}' for r in f.runs)} | {f.verdict} |")
    return "\n".join(rows) + "\n"


def keep(figures: Sequence[Figure], machine: str) -> None:
    """Write ``results.json`` and the table in ``results.md`` beside this file."""
    content = {"machine": machine, "figures": [asdict(f) for f in figures]}
    (HERE / "results.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    text = f"# Figures seen\n\nSeen on: {machine}. Again: `make bench`.\n\n{table(figures)}"
    (HERE / "results.md").write_text(text, encoding="utf-8")
