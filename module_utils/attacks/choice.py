"""Chooses which attempts a validation makes: on a twin any, on machines in service those that change nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from ..fabric.model import Fabric
from ..fabric.problems import listed
from .model import Attempt, Catalogue
from .places import Stage
from .rounds import Plan, Round

NONE, SAMPLE, ALL = "none", "sample", "all"
_PEOPLES = ("own", "fresh", "rsa")
"""Keys that may be shown on machines of others: they open a session on a login server at most, or nothing."""


class ChoiceError(ValueError):
    """A choice that can't be carried out. The message says what is wrong and what may be written."""


def chosen(catalogue: Catalogue, wanted: object, *, rehearsed: bool) -> tuple[str, ...]:
    """Return the names of the attempts that ``wanted`` asks for: ``none``, ``sample``, ``all``, or names.

    ``rehearsed``: it is a twin, where hosts may be changed. Elsewhere ``all`` are those that are harmless, and a name of another
    raises ``ChoiceError``.
    """
    may = [a for a in catalogue.attempts if rehearsed or a.harmless]
    if wanted in (NONE, "", None):
        return ()
    if wanted in (SAMPLE, ALL):
        return tuple(a.name for a in may if wanted == ALL or a.sample)
    if not isinstance(wanted, (str, Sequence)):
        raise ChoiceError(f"validate_attacks is {wanted!r}: write {NONE}, {SAMPLE}, {ALL}, or names of attempts")
    names = [n for n in re.split(r"[,\s]+", wanted) if n] if isinstance(wanted, str) else [str(n) for n in wanted]
    unknown = [n for n in names if n not in {a.name for a in catalogue.attempts}]
    if unknown:
        raise ChoiceError(f"validate_attacks names {listed(unknown)}, which docs/attacks.md does not list")
    forbidden = [n for n in names if n not in {a.name for a in may}]
    if forbidden:
        raise ChoiceError(f"validate_attacks names {listed(forbidden)}: what is changed for it is changed on a twin only")
    return tuple(names)


def without(plan: Plan, reason: Callable[[Stage], str]) -> Plan:
    """Return a plan without the trials that ``reason`` has words for; the attempt is left out where none of its trials stays."""
    rounds, said, stay = [], {}, set()
    for one in plan.rounds:
        trials = []
        for trial in one.trials:
            words = reason(trial.stage)
            if words:
                said[trial.stage.attempt.name] = words
            else:
                trials.append(trial)
                stay.add(trial.stage.attempt.name)
        if trials:
            rounds.append(Round(tuple(trials), one.arm, one.tasks, one.undo, one.uses, one.alone))
    return Plan(tuple(rounds), {**plan.left_out, **{name: words for name, words in said.items() if name not in stay}})


def why_not(fabric: Fabric, stage: Stage, answering: Collection[str], *, rehearsed: bool) -> str:
    """Return why an attempt is not made here, or nothing. ``answering``: hosts on which this run could do something."""
    for name in _needed(stage):
        if name not in answering:
            return f"nothing could be done on {name}"
    target = fabric.hosts[stage.hosts["target"]]
    if not target.enforce:
        return f"{target.name} only observes"
    origin = fabric.hosts[stage.hosts[stage.attempt.tried_at]]
    if not rehearsed and not origin.managed and set(stage.attempt.keys) - set(_PEOPLES):
        return f"{origin.name} is others' machine, and keys that open more than a login server are not shown there"
    return ""


def _needed(stage: Stage) -> list[str]:
    attempt: Attempt = stage.attempt
    roles = [attempt.tried_at, *(step.at for step in (*attempt.prepare, *attempt.undo))]
    if "onward" in attempt.keys:
        roles.append("login")
    return list(dict.fromkeys(stage.hosts[role] for role in roles))
