"""Reads a service's file of pam.d: whether pam_access is asked in the account phase, and whether its refusal stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .problem import CannotProve

PAM_DIRECTORY = "/etc/pam.d"
DEFAULT_ACCESS_FILE = "/etc/security/access.conf"
_LINE = re.compile(r"\s*(-?)(\w+)\s+(\[[^\]]*\]|\w+)\s+(\S+)\s*(.*)")
_WORDS = {
    "required": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
    "optional": {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
}
_HARMLESS = ("ok", "ignore", "bad", "die")
_KNOWN_ARGUMENTS = ("debug", "noaudit", "nodefgroup", "nodns", "quiet_log")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a stack: ``where`` it stands, what each return value does (``actions``), module and arguments."""

    where: str
    number: int
    text: str
    actions: Mapping[str, str]
    module: str
    arguments: tuple[str, ...]

    @property
    def may_end_or_jump(self) -> bool:
        """Return whether the lines that follow may not be asked, or what was said before may be forgotten."""
        return any(action not in _HARMLESS for action in self.actions.values())


@dataclass(frozen=True, slots=True)
class AccessCall:
    """The call of pam_access whose refusal refuses the login. ``explicit``: its file must be there."""

    line: Line
    file: str
    explicit: bool
    groups_by_plain_name: bool


def access_call(service: str, files: Mapping[str, str]) -> AccessCall | None:
    """Return the call of pam_access in the account phase of ``service``, or ``None`` where its refusal doesn't stand.

    ``files`` holds texts by path; the service's own file and all that it includes must be there.
    """
    lines = list(stack_lines("account", f"{PAM_DIRECTORY}/{service}", files))
    if any("reset" in line.actions.values() for line in lines):
        return None
    for line in lines:
        if line.module.rpartition("/")[2] == "pam_access.so" and _refusal_stands(line):
            return _call(line)
        if line.may_end_or_jump:
            return None
    return None


def _refusal_stands(line: Line) -> bool:
    action = line.actions.get("perm_denied", line.actions.get("default", "bad"))
    abort = line.actions.get("abort", line.actions.get("default", "bad"))
    return action in ("bad", "die") and abort in ("bad", "die")


def _call(line: Line) -> AccessCall:
    file, explicit, plain = DEFAULT_ACCESS_FILE, False, True
    for argument in line.arguments:
        name, _unused, value = argument.partition("=")
        if name == "accessfile":
            file, explicit = value, True
        elif argument == "nodefgroup":
            plain = False
        elif argument not in _KNOWN_ARGUMENTS:
            raise CannotProve(line.where, line.number, line.text, f"the proof doesn't know pam_access's {argument}")
    return AccessCall(line, file, explicit, plain)


def stack_lines(wanted: str, path: str, files: Mapping[str, str], depth: int = 0) -> Iterator[Line]:
    """Yield the lines of one phase (``account``, ``auth``) of a service's file, with all that it includes."""
    text = files.get(path)
    if text is None or depth > 16:  # noqa: PLR2004 - as deep as libpam goes
        raise CannotProve(path, 0, path.rpartition("/")[2], "nothing is known of this PAM file")
    for number, line in _logical_lines(text):
        if line.startswith("@include"):
            yield from stack_lines(wanted, f"{PAM_DIRECTORY}/{line.split()[1]}", files, depth + 1)
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise CannotProve(path, number, line, "a line is a type, a control, a module and its arguments")
        _unused, kind, control, module, rest = match.groups()
        if kind.lower() != wanted:
            continue
        if control.lower() == "include":
            yield from stack_lines(wanted, f"{PAM_DIRECTORY}/{module}", files, depth + 1)
        else:
            yield Line(path, number, line, _actions(control, path, number, line), module, tuple(rest.split()))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text) with continued lines joined, without comments and blank lines."""
    held, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start or number
        held += line.split("#", 1)[0]
        if held.endswith("\\"):
            held = held[:-1] + " "
            continue
        if held.strip():
            yield start, held.strip()
        held, start = "", 0


def _actions(control: str, path: str, number: int, line: str) -> Mapping[str, str]:
    if control.lower() in _WORDS:
        return _WORDS[control.lower()]
    if not control.startswith("["):
        raise CannotProve(path, number, line, f"the proof doesn't know the control {control}")
    pairs = [word.partition("=") for word in control[1:-1].split()]
    if not all(equals for _unused, equals, _unused2 in pairs):
        raise CannotProve(path, number, line, "a control in brackets is made of value=action")
    return {value.lower(): action.lower() for value, _unused, action in pairs}
