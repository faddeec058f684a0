"""What OpenSCAP says of one host: its results file as rules, and rules as findings. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from .exceptions import Finding, JudgesError

LEAST_RULES = 50
"""A run that evaluates fewer has judged nothing: content for another release calls nearly all of its rules not applicable."""
_XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
_RULE = "xccdf_org.ssgproject.content_rule_"
_DECIDED = ("pass", "fixed", "fail")
_FOUND = ("fail", "error", "unknown")


def rules(text: str) -> list[dict[str, str]]:
    """Return every selected rule of a results file (XCCDF 1.2) as ``rule``, ``result`` and ``title``.

    Raises:
        ValueError: if the text is no such file, or declares entities, which no results file does.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        msg = "OpenSCAP's results declare entities, so they are not read"
        raise ValueError(msg)
    try:
        # Without a document type there are no entities to expand; and this is read where oscap wrote it.
        root = ElementTree.fromstring(text)  # noqa: S314 - without entities
    except ElementTree.ParseError as error:
        msg = "OpenSCAP's results are not whole"
        raise ValueError(msg) from error
    titles = {rule.get("id"): rule.findtext(f"{_XCCDF}title") or "" for rule in root.iter(f"{_XCCDF}Rule")}
    found = []
    for row in root.iterfind(f"{_XCCDF}TestResult/{_XCCDF}rule-result"):
        name, result = row.get("idref") or "", row.findtext(f"{_XCCDF}result") or ""
        if result != "notselected":
            found.append({"rule": name.removeprefix(_RULE), "result": result, "title": " ".join(titles.get(name, "").split())})
    return found


def evaluated(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how many rules were decided.

    Raises:
        JudgesError: if they are too few to call it a judgement.
    """
    number = sum(row["result"] in _DECIDED for row in rows)
    if number < LEAST_RULES:
        msg = f"OpenSCAP evaluated {number} rules, fewer than {LEAST_RULES}: its content is not for this release"
        raise JudgesError(msg)
    return number


def findings(host: str, rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return every rule that the host fails, or that could not be evaluated."""
    return sorted(
        Finding("openscap", host, "host", row["result"], row["rule"], row["title"]) for row in rows if row["result"] in _FOUND
    )


def undecided(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the rules that say nothing of this host, because they don't apply to it or were not checked."""
    return frozenset(row["rule"] for row in rows if row["result"] not in (*_DECIDED, *_FOUND))
