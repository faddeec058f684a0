"""Checks staged PAM files: an access.conf that can't fail open, and a stack whose modules are all there.

pam_access (linux-pam 1.5.2) lets a login pass when no line matches, when the last line has no newline and when a line
is malformed; so the only accepted shape is ``+:user:origins`` lines, and ``-:ALL:ALL`` with its newline at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from .origins import OriginError, covers, parse_origin

DENY_ALL = "-:ALL:ALL"
_OPTIONAL = ("optional",)
_CONTROL = re.compile(r"\[[^\]]*\]|\S+")


def parse_rules(text: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the origins of each user in a staged access.conf, and a sentence for each thing that isn't as it must be."""
    rules: dict[str, tuple[str, ...]] = {}
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line and not line.startswith("#")]
    problems = _ending_problems(text, [line for _number, line in lines])
    for number, line in lines[:-1]:
        sign, _unused, rest = line.partition(":")
        user, colon, origins = rest.partition(":")
        if sign != "+" or not colon or not user or user != user.strip() or not origins.split():
            problems.append(f"access.conf line {number}: {line!r} is not of the form +:user:origins")
            continue
        problems += [f"access.conf line {number}: {error}" for error in _origin_problems(origins.split())]
        rules[user] = (*rules.get(user, ()), *origins.split())
    return rules, problems


def rule_admits(rules: Mapping[str, Sequence[str]], user: str, address: str) -> bool:
    """Return whether pam_access admits ``user`` from ``address`` by rules that had no problem."""
    try:
        return covers(rules.get(user, ()), address)
    except OriginError:
        return False


def rule_problems(rules: Mapping[str, Sequence[str]], declared: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what differs between rules and declaration (origins by user)."""
    problems = []
    for user in sorted({*rules, *declared}):
        there, meant = set(rules.get(user, ())), set(declared.get(user, ()))
        problems += [f"access.conf admits {user} from {o}, which is not declared" for o in sorted(there - meant)]
        problems += [f"access.conf lacks {user} from {o}, which is declared" for o in sorted(meant - there)]
    return problems


def needed_modules(stack: str) -> list[str]:
    """Return the modules without which a PAM stack refuses everybody, each once, in order."""
    found: dict[str, None] = {}
    for line in stack.splitlines():
        words = line.split(None, 1)
        if len(words) < 2 or words[0].startswith(("#", "-", "@")):  # noqa: PLR2004 - type and the rest
            continue
        match = _CONTROL.match(words[1])
        control = match.group() if match else ""
        if control in _OPTIONAL or "module_unknown=ignore" in control:
            continue
        found[PurePosixPath(words[1][len(control) :].split()[0]).name] = None
    return list(found)


def _ending_problems(text: str, lines: Sequence[str]) -> list[str]:
    if not lines or lines[-1] != DENY_ALL:
        return [f"access.conf does not end with {DENY_ALL}, so who matches no line is admitted"]
    if not text.endswith(f"{DENY_ALL}\n"):
        return [f"access.conf has something after {DENY_ALL}, or no newline there: pam_access would skip the line and admit"]
    return []


def _origin_problems(origins: Sequence[str]) -> list[OriginError]:
    problems = []
    for origin in origins:
        try:
            parse_origin(origin)
        except OriginError as error:
            problems.append(error)
    return problems
