"""A verdict with its reason, for one address."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """``ok``, and in words what decides it: a line of an artefact, or what is missing."""

    ok: bool
    reason: str
