"""What knocks of hosts that may not come say about a host that was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Verdict = Literal["refused", "open", "nothing", "broken"]


def knock_verdict(result: Mapping[str, Any]) -> Verdict:
    """Return what a result of the module ``neighbour_knock`` proves.

    ``refused``: all was silent or closed. ``open``: something answered. ``nothing``: the origin is down, or sees nobody at an
    address. ``broken``: the origin couldn't knock, which must not pass for silence.
    """
    if result.get("unreachable"):
        return "nothing"
    answers = [row["answer"] for row in result.get("answers", ())]
    if not answers:
        return "broken"
    if "open" in answers:
        return "open"
    return "nothing" if "absent" in answers else "refused"


def knocks_prove(results: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether at least one was tried and each was refused. ``results`` are those of a loop of tasks."""
    return bool(results) and all(knock_verdict(result) == "refused" for result in results)
