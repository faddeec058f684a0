"""What Lynis says of one host: its report as notes, and notes as findings. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .exceptions import Finding

LEAST_TESTS = 100
"""An audit of a whole system executes some 250 tests; one that executes fewer was kept from it."""
_LEVELS = ("warning", "suggestion")
_NOTHING = ("", "-")


def report(text: str) -> dict[str, Any]:
    """Return ``tests`` (how many were executed), ``skipped`` and ``notes`` (level, test, text) of a report file.

    Raises:
        ValueError: if the audit did not come to its end, or executed hardly any test.
    """
    rows = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]
    single = {key: value for key, value in rows if not key.endswith("[]")}
    if single.get("finish") != "true":
        msg = "Lynis did not come to its end"
        raise ValueError(msg)
    tests = _list(single.get("tests_executed", ""))
    if len(tests) < LEAST_TESTS:
        msg = f"Lynis executed {len(tests)} tests, fewer than {LEAST_TESTS}"
        raise ValueError(msg)
    notes = [_note(key.removesuffix("[]"), value) for key, value in rows if key.removesuffix("[]") in _LEVELS]
    return {"tests": len(tests), "skipped": _list(single.get("tests_skipped", "")), "notes": notes}


def findings(host: str, notes: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return every warning and suggestion."""
    return sorted({Finding("lynis", host, "host", note["level"], note["test"], note["text"]) for note in notes})


def _list(text: str) -> list[str]:
    return [name for name in text.split("|") if name]


def _note(level: str, value: str) -> dict[str, str]:
    test, text, details = [*(part.strip() for part in value.split("|")), "", ""][:3]
    return {"level": level, "test": test, "text": text if details in _NOTHING else f"{text} ({details})"}
