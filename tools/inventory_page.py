"""The reference page of the ``fabric_*`` inventory variables, from the tables that read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

import yaml

from module_utils.fabric import model, schema
from module_utils.fabric.parse import MODELS
from module_utils.fabric.rules import GRAPH_RULES, RECORD_RULES, REFERENCE_RULES
from module_utils.fabric.schema import Field

NAME = "inventory.md"
KINDS = {
    "name": "name",
    "text": "text",
    "bool": "true or false",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    "net4": "IPv4 subnet",
    "net6": "IPv6 subnet",
    "names": "list of names",
    "keys": "list of public keys",
    "texts": "list of texts",
    "record": "mapping",
    "records": "list of mappings",
}
INTRO = """# Inventory: the `fabric_*` variables

Source: `module_utils/fabric/schema.py`

An inventory declares the fabric by these variables and by its groups. Variables of the whole fabric stand in
`group_vars/all`, those of hosts and switches beside each host or in the variables of a group. Any other variable that
begins with `fabric_` is refused. What roles take is in their own pages; an inventory may set those variables too.
Complete examples: `inventories/twin` and `inventories/jhpcn`.

| Type | Is written |
|---|---|
| name | lower-case letters and digits, with single `-` or `_` between; a letter first. Hosts have no `_` |
| text | one line |
| IPv4 or IPv6 address, subnet | `192.0.2.10`, `"2001:db8::10"`; `192.0.2.0/26`, `"2001:db8::/64"` with host bits zero |
| public key | `"ssh-ed25519 AAAA... comment"`, one line |

Groups with a meaning of their own: `operator_hosts` (where Ansible runs; needs a member), `switches` (its members have the
variables of a switch), `package_servers` (`site.yml` converges them before the hosts that need them; in a twin they serve
Debian packages). All other groups are yours: flows and platforms name them.
"""
PARTS = (
    ("Of the whole fabric", "In `group_vars/all`, each of them once.", schema.GLOBALS, None),
    ("Of a host", "Each host that is not in the group `switches`.", schema.HOST, model.Host),
    ("Of a switch", "Each host in the group `switches`.", schema.SWITCH, model.Switch),
)
RULES = (
    ("Every name leads somewhere", REFERENCE_RULES),
    ("Records agree with each other", RECORD_RULES),
    ("The whole can work, and opens nothing by accident", GRAPH_RULES),
)


def inventory_page(notice: str) -> str:
    """Return the page: every variable with its keys, types, allowed values, defaults and meaning, then the rules."""
    parts = [notice, INTRO]
    for title, sentence, table, record in PARTS:
        parts.append(f"## {title}\n\n{sentence}\n")
        if record is None:
            parts += [_variable(f) for f in table]
        else:
            parts.append(_table(table, record))
    parts.append("## What is checked besides\n\nAll faults are named at once, each with file, line and what would be right.\n")
    for title, rules in RULES:
        listed = "\n".join(f"- {' '.join((rule.__doc__ or '').split())}" for rule in rules)
        parts.append(f"### {title}\n\n{listed}\n")
    return "\n".join(parts)


def _variable(f: Field) -> str:
    need = "required" if f.required else f"default {shown}" if (shown := default(f, model.Fabric)).startswith("`") else "optional"
    head = f"### `{f.key}`\n\n{kind(f).capitalize()}, {need}. {_meaning(f)}\n"
    return f"{head}\n{_table(f.record, MODELS[id(f.record)])}" if f.record else head


def _table(table: tuple[Field, ...], record: Any) -> str:
    return "\n".join(["| key | type | default | what it is |", "|---|---|---|---|", *_rows(table, record)]) + "\n"


def _rows(table: tuple[Field, ...], record: Any, prefix: str = "") -> Iterator[str]:
    """Yield a row for each field, those nested in it right behind it."""
    for f in table:
        need = "required" if f.required else default(f, record)
        cells = (f"`{prefix}{f.key}`", kind(f), need, _meaning(f))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        if f.record:
            inside = f"{prefix}{f.key}[]." if f.kind == "records" else f"{prefix}{f.key}."
            yield from _rows(f.record, MODELS[id(f.record)], inside)


def kind(f: Field) -> str:
    """Return what a field's value may be, in words."""
    if f.kind == "int":
        return f"{f.low} to {f.high}"
    if f.choices:
        named = ", ".join(f"`{choice}`" for choice in f.choices)
        return f"list of {named}" if f.kind == "names" else f"one of {named}"
    return KINDS[f.kind] + (f", exactly {f.count}" if f.count else "")


def default(f: Field, record: Any) -> str:
    """Return the default of an optional field, as the model has it: YAML as code, or a dash where it is simply not there."""
    name = f.attribute or f.key.removeprefix("fabric_")
    found = next(item for item in fields(record) if item.name == name)
    value = found.default
    if value is MISSING:
        msg = f"{record.__name__}.{name}: the schema says that it is optional, and the model has no default."
        raise ValueError(msg)
    if value is None or value == "" or f.kind == "record":
        return "–"  # noqa: RUF001 - a dash, for people
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6).removesuffix("\n").removesuffix("\n...")
    return f"`{text}`"


def _meaning(f: Field) -> str:
    return ". ".join(text[0].upper() + text[1:] for text in (f.help, f.note) if text) + "."
