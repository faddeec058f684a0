"""Reads authorized_keys files: which keys open a login, and from where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..fabric.model import Address
from .problem import CannotProve
from .ssh_patterns import match_host_and_address

_KINDS = ("ssh-", "ecdsa-", "sk-")
_FLAGS = frozenset(
    """agent-forwarding cert-authority no-agent-forwarding no-port-forwarding no-pty no-user-rc no-x11-forwarding
    no-touch-required port-forwarding pty restrict user-rc verify-required x11-forwarding""".split()
)
_VALUES = frozenset("command environment expiry-time from permitlisten permitopen principals tunnel".split())


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a file: its ``line``, the line's text without the key itself, and its options in small letters."""

    line: int
    text: str
    options: Mapping[str, str]

    @property
    def source(self) -> str | None:
        """Return the address list of ``from=``, or ``None`` where the key opens from anywhere."""
        return self.options.get("from")

    @property
    def forced(self) -> bool:
        """Return whether the key runs one command only."""
        return "command" in self.options

    def opens_from(self, address: Address) -> bool:
        """Return whether sshd takes the key from ``address``; an expiry is not looked at, it is somewhen ahead."""
        return self.source is None or match_host_and_address(address, self.source)


@lru_cache(maxsize=65536)
def parse_keys(text: str, where: str = "authorized_keys") -> tuple[Key, ...]:
    """Return the keys of a file. Lines that sshd passes over are passed over; options it doesn't know are refused."""
    return tuple(_keys(text, where))


def _keys(text: str, where: str) -> Iterator[Key]:
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith(_KINDS):
            yield Key(number, _comment(stripped), {})
            continue
        options, rest = _options(stripped, number, where)
        if rest.startswith(_KINDS):
            shown = stripped[: len(stripped) - len(rest)] + _comment(rest)
            yield Key(number, shown, options)


def _comment(key: str) -> str:
    """Return a key's kind and comment; the key itself tells a reader nothing."""
    words = key.split(None, 2)
    return " ".join((words[0], *words[2:]))


def _options(line: str, number: int, where: str) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(line) and line[at] not in " \t":
        start = at
        while at < len(line) and line[at] not in '=, \t"':
            at += 1
        name, value = line[start:at].lower(), ""
        if line[at : at + 2] == '="':
            end = at + 2
            while end < len(line) and line[end] != '"':
                end += 2 if line[end : end + 2] == '\\"' else 1
            value, at = line[at + 2 : end].replace('\\"', '"'), end + 1
            if end >= len(line):
                raise CannotProve(where, number, line[:40], "an option's quotes don't end")
        if name not in (_VALUES if value else _FLAGS):
            raise CannotProve(where, number, name or line[:40], "the proof doesn't know this option of a key")
        if name == "from" and name in found:
            raise CannotProve(where, number, line[:40], "sshd refuses a key with two from=")
        found[name] = value
        if line[at : at + 1] == ",":
            at += 1
        elif line[at : at + 1] not in ("", " ", "\t"):
            raise CannotProve(where, number, line[:40], "a comma or a space was expected between options")
    return found, line[at:].strip()
