"""Judges a run of playbooks/validate.yml, writes its evidence, and says the result in words."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from module_utils.attacks.summary import summary_lines, wrong
from module_utils.fabric.model import Fabric
from module_utils.matrix.attempts import Attempt, OriginPlan, attempt_from_data, attempt_to_data, plan_to_data
from module_utils.matrix.drift import Drift
from module_utils.matrix.expect import Expectations
from module_utils.matrix.judge import Judgement, judge, judged_cells
from module_utils.matrix.outcomes import Outcome
from module_utils.matrix.plan import origin_plan, personas, reach
from module_utils.matrix.table import LEGEND, matrix_lines

SCHEMA = 1
_TEXTS = ("/etc/ssh/", "/etc/pam.d/sshd", "/etc/pam.d/kakehashi", "/etc/security/", "/etc/nftables.conf", "/etc/systemd/network/")
_SHOWN = 40


@dataclass(slots=True)
class Run:
    """What a run brought: all that evidence is made of. ``not_tried`` holds (name, reason).

    ``lent`` names the origins where a user without a key that may go there showed another's, by user. ``attacks`` is what came of
    the bypass catalogue, empty where nothing of it was asked for.
    """

    fabric: Fabric
    begun: str
    ended: str
    full: bool
    plans: list[OriginPlan]
    results: dict[str, dict[Attempt, Outcome]]
    timings: dict[str, dict[str, float]]
    effective: dict[str, Any]
    switches: dict[str, Any]
    not_tried: list[tuple[str, str]]
    excused: list[tuple[str, str]]
    drift: list[Drift]
    lent: dict[str, list[str]] = field(default_factory=dict)
    attacks: dict[str, Any] = field(default_factory=dict)
    judgement: Judgement = field(default_factory=Judgement)

    @property
    def failing(self) -> int:
        """Return how many rows fail the run."""
        logins = sum(1 for d in self.judgement.differences if not d.observed)
        return len(self.drift) + len(self.not_tried) + logins + len(wrong(self.attacks))


def read_results(hosts: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, dict[Attempt, Outcome]], dict[str, dict[str, float]]]:
    """Return the outcomes and timings of every origin whose probe ended well."""
    results: dict[str, dict[Attempt, Outcome]] = {}
    timings: dict[str, dict[str, float]] = {}
    for name, answer in hosts.items():
        if "made" in answer and not answer.get("failed"):
            results[name] = {attempt_from_data(row[:4]): Outcome(row[4], row[5]) for row in answer["made"]}
            timings[name] = {"seconds": answer["seconds"], "repeated": answer["repeated"]}
    return results, timings


def plans_of(fabric: Fabric) -> tuple[list[OriginPlan], Expectations]:
    """Return every origin's plan and what to expect of it."""
    people, known = personas(fabric), reach(fabric)
    names = [p.name for p in people]
    plans = [origin_plan(fabric, host, names, known) for host in fabric.hosts.values()]
    return plans, Expectations(fabric, people, known)


def judge_run(run: Run, expectations: Expectations) -> None:
    """Fill in the run's judgement."""
    observing = frozenset(h.name for h in run.fabric.managed_hosts if not h.enforce)
    run.judgement = judge(run.plans, run.results, expectations, observing)


def fabric_digest(fabric: Fabric) -> str:
    """Return a digest of the whole declaration, the same for equal fabrics."""
    return sha256(json.dumps(asdict(fabric), sort_keys=True, default=_plain).encode()).hexdigest()


def evidence(run: Run, expectations: Expectations) -> dict[str, Any]:
    """Return the evidence as plain data: everything that was tried, derived and seen, and no secrets."""
    return {
        "schema": SCHEMA,
        "kind": "login-matrix",
        "fabric": run.fabric.name,
        "fabric_digest": fabric_digest(run.fabric),
        "begun": run.begun,
        "ended": run.ended,
        "mode": "full" if run.full else "shared",
        "holds": run.failing == 0,
        "counts": counts(run.judgement),
        "differences": [asdict(d) for d in run.judgement.differences],
        "lent_keys": dict(sorted(run.lent.items())),
        "drift": [asdict(d) for d in sorted(run.drift)],
        "attacks": run.attacks,
        "not_tried": [{"name": n, "reason": r} for n, r in sorted(run.not_tried)],
        "excused": [{"name": n, "reason": r} for n, r in sorted(run.excused)],
        "origins": [_origin(plan, run, expectations) for plan in run.plans if plan.origin in run.results],
        "hosts": {name: _effective(seen) for name, seen in sorted(run.effective.items())},
        "switches": dict(sorted(run.switches.items())),
    }


def counts(judgement: Judgement) -> dict[str, Any]:
    """Return the numbers of a judgement."""
    return {
        "cells": judgement.total,
        "attempts_made": judgement.made,
        "connects_made": judgement.connects,
        "cells_derived": judgement.derived,
        "verdicts": dict(sorted(judgement.cells.items())),
        "differences": len(judgement.differences),
    }


