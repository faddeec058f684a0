"""Says what a try came to, and compares it with the catalogue. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..fabric.problems import shorten
from ..matrix.attempts import Attempt as Login
from ..matrix.attempts import Endpoint
from ..matrix.classify import Ran, client_outcome
from ..matrix.outcomes import Outcome
from .codes import ADMITTED, REFUSALS, meaning
from .model import Attempt, Catalogue
from .rounds import AS_BUILT, Trial

_SAID = re.compile(r"^attack refused: (\S+) ?(.*)$", re.MULTILINE)
_BROKEN = re.compile(r"^attack broken: (.*)$", re.MULTILINE)
_TEXT = 300


@dataclass(frozen=True, slots=True)
class Seen:
    """A trial and how it ended; ``transcript`` is what its script said."""

    trial: Trial
    outcome: Outcome
    transcript: str = ""

    @property
    def difference(self) -> str:
        """Return what is other than the catalogue says, or nothing."""
        attempt, code = self.trial.stage.attempt, self.outcome.code
        if code not in self.trial.codes:
            expected = " or ".join(meaning(c) for c in self.trial.codes)
            if attempt.open:
                return f"is open in the catalogue, but was refused ({meaning(code)}): say there by which layers"
            said = f" ({self.outcome.words})" if self.outcome.words else ""
            return f"expected: {expected}; seen: {meaning(code)}{said}"
        if attempt.words and self.trial.state == AS_BUILT and not re.search(attempt.words, self.transcript, re.IGNORECASE):
            return f"refused as expected ({meaning(code)}), but nothing said {shorten(attempt.words)}"
        return ""


def outcome_of(status: int | None, out: str, err: str, nonce: str) -> Outcome:
    """Return how a script ended. ``status`` is None where it was stopped; only the nonce proves that it got through.

    What the script says itself counts before what ssh's clients said. A script that could not even try is ``unknown``.
    """
    broken = _BROKEN.search(out + err)
    if broken:
        return Outcome("unknown", broken.group(1)[:_TEXT])
    if nonce in out:
        return Outcome(ADMITTED)
    said = _SAID.search(out + err)
    if said:
        code = said.group(1)
        return Outcome(code if code in REFUSALS else "unknown", said.group(2)[:_TEXT])
    login = Login("ssh", Endpoint("", "", 0))
    return client_outcome(login, Ran(status, "", err), nonce)


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt, judged. ``verdict`` is one of those that ``counts`` counts; ``counter`` says what was seen of it."""

    attempt: Attempt
    verdict: str
    origin: str
    target: str
    counter: str
    differences: tuple[str, ...] = ()


def judge(catalogue: Catalogue, seen: Iterable[Seen], left_out: Mapping[str, str], names: Iterable[str] = ()) -> list[Row]:
    """Return a row for each attempt of the catalogue (or those in ``names``), in its order."""
    by_name: dict[str, list[Seen]] = {}
    for one in seen:
        by_name.setdefault(one.trial.stage.attempt.name, []).append(one)
    wanted = set(names)
    return [
        _row(attempt, by_name.get(attempt.name, []), left_out.get(attempt.name, ""))
        for attempt in catalogue.attempts
        if not wanted or attempt.name in wanted
    ]


def _row(attempt: Attempt, seen: list[Seen], why: str) -> Row:
    if not seen:
        return Row(attempt, "not tried", attempt.origin, attempt.target, why or "the run ended before")
    differences = tuple(f"{one.trial.stage.family}, {one.trial.state}: {one.difference}" for one in seen if one.difference)
    open_ = "waits" if attempt.waits_for else "open"
    verdict = "difference" if differences else open_ if attempt.open else "refused"
    hosts = seen[0].trial.stage.hosts
    states = {one.trial.state for one in seen}
    if attempt.open:
        counter = ""
    elif len(states) == 1:
        counter = "not asked for"
    else:
        counter = "seen" if not differences else "differs"
    return Row(attempt, verdict, hosts["origin"], hosts["target"], counter, differences)


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows there are of each verdict."""
    found = dict.fromkeys(("refused", "open", "waits", "difference", "not tried"), 0)
    for row in rows:
        found[row.verdict] += 1
    return found


def as_data(seen: Iterable[Seen]) -> list[dict[str, Any]]:
    """Return trials as plain data for the evidence."""
    return [
        {
            "attempt": one.trial.stage.attempt.name,
            "family": one.trial.stage.family,
            "state": one.trial.state,
            "hosts": dict(one.trial.stage.hosts),
            "user": one.trial.stage.user,
            "code": one.outcome.code,
            "words": one.outcome.words,
            "difference": one.difference,
        }
        for one in seen
    ]
