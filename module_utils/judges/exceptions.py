"""Exceptions from what judges ask for: written as data, and held to be exceptions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

KEYS = ("name", "judge", "services", "findings", "reason", "compensated")


class JudgesError(Exception):
    """Nothing can be judged. The message says what is wrong, in one sentence."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that ``judge`` says of a service on a host. ``what`` is the thing, ``text`` the judge's words."""

    judge: str
    host: str
    service: str
    level: str
    what: str
    text: str


@dataclass(frozen=True)
class Known:
    """An exception: findings that are known on these services, with the reason and what makes up for it."""

    name: str
    judge: str
    services: tuple[str, ...]
    findings: tuple[str, ...]
    reason: str
    compensated: str

    def covers(self, place: Place) -> bool:
        """Return whether it is an exception for this place."""
        return place.judge == self.judge and not place.names.isdisjoint(self.services)


@dataclass(frozen=True)
class Place:
    """Something that one judge judged on a host: an sshd (``service`` is its name), or the host itself (``host``).

    An exception holds for a place by the service or by a role of the host. ``undecided`` names what was looked at without
    an answer, such as a rule that doesn't apply.
    """

    judge: str
    host: str
    service: str
    roles: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """What exceptions call it by."""
        return self.roles | {self.service}


@dataclass
class Judged:
    """A run's judgement. ``stale`` names exceptions, or parts of them, that were seen nowhere."""

    unexplained: list[Finding] = field(default_factory=list)
    explained: list[tuple[Finding, str]] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def key(finding: Finding) -> str:
    """Return how an exception names a finding."""
    return f"{finding.level} {finding.what}: {finding.text}"


def read(rows: Sequence[Mapping[str, Any]]) -> list[Known]:
    """Return the exceptions of ``rows``.

    Raises:
        ValueError: if a row lacks something, says too much, or a name stands twice.
    """
    known = []
    for row in rows:
        wrong = sorted({*KEYS} ^ {*row}) or [name for name in KEYS if not row[name]]
        if wrong:
            named = row.get("name", "without a name")
            msg = f"exception {named}: {', '.join(wrong)} is missing, empty or unknown; each has exactly {', '.join(KEYS)}"
            raise ValueError(msg)
        texts = {name: str(row[name]) for name in ("name", "judge", "reason", "compensated")}
        known.append(Known(services=tuple(row["services"]), findings=tuple(row["findings"]), **texts))
    names = [one.name for one in known]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = f"exception {', '.join(twice)}: stands twice; give each a name of its own"
        raise ValueError(msg)
    return known


def judge(found: Sequence[Finding], known: Sequence[Known], places: Sequence[Place]) -> Judged:
    """Sort findings into explained and unexplained, and name each exception that no longer occurs.

    An exception is stale for one of its services or roles, too: where the judge came to an answer there and it is not
    the finding, anywhere.
    """
    result = Judged()
    at = {(place.judge, place.host, place.service): place for place in places}
    seen: set[tuple[str, str, str]] = set()
    for finding in sorted(found):
        place = at[finding.judge, finding.host, finding.service]
        covering = [one for one in known if one.covers(place) and key(finding) in one.findings]
        if not covering:
            result.unexplained.append(finding)
            continue
        result.explained.append((finding, covering[0].name))
        seen |= {(one.name, name, key(finding)) for one in covering for name in place.names}
    for one in known:
        for service in one.services:
            asked = [place for place in places if place.judge == one.judge and service in place.names]
            for what in one.findings:
                decided = any(_thing(what) not in place.undecided for place in asked)
                if decided and (one.name, service, what) not in seen:
                    result.stale.append(f"{one.name} (service {service}): {what}")
    return result


def _thing(what: str) -> str:
    """Return what a finding is about, of the text that names the finding."""
    return what.partition(" ")[2].partition(":")[0]


def as_data(judged: Judged) -> dict[str, Any]:
    """Return a judgement as plain data."""
    return {
        "unexplained": [asdict(finding) for finding in judged.unexplained],
        "explained": [{**asdict(finding), "exception": name} for finding, name in judged.explained],
        "stale": list(judged.stale),
    }


def markdown(known: Sequence[Known]) -> list[str]:
    """Return the exceptions as the lines of a table for the documentation."""
    lines = ["| exception | judge | services | findings | reason | made up for by |", "|---|---|---|---|---|---|"]
    for one in known:
        cells = (one.name, one.judge, ", ".join(one.services), "<br>".join(one.findings), one.reason, one.compensated)
        lines.append(f"| {' | '.join(cell.strip() for cell in cells)} |")
    return lines
