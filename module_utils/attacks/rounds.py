"""Plans what is tried, and with which layers in place: as built, without all that refuse, and with each of them alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..fabric.model import Fabric
from .codes import ADMITTED
from .model import Catalogue, Layer, Step
from .places import NoPlaceError, Stage, stage

AS_BUILT, WITHOUT = "as built", "without the layers"


@dataclass(frozen=True, slots=True)
class Trial:
    """One try: on a ``stage``, with the layers ``off`` taken away, which must end in one of ``codes``."""

    stage: Stage
    state: str
    off: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """Trials that share what is changed for them, and may run at the same time.

    ``arm`` and ``undo`` are scripts by host, run in order; ``tasks`` are layers by host, carried out after ``arm``; ``uses`` are
    hosts that must stay as they are meanwhile.
    """

    trials: tuple[Trial, ...]
    arm: tuple[tuple[str, str], ...] = ()
    tasks: tuple[tuple[str, Layer], ...] = ()
    undo: tuple[tuple[str, str], ...] = ()
    uses: frozenset[str] = frozenset()
    alone: bool = False

    @property
    def changes(self) -> tuple[str, ...]:
        """Return the hosts that are changed, each once."""
        return tuple(dict.fromkeys(host for host, _what in (*self.arm, *self.tasks, *self.undo)))


@dataclass(frozen=True, slots=True)
class Plan:
    """All rounds, the most laborious first, and the attempts that have no place in this fabric, with the reason."""

    rounds: tuple[Round, ...]
    left_out: Mapping[str, str]


def plan_rounds(fabric: Fabric, catalogue: Catalogue, *, names: Iterable[str] = (), counter: bool = True) -> Plan:
    """Return what to try of a catalogue: all of it, or the attempts in ``names``; with counter-tests or without."""
    wanted, left_out = set(names), {}
    found: dict[tuple[object, ...], Round] = {}
    for number, attempt in enumerate(catalogue.attempts):
        if wanted and attempt.name not in wanted:
            continue
        for family in attempt.families:
            try:
                here = stage(fabric, attempt, family, number)
            except NoPlaceError as error:
                left_out[attempt.name] = str(error)
                continue
            for trial in _trials(here, catalogue.layers, counter=counter):
                single = _round(trial, catalogue.layers)
                key = _shared(single)
                before = found.get(key)
                found[key] = single if before is None else _joined(before, single)
    ordered = sorted(found.values(), key=lambda r: (not r.alone, -len(r.changes)))
    return Plan(tuple(ordered), left_out)


def _trials(here: Stage, layers: Mapping[str, Layer], *, counter: bool) -> Iterator[Trial]:
    attempt = here.attempt
    yield Trial(here, AS_BUILT, (), (ADMITTED,) if attempt.open else (attempt.code,))
    if attempt.open or not counter:
        return
    yield Trial(here, WITHOUT, attempt.layers, (ADMITTED,))
    if len(attempt.layers) > 1:
        for name in attempt.layers:
            rest = tuple(other for other in attempt.layers if other != name)
            yield Trial(here, f"only {name}", rest, layers[name].refusals)


def _round(trial: Trial, layers: Mapping[str, Layer]) -> Round:
    here, attempt = trial.stage, trial.stage.attempt
    off = [layers[name] for name in trial.off]
    on = [layer for layer in map(layers.__getitem__, attempt.layers) if layer.module and layer.name not in trial.off]
    removals = [Step(layer.at, layer.remove) for layer in off if layer.remove]
    undo = [*attempt.undo, *(Step(layer.at, layer.undo) for layer in (*(o for o in off if not o.module), *on) if layer.undo)]
    # What is prepared may be a mistake that stands beside a layer; the layer goes first, so that a mistake can't put it back.
    arm = _by_host(here, [*removals, *attempt.prepare])
    tasks = tuple((here.hosts[layer.at], layer) for layer in on)
    return Round((trial,), arm, tasks, _by_host(here, undo), frozenset(here.hosts.values()), alone=attempt.disturbs)


def _by_host(here: Stage, steps: Iterable[Step]) -> tuple[tuple[str, str], ...]:
    scripts: dict[str, list[str]] = {}
    for step in steps:
        scripts.setdefault(here.hosts[step.at], []).append(step.run)
    return tuple((host, "\n".join(parts)) for host, parts in scripts.items())


def _shared(single: Round) -> tuple[object, ...]:
    """Return what rounds must have in common to be one. Scripts see the attempt's variables, so these belong to it."""
    here = single.trials[0].stage
    if single.alone or here.attempt.prepare or here.attempt.undo:
        return (here.attempt.name, here.family, single.trials[0].state)
    if not single.changes:
        return (here.hosts["target"], here.hosts["origin"])
    return (single.arm, single.tasks, single.undo, here.user, here.attempt.keys)


def _joined(one: Round, other: Round) -> Round:
    return Round((*one.trials, *other.trials), one.arm, one.tasks, one.undo, one.uses | other.uses)
