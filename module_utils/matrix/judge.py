"""Compares what attempts came to with what the fabric declares, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..fabric.problems import listed
from .attempts import Attempt, OriginPlan, cells, tcp_attempts
from .expect import Expectations, Expected
from .outcomes import Outcome
from .sharing import derive

NOT_TRIED = Outcome("not-tried")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix, judged. ``derived_from`` is the attempt whose result it shares, or ``None``."""

    origin: str
    attempt: Attempt
    expected: Expected
    outcome: Outcome
    derived_from: Attempt | None = None

    @property
    def agrees(self) -> bool:
        """Return whether verdict and deciding layer are the declared ones."""
        return (self.outcome.verdict, self.outcome.layer) == (self.expected.verdict, self.expected.layer)


@dataclass(frozen=True, slots=True)
class Difference:
    """A named row: what differs in the same way for one origin, target and user, and the ways that it shows in.

    ``observed`` rows only show that a host observes (``_is_observed``) and don't fail the run.
    """

    origin: str
    target: str
    user: str
    expected: str
    seen: str
    words: str
    ways: tuple[str, ...]
    observed: bool = False

    def text(self) -> str:
        """Return the row as one sentence."""
        who = f"{self.user} from {self.origin} to {self.target}"
        note = f" ({self.words})" if self.words else ""
        return f"{who}: expected {self.expected}, seen {self.seen}{note}; {listed(self.ways)}"


@dataclass(slots=True)
class Judgement:
    """All that was judged. ``cells`` counts them by verdict; ``differences`` are those that don't agree, as rows."""

    made: int = 0
    connects: int = 0
    derived: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    table: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return the number of cells."""
        return sum(self.cells.values())


def judged_cells(plan: OriginPlan, made: Mapping[Attempt, Outcome], expectations: Expectations) -> Iterator[Cell]:
    """Yield every cell of an origin with its own result, the one it shares, or that it wasn't tried."""
    for attempt in cells(plan):
        expected = expectations.of(plan.origin, attempt)
        outcome = made.get(attempt)
        if outcome is not None:
            yield Cell(plan.origin, attempt, expected, outcome)
        elif (shared := derive(attempt, made)) is not None:
            yield Cell(plan.origin, attempt, expected, shared[0], shared[1])
        else:
            yield Cell(plan.origin, attempt, expected, NOT_TRIED)


def judge(
    plans: Iterable[OriginPlan],
    results: Mapping[str, Mapping[Attempt, Outcome]],
    expectations: Expectations,
    observing: frozenset[str] = frozenset(),
) -> Judgement:
    """Judge all origins. ``results`` holds what each origin tried; hosts in ``observing`` don't enforce yet.

    Differences come sorted by origin, target, user and words. Cells of an origin without results are left out: they
    are counted as not tried, and the origin is the caller's row to name.
    """
    total = Judgement()
    for plan in plans:
        made = results.get(plan.origin)
        if made is None:
            total.cells["not tried"] += len(list(cells(plan)))
            continue
        total.connects += sum(1 for a in tcp_attempts(plan) if a in made)
        total.made += sum(1 for a in made if a.kind != "tcp")
        _add(total, judged_cells(plan, made, expectations), expectations, observing)
    total.differences.sort(key=lambda d: (d.origin, d.target, d.user, d.expected, d.seen))
    return total


def _add(total: Judgement, found: Iterable[Cell], expectations: Expectations, observing: frozenset[str]) -> None:
    rows: dict[tuple[str, str, str, str, str], tuple[list[str], str]] = {}
    for cell in found:
        total.derived += cell.derived_from is not None
        total.cells[cell.outcome.verdict] += 1
        target, user = cell.attempt.endpoint.host, cell.attempt.user
        kind = expectations.kind(user, target)
        symbol = cell.outcome.verdict if cell.agrees else "difference"
        total.table.setdefault((cell.origin, target, kind), Counter())[symbol] += 1
        if not cell.agrees:
            key = (target, user, cell.expected.words, f"{cell.outcome.verdict}: {cell.outcome.meaning}", cell.origin)
            ways, _words = rows.setdefault(key, ([], cell.outcome.words))
            ways.append(_way(cell.attempt))
    for (target, user, expected, seen, origin), (ways, words) in rows.items():
        total.differences.append(
            Difference(origin, target, user, expected, seen, words, tuple(ways), _is_observed(target, seen, ways, observing))
        )


def _is_observed(target: str, seen: str, ways: Iterable[str], observing: frozenset[str]) -> bool:
    """Return whether a difference only shows that a host observes.

    What was admitted on a target is excused by the target's own state only. A refusal that came later than declared
    is excused by the hop's state too, if it was through that hop.
    """
    if target in observing:
        return True
    if seen.startswith("admitted"):
        return False
    return all(any(f" through {hop} " in f"{way} " for hop in observing) for way in ways)


def _way(attempt: Attempt) -> str:
    name = {"forward": "-W", "jump": "-J"}.get(attempt.kind, attempt.kind)
    place = f"{attempt.endpoint.address}" + (f" port {attempt.endpoint.port}" if attempt.endpoint.port != 22 else "")  # noqa: PLR2004 - ssh's own
    return f"{name} {place}" + (f" through {attempt.hop.host} {attempt.hop.address}" if attempt.hop else "")
