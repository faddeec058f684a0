"""How an attempt can end, in codes: those of a login attempt, and some that only tricks come to."""

from __future__ import annotations

from ..matrix.outcomes import MEANINGS

ADMITTED = "admitted"
OWN = {
    "silent": "nothing answered",
    "ignored": "the login went on, the trick had no effect",
    "not-allowed": "the system refused it to this user",
    "ended": "what was left behind had ended",
}
"""Ends that are no login's, in words. A script says them itself (``no CODE WORDS``)."""
REFUSALS = frozenset({code for code, (verdict, _layer, _words) in MEANINGS.items() if verdict == "refused"} | set(OWN))


def meaning(code: str) -> str:
    """Return a code in words."""
    return OWN.get(code) or MEANINGS.get(code, ("", "", code))[2]
