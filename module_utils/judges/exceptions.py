"""Exceptions from what judges ask for: written as data, and held to be exceptions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

KEYS = ("name", "judge", "services", "findings", "reason", "compensated")


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

    def explains(self, finding: Finding, what: str) -> bool:
        """Return whether ``what``, one of its own findings, is this finding."""
        return finding.judge == self.judge and finding.service in self.services and what == key(finding)


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


def judge(found: Sequence[Finding], known: Sequence[Known], judged_services: Sequence[str]) -> Judged:
    """Sort findings into explained and unexplained, and name each exception that no longer occurs.

    An exception is stale for a service, too: where one of its services was judged and doesn't show the finding any more.
    """
    result = Judged()
    seen: set[tuple[str, str, str]] = set()
    for finding in sorted(found):
        by = next((one for one in known if any(one.explains(finding, what) for what in one.findings)), None)
        if by is None:
            result.unexplained.append(finding)
        else:
            seen.add((by.name, finding.service, key(finding)))
            result.explained.append((finding, by.name))
    for one in known:
        for service in one.services:
            missing = [what for what in one.findings if (one.name, service, what) not in seen]
            if service in judged_services:
                result.stale += [f"{one.name} (service {service}): {what}" for what in missing]
    return result


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
