"""The words that both renderings use."""

from __future__ import annotations

from .evidence import State, counted
from .model import Coverage, Trial
from .results import Result

COVERAGE: dict[Coverage, str] = {"enforced": "enforced", "partly": "partly", "not_here": "not here"}
TESTS_ONLY = "tests only"


def state(result: Result | None) -> State | str:
    """Return a result in a word or two."""
    return TESTS_ONLY if result is None else result.state


def day(begun: str) -> str:
    """Return a run's begin, ``2026-11-29T071331Z``, as people read it: ``2026-11-29 07:13``."""
    date, _separator, time = begun.partition("T")
    return f"{date} {time[:2]}:{time[2:4]}" if time else begun


def trial(one: Trial) -> str:
    """Return a trial by its run, and how many parts of its evidence count: ``attack: 8 attempts``."""
    if not one.of:
        return one.run
    return f"{one.run}: {counted(len(one.of), 'attempt') if one.run == 'attack' else ', '.join(one.of)}"
