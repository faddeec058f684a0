"""Reads from one run's evidence how a part of it ended. Pure; what is read was written by ourselves, or by an older version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .model import CHAIN, LOGINS, PLAN

State = Literal["ok", "failed", "in part", "old", "not run"]
"""``in part``: nothing was found wrong, but not all of it was tried. ``old``: so long ago that it says nothing of today."""
Seen: TypeAlias = "tuple[State, str]"
"""How it ended, and why in a few words where that isn't ok."""


@dataclass(frozen=True, slots=True)
class Record:
    """One file of evidence: the ``run`` that left it, when that began, where it lies, and what is in it."""

    run: str
    begun: str
    file: str
    data: Mapping[str, Any]


def seen(record: Record, of: Sequence[str]) -> Seen | None:
    """Return how the parts ``of`` a record ended (none: all of it), or ``None`` where this run did not try them."""
    return _READERS[record.run](record.data, of)


def attempts(record: Record) -> dict[str, Seen]:
    """Return how each attempt of the bypass catalogue ended that this run tried."""
    ends: dict[str, State] = {"refused": "ok", "difference": "failed", "open": "failed", "waits": "failed"}
    rows = [row for row in record.data.get("attempts", ()) if row["verdict"] in ends]
    return {row["name"]: (ends[row["verdict"]], "" if row["verdict"] == "refused" else f"{row['name']} differs") for row in rows}


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, or nothing for none: ``3 findings``."""
    return "" if number == 0 else f"{number} {one if number == 1 else many or f'{one}s'}"


def _proof(data: Mapping[str, Any], of: Sequence[str]) -> Seen:
    """What can't be judged is no finding of its kind, but leaves every kind unproved in part."""
    kinds = [finding["kind"] for finding in data.get("findings", ())]
    return _ended(
        counted(sum(not of or kind in of for kind in kinds), "finding"),
        counted(sum(kind == "cannot_prove" for kind in kinds), "artefact could not be judged", "artefacts could not be judged"),
    )


def _validate(data: Mapping[str, Any], of: Sequence[str]) -> Seen:
    differences = data.get("differences", ()) if not of or LOGINS in of else ()
    drift = [row for row in data.get("drift", ()) if not of or row["layer"] in of]
    observed = sum(bool(row.get("observed")) for row in differences)
    untried = len(data.get("not_tried", ())) + len(data.get("excused", ()))
    return _ended(
        _both(counted(len(differences) - observed, "login differs", "logins differ"), counted(len(drift), "drift")),
        _both(
            counted(untried, "host or person not tried", "hosts or people not tried"),
            counted(observed, "login on hosts that only observe", "logins on hosts that only observe"),
        ),
    )


def _judges(data: Mapping[str, Any], _of: Sequence[str]) -> Seen | None:
    if not data.get("judged"):
        return None
    unexplained = counted(len(data.get("unexplained", ())), "finding without an exception", "findings without an exception")
    return _ended(
        _both(unexplained, counted(len(data.get("stale", ())), "stale exception")),
        counted(len(data.get("not_judged", ())), "judgement missing", "judgements missing"),
    )


def _audit(data: Mapping[str, Any], of: Sequence[str]) -> Seen | None:
    """The plan is tried only where a run had one; logins of a log that isn't whole prove it in part."""
    unplanned = data.get("unplanned")
    if of and CHAIN not in of and unplanned is None:
        return None
    faults, unread = len(data.get("faults", ())), len(data.get("unread", ()))
    planned = not of or PLAN in of
    logins = len(unplanned or ()) if planned else 0
    unannounced = sum(not use.get("window") for use in data.get("sealed", ())) if planned else 0
    silent = len(data.get("silent", ())) if not of else 0
    chain = counted(faults, "fault of the chain", "faults of the chain")
    wrong = chain if not of or CHAIN in of else ""
    return _ended(
        _both(
            wrong,
            counted(logins, "unplanned login"),
            counted(unannounced, "unannounced use of a sealed credential", "unannounced uses of sealed credentials"),
            counted(silent, "alert that did not come", "alerts that did not come"),
        ),
        _both(
            "" if wrong else chain,
            counted(unread, "log server, host or entry not heard", "log servers, hosts or entries not heard"),
        ),
    )


def _ended(wrong: str, missing: str) -> Seen:
    if wrong:
        return "failed", wrong
    return ("in part", missing) if missing else ("ok", "")


def _both(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


_READERS: dict[str, Callable[[Mapping[str, Any], Sequence[str]], Seen | None]] = {
    "proof": _proof,
    "validate": _validate,
    "judges": _judges,
    "audit": _audit,
}
