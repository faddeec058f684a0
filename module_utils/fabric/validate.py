"""Every fault of an inventory at once: shapes, then the rules between records."""

from __future__ import annotations

from collections.abc import Callable

from .model import Fabric
from .parse import RawFabric, parse_fabric
from .problems import FabricError, Key, Problem, texts
from .rules import GRAPH_RULES, RECORD_RULES, REFERENCE_RULES
from .rules.context import Context


def find_problems(raw: RawFabric) -> tuple[Fabric, list[Problem]]:
    """Return the model and all faults.

    Rules see what could be read. Those that follow connections between records wait until every name leads
    somewhere: the faults that follow from a fault would bury it.
    """
    reading = parse_fabric(raw)
    context = Context(reading.fabric, raw, reading.places)
    problems = list(reading.problems)
    for rule in REFERENCE_RULES:
        problems.extend(rule(context))
    whole = not problems
    for rule in RECORD_RULES:
        problems.extend(rule(context))
    if whole:
        for rule in GRAPH_RULES:
            problems.extend(rule(context))
    return reading.fabric, problems


def checked_fabric(raw: RawFabric, locate: Callable[[Key], str]) -> Fabric:
    """Return the model of a valid inventory; raise ``FabricError`` with every fault, each located, otherwise."""
    fabric, problems = find_problems(raw)
    if problems:
        raise FabricError(dict.fromkeys(texts(problems, locate)))
    return fabric
