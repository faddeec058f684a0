"""The controller's part of enrolling: brings randomness and the time, and reads what the login servers answered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from module_utils.second_factor.enrolment import (
    SECRET_BYTES,
    faults,
    from_data,
    not_done,
    outcome,
    settle,
    to_data,
    uri,
)


def second_factor_asked(views: Mapping[str, Any]) -> list[str]:
    """Return the login servers that ask anybody for a code."""
    return [name for name, view in views.items() if view.get("login_restriction", {}).get("totp_users")]


def second_factor_users(views: Mapping[str, Any]) -> list[str]:
    """Return everybody whom any login server asks for a code."""
    return sorted({user for name in second_factor_asked(views) for user in views[name]["login_restriction"]["totp_users"]})


def second_factor_settled(
    answers: Iterable[Mapping[str, Any]],
    declared: Collection[str],
    issuer: str,
    enrol: str | Collection[str] = (),
    withdraw: str | Collection[str] = (),
) -> dict[str, Any]:
    """Return ``secrets`` by user, the ``uris`` of those enrolled now, who was ``withdrawn``, and who is ``missing``.

    ``answers`` are results of the module second_factor; those without secrets had no answer. Raises ``EnrolmentError``.
    """
    found = [from_data(answer["secrets"]) for answer in answers if "secrets" in answer]
    settled = settle(
        found,
        declared,
        lambda: secrets.token_hex(SECRET_BYTES),
        int(time.time()),
        enrol=_names(enrol),
        withdraw=_names(withdraw),
    )
    return {
        "secrets": to_data(settled.secrets),
        "uris": {name: uri(name, issuer, settled.secrets[name]) for name in settled.made},
        "withdrawn": _names(withdraw),
        "missing": list(settled.missing),
    }


def second_factor_faults(
    declared: Collection[str], enrol: str | Collection[str] = (), withdraw: str | Collection[str] = ()
) -> list[str]:
    """Return in words what can't be done of what is asked for."""
    return faults(declared, _names(enrol), _names(withdraw))


def second_factor_not_done(asked: Collection[str], hostvars: Mapping[str, Any]) -> dict[str, str]:
    """Return which login servers don't keep what was settled, and why. Their facts hold what they answered to the module."""
    return not_done(asked, {name: _answer(hostvars[name]) for name in asked})


def second_factor_outcome(left: Mapping[str, str], settled: Mapping[str, Any], check_mode: bool = False) -> str:
    """Return in words what became of a run. ``left`` is what ``second_factor_not_done`` returned."""
    return outcome(left, list(settled["uris"]), settled["withdrawn"], settled["missing"], tried=check_mode)


def of_users(kept: Mapping[str, Any], users: Collection[str]) -> dict[str, Any]:
    """Return of ``kept`` what belongs to ``users``."""
    return {name: value for name, value in kept.items() if name in users}


def _answer(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a login server answered last: where it went away before it was to keep anything, that it did."""
    answer: Mapping[str, Any] = facts.get("__second_factor_done") or facts.get("__second_factor_kept") or {}
    return answer


def _names(given: str | Collection[str]) -> list[str]:
    """Return names that were given as a list, or as words with commas between them."""
    return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else list(given)
