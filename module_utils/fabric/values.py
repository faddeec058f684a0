"""Single values of inventory variables, each kind of the schema with its own reader and its own words for a fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from . import keys, schema
from .problems import Key, Problem, Unreadable

NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
NOTHING = object()
"""Stands for a value that was refused."""

_ADDRESSES: dict[str, tuple[Callable[[str], Any], str]] = {
    "ipv4": (IPv4Address, "an IPv4 address such as 192.0.2.10"),
    "ipv6": (IPv6Address, "an IPv6 address such as 2001:db8::10"),
    "net4": (IPv4Network, "an IPv4 subnet such as 192.0.2.0/26, host bits zero"),
    "net6": (IPv6Network, "an IPv6 subnet such as 2001:db8::/64, host bits zero"),
}


class Values:
    """Reads single values, and collects what is wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, key: Key, value: object, message: str, wanted: str) -> None:
        """Keep a fault."""
        self.problems.append(Problem(key, value, message, wanted))

    def refuse(self, key: Key, value: object, message: str, wanted: str) -> object:
        """Keep a fault, and return ``NOTHING`` for the value."""
        self.wrong(key, value, message, wanted)
        return NOTHING

    def value(self, f: schema.Field, raw: object, key: Key) -> Any:
        """Return one value in the model's type, or ``NOTHING`` where it is wrong."""
        if isinstance(raw, Unreadable):
            return self.refuse(key, None, raw.why, raw.wanted)
        reader: Callable[[schema.Field, object, Key], Any] = getattr(self, f"_read_{f.kind}", self._read_address)
        return reader(f, raw, key)

    def items(self, raw: object, key: Key, what: str) -> list[object] | None:
        """Return a list's items, or ``None`` where it is no list."""
        if isinstance(raw, list | tuple):
            return list(raw)
        self.wrong(key, raw, f"is not {what}", "write one item a line, each after a hyphen")
        return None

    def _read_name(self, f: schema.Field, raw: object, key: Key) -> Any:
        if isinstance(raw, str) and NAME_PATTERN.fullmatch(raw):
            return str(raw)
        return self.refuse(key, raw, "is no name", f"write {f.help} with lower-case letters, digits, - and _, a letter first")

    def _read_text(self, f: schema.Field, raw: object, key: Key) -> Any:
        if isinstance(raw, str) and raw and raw.isprintable():
            return str(raw)
        return self.refuse(key, raw, "is no line of text", f"write {f.help} as one quoted line")

    def _read_int(self, f: schema.Field, raw: object, key: Key) -> Any:
        wanted = f"use {f.low} to {f.high}: {f.help}"
        if isinstance(raw, bool) or not isinstance(raw, int):
            return self.refuse(key, raw, "is no whole number", wanted)
        if not f.low <= raw <= f.high:
            return self.refuse(key, raw, f"is outside {f.low}..{f.high}", wanted)
        return int(raw)

    def _read_bool(self, f: schema.Field, raw: object, key: Key) -> Any:
        if isinstance(raw, bool):
            return raw
        return self.refuse(key, raw, "is neither true nor false", f"write true or false, unquoted: {f.help}")

    def _read_choice(self, f: schema.Field, raw: object, key: Key) -> Any:
        if isinstance(raw, str) and raw in f.choices:
            return str(raw)
        return self.refuse(key, raw, "is not one of the choices", "use " + " or ".join(f.choices))

    def _read_address(self, f: schema.Field, raw: object, key: Key) -> Any:
        make, wanted = _ADDRESSES[f.kind]
        try:
            if not isinstance(raw, str):
                raise ValueError
            return make(str(raw))
        except ValueError:
            return self.refuse(key, raw, "is not " + wanted.split(" such", maxsplit=1)[0], f"write {wanted}")

    def _read_names(self, f: schema.Field, raw: object, key: Key) -> Any:
        items = self.items(raw, key, "a list of names")
        if items is None:
            return NOTHING
        member = schema.Field(f.key, "choice" if f.choices else "name", f.help, choices=f.choices)
        values = [self.value(member, item, (*key, i)) for i, item in enumerate(items)]
        for i, name in enumerate(values):
            if name is not NOTHING and name in values[:i]:
                values[i] = self.refuse((*key, i), name, "stands twice in the list", "write each once")
        return NOTHING if NOTHING in values else tuple(values)

    def _read_texts(self, f: schema.Field, raw: object, key: Key) -> Any:
        return self._read_each(schema.Field(f.key, "text", f.help), raw, key, "a list of texts")

    def _read_keys(self, f: schema.Field, raw: object, key: Key) -> Any:
        return self._read_each(schema.Field(f.key, "key", f.help), raw, key, "a list of public keys")

    def _read_each(self, member: schema.Field, raw: object, key: Key, wanted: str) -> Any:
        items = self.items(raw, key, wanted)
        if items is None:
            return NOTHING
        values = [self.value(member, item, (*key, i)) for i, item in enumerate(items)]
        return NOTHING if NOTHING in values else tuple(values)

    def _read_key(self, f: schema.Field, raw: object, key: Key) -> Any:
        wanted = f'write {f.help}, each as one line "ssh-ed25519 AAAA... comment"'
        fault = keys.fault(raw) if isinstance(raw, str) else "is no line of text"
        if fault is None and isinstance(raw, str) and raw.isprintable():
            return str(raw)
        return self.refuse(key, raw, fault or "is no line of text", wanted)