def write_evidence(directory: Path, data: Mapping[str, Any], name: str = "validate.json") -> Path:
    """Write ``name`` into a directory (0700) as ``write_private`` does; return its path.

    Where another run that began in the same second has written one, it goes into a directory beside that: ``…Z-2``.
    """
    for number in count(1):
        room = directory if number == 1 else directory.with_name(f"{directory.name}-{number}")
        room.mkdir(parents=True, mode=0o700, exist_ok=True)
        room.chmod(0o700)
        path = room / name
        try:
            path.open("x").close()
        except FileExistsError:
            continue
        break
    try:
        write_private(path, data)
    except BaseException:
        path.unlink()
        raise
    return path


def write_private(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file as ``write_private_text`` does."""
    write_private_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n")


def write_private_text(path: Path, text: str) -> None:
    """Write a file for its owner only (0600), whole or not at all. A directory that lacks is made, for its owner only."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def report_lines(run: Run, where: str) -> Iterator[str]:
    """Yield the result as lines for a terminal, none of the table's longer than 100 columns."""
    judgement = run.judgement
    origins = [plan.origin for plan in run.plans]
    yield "Logins tried: who gets from where (rows) to where (columns)"
    yield ""
    yield from matrix_lines(judgement.table, origins, [h.name for h in run.fabric.managed_hosts])
    yield from LEGEND
    for user, lent in sorted(run.lent.items()):
        where_lent = "every origin" if len(lent) == len(origins) else f"{len(lent)} of {len(origins)} origins"
        yield f"lent key: {user} has none of its own that may go there; it showed another's at {where_lent}"
    yield ""
    yield from _rows("Differences", [d.text() for d in judgement.differences if not d.observed])
    yield from _rows(
        "Differences on hosts that only observe (they don't fail the run)",
        [d.text() for d in judgement.differences if d.observed],
    )
    yield from _rows("Drift", [d.text() for d in sorted(run.drift)])
    yield from _rows("Differences of the bypass catalogue", wrong(run.attacks))
    yield from _rows("Not tried", [f"{name}: {reason}" for name, reason in run.not_tried])
    yield from _rows("Not tried, as declared", [f"{name}: {reason}" for name, reason in run.excused])
    yield (
        f"{judgement.total} cells: {judgement.made} tried by real clients, {judgement.derived} derived from those and from "
        f"{judgement.connects} connects."
    )
    verdicts = ", ".join(f"{number} {word}" for word, number in sorted(judgement.cells.items()))
    yield from summary_lines(run.attacks)
    yield f"Seen: {verdicts}. Differences: {len(judgement.differences)}. Drift: {len(run.drift)}."
    yield f"Evidence: {where}"


def verdict_line(run: Run) -> str:
    """Return the sentence that a failed run ends with."""
    judgement = run.judgement
    parts = [
        (sum(1 for d in judgement.differences if not d.observed), "logins differ from the declaration"),
        (len(run.drift), "settings are not as they were made"),
        (len(wrong(run.attacks)), "ways past the rules ended other than the bypass catalogue says"),
        (len(run.not_tried), "things could not be tried"),
    ]
    said = ", ".join(f"{number} {words}" for number, words in parts if number)
    return f"The fabric is not as declared: {said}. Each is named in the report above."


def _rows(title: str, rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield f"{title} ({len(rows)})"
        yield from (f"  {row}" for row in rows[:_SHOWN])
        if len(rows) > _SHOWN:
            yield f"  and {len(rows) - _SHOWN} more in the evidence"
        yield ""


def _origin(plan: OriginPlan, run: Run, expectations: Expectations) -> dict[str, Any]:
    made = run.results[plan.origin]
    derived: Counter[tuple[str, str]] = Counter()
    for cell in judged_cells(plan, made, expectations):
        if cell.derived_from is not None:
            derived[(str(cell.derived_from), cell.expected.reason)] += 1
    return {
        **run.timings[plan.origin],
        "plan": plan_to_data(plan),
        "attempts": [[*attempt_to_data(a), o.code, o.words] for a, o in sorted(made.items(), key=lambda item: str(item[0]))],
        "derived": [{"from": key[0], "expected": key[1], "cells": n} for key, n in sorted(derived.items())],
    }


def _effective(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a host's settings for the evidence; files that aren't about logins only by their digest."""
    files = {
        path: text if path.startswith(_TEXTS) else f"sha256:{sha256(text.encode()).hexdigest()}"
        for path, text in seen.get("files", {}).items()
    }
    kept = ("fingerprints", "sshd", "sshd_texts", "ruleset", "sockets", "host_keys", "problems")
    return {"files": files, **{key: seen[key] for key in kept if key in seen}}


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset | set) else str(value)
