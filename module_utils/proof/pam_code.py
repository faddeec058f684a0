"""Whether a service's auth phase lets anybody in without a code, tried for everything that its modules may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from .pam_stack import PAM_DIRECTORY, Line, stack_lines
from .problem import CannotProve

CODE = "pam_oath.so"
_FIXED = {"pam_deny.so": ("auth_err",), "pam_permit.so": ("success",)}
_ANSWERS = ("success", "auth_err", "ignore")
_LONGEST = 8
"""Lines beyond which a phase isn't tried: each line has three answers."""


def code_needed(service: str, files: Mapping[str, str]) -> bool:
    """Return whether nobody passes the auth phase of ``service`` without the right code. Raises ``CannotProve``."""
    return not _passes(service, files, "auth_err")


def code_opens(service: str, files: Mapping[str, str]) -> bool:
    """Return whether a right code can pass the auth phase of ``service``. Raises ``CannotProve``."""
    return CODE in {_module(line) for line in _lines(service, files)} and _passes(service, files, "success")


def _passes(service: str, files: Mapping[str, str], code: str) -> bool:
    lines = _lines(service, files)
    answers = [(code,) if _module(line) == CODE else _FIXED.get(_module(line), _ANSWERS) for line in lines]
    return any(_succeeds(lines, given) for given in product(*answers))


def _lines(service: str, files: Mapping[str, str]) -> list[Line]:
    path = f"{PAM_DIRECTORY}/{service}"
    lines = list(stack_lines("auth", path, files))
    if len(lines) > _LONGEST:
        raise CannotProve(path, lines[-1].number, lines[-1].text, f"an auth phase of more than {_LONGEST} lines isn't judged")
    return lines


def _module(line: Line) -> str:
    return line.module.rpartition("/")[2]


def _succeeds(lines: Sequence[Line], answers: Sequence[str]) -> bool:
    """Return what libpam's dispatcher makes of the answers: only the first failure and a success without any are told apart."""
    state, at = "", 0
    while at < len(lines):
        answer, line = answers[at], lines[at]
        action = line.actions.get(answer, line.actions.get("default", "bad"))
        at += 1
        if action.isdigit():
            at += int(action)
        elif action == "reset":
            state = ""
        elif action in ("bad", "die"):
            state = "failed"
        elif action in ("ok", "done") and state != "failed":
            # What a module refuses refuses, even where a line calls that ok.
            state = "passed" if answer == "success" else "failed"
        if action == "die" or (action == "done" and state == "passed"):
            break
    return state == "passed"
