"""Reads an Ansible inventory as Ansible reads it, and makes the fabric of it. Nothing encrypted is ever opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import EncryptedString, is_encrypted
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from module_utils.fabric.model import Fabric, Override
from module_utils.fabric.parse import RawFabric, RawHost
from module_utils.fabric.problems import FabricError, Unreadable
from module_utils.fabric.schema import GLOBALS
from module_utils.fabric.validate import checked_fabric

from .arguments import PLAYBOOKS, overrides
from .locate import FOLDERS, Locator

PREFIX = "fabric_"
KEY_OVERRIDES = "fabric_key_overrides"
"""Public keys by person (``[{name, keys}]``) that stand in for the declared ones: a rehearsal's generated keys."""

_GLOBAL_NAMES = frozenset(f.key for f in GLOBALS) | {KEY_OVERRIDES}
_ENCRYPTED = Unreadable("is encrypted", "write it as plain text: the fabric holds no secrets, and nothing of it is decrypted")


class _ClosedLoader(DataLoader):  # type: ignore[misc] # Ansible has no types
    """Reads inventory files, and takes encrypted ones as empty: they hold secrets, which the fabric has none of."""

    def _decrypt_if_vault_data(self, b_data: bytes) -> tuple[bytes, bool]:
        return (b"{}", True) if is_encrypted(b_data) else (b_data, True)


def load_raw(sources: Sequence[str | Path]) -> RawFabric:
    """Return the ``fabric_*`` variables, hosts and groups of inventory sources, templates resolved.

    Raises ``FabricError`` where a source is missing or empty, or can't be parsed.
    """
    return _load(sources)[0]


def load_fabric(*sources: str | Path) -> Fabric:
    """Return the validated fabric of one or more inventory sources (later ones win, as in Ansible).

    Its hosts hold the role arguments that the inventory sets itself, as Ansible's precedence has it.
    Raises ``FabricError`` that holds one line for every fault: file, line, key, value and what would be right.
    """
    raw, locator, own = _load(sources)
    fabric = checked_fabric(raw, locator.locate)
    hosts = {name: replace(host, overrides=own[name]) if own.get(name) else host for name, host in fabric.hosts.items()}
    return replace(fabric, hosts=hosts)


def _load(sources: Sequence[str | Path]) -> tuple[RawFabric, Locator, dict[str, tuple[Override, ...]]]:
    named = ", ".join(map(str, sources))
    missing = [s for s in sources if not Path(s).exists()]
    if missing or not sources:
        where = ", ".join(map(str, missing)) or "(no inventory)"
        raise FabricError([f"{where}: there is no such inventory; name a directory such as inventories/twin"])
    for source in map(Path, sources):
        if inside := _inventories(source):
            raise FabricError([f"{source}: holds inventories and is none itself; name one of them: {', '.join(inside)}"])
    broken = Locator(sources).broken
    if broken:
        raise FabricError(broken)
    if not any(_inventory_files(Path(s)) for s in sources):
        raise FabricError([f"{named}: the inventory has no hosts; declare them in hosts.yml"])
    loader = _ClosedLoader()
    try:
        inventory = InventoryManager(loader=loader, sources=[str(s) for s in sources])
        manager = VariableManager(loader=loader, inventory=inventory)
        loader.set_basedir(str(PLAYBOOKS))
        manager.safe_basedir = True  # else Ansible leaves out the group_vars that lie beside the playbooks
        written = {h.name: manager.get_vars(host=h, include_hostvars=False) for h in inventory.hosts.values()}
    except AnsibleError as error:
        raise FabricError([f"{named}: {_sentence(error)}; correct the inventory"]) from error
    if not written:
        raise FabricError([f"{named}: the inventory has no hosts; declare them in hosts.yml"])
    if not any(key.startswith(PREFIX) for variables in written.values() for key in variables):
        raise FabricError([f"{named}: no variable begins with {PREFIX}; copy group_vars/all from inventories/jhpcn"])
    order = {name: i for i, name in enumerate(written)}  # as written; Ansible keeps a group's members in a set
    groups = {
        name: tuple(sorted((h.name for h in group.get_hosts()), key=order.__getitem__))
        for name, group in inventory.groups.items()
    }
    precedence = {
        host.name: [g.name for g in sorted(host.get_groups(), key=lambda g: (g.depth, g.priority, g.name), reverse=True)]
        for host in inventory.hosts.values()
    }
    locator, plain = Locator(sources, precedence), partial(_resolved, loader, {})
    own = {name: overrides(name, variables, plain, locator.locate) for name, variables in written.items()}
    return _raw(loader, written, precedence, groups), locator, own


def _inventories(source: Path) -> list[str]:
    """Return the inventories in a directory that is none itself."""
    if not source.is_dir() or any(path.is_file() for path in source.iterdir()):
        return []
    return sorted(str(path.parent) for path in source.glob("*/hosts.yml"))


def _inventory_files(source: Path) -> list[Path]:
    """Return what Ansible would read hosts from."""
    inside = source.iterdir() if source.is_dir() else [source]
    return [path for path in inside if path.name not in FOLDERS]


def _raw(
    loader: DataLoader,
    written: Mapping[str, Mapping[str, Any]],
    precedence: Mapping[str, Sequence[str]],
    groups: Mapping[str, tuple[str, ...]],
) -> RawFabric:
    """Part what is the fabric's from what is a host's own, by the schema's names, and resolve templates."""
    first = next(iter(written.values()))
    shared = {k: _resolved(loader, first, v) for k, v in first.items() if k in _GLOBAL_NAMES}
    hosts: dict[str, RawHost] = {}
    for name, variables in written.items():
        own = {
            key: _resolved(loader, variables, value)
            for key, value in variables.items()
            if key.startswith(PREFIX) and (key not in _GLOBAL_NAMES or not _same(value, first.get(key)))
        }
        hosts[name] = RawHost(frozenset(precedence[name]), own)
    _override_keys(shared)
    return RawFabric(variables=shared, hosts=hosts, groups=groups)


def _same(value: Any, other: Any) -> bool:
    return value is other or bool(value == other)


def _resolved(loader: DataLoader, variables: Mapping[str, Any], value: Any) -> Any:
    """Return a value as plain Python: containers entered, templates resolved, encrypted strings left closed."""
    if isinstance(value, EncryptedString):
        return _ENCRYPTED
    if isinstance(value, Mapping):
        return {str(k): _resolved(loader, variables, v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(loader, variables, v) for v in value]
    if isinstance(value, str):
        return _text(loader, variables, value)
    if isinstance(value, bool) or value is None:
        return value
    return next((kind(value) for kind in (int, float) if isinstance(value, kind)), value)


def _text(loader: DataLoader, variables: Mapping[str, Any], value: str) -> Any:
    if "{{" not in value and "{%" not in value:
        return str(value)
    try:
        result = Templar(loader=loader, variables=dict(variables)).template(value)
        # What is marked unsafe stays a template; as text it is as good as any.
        return str(result) if result == value else _resolved(loader, {}, result)
    except AnsibleError as error:
        if "decrypt" in str(error.message):
            return _ENCRYPTED
        return Unreadable(f"its template {str(value)!r} fails ({_sentence(error)})", "write the value itself")


def _override_keys(shared: dict[str, Any]) -> None:
    overrides = shared.pop(KEY_OVERRIDES, ())
    keys = {item["name"]: item["keys"] for item in overrides if isinstance(item, dict) and {"name", "keys"} <= item.keys()}
    for people in ("fabric_accounts", "fabric_operators"):
        if isinstance(shared.get(people), list):
            shared[people] = [_with_keys(person, keys) for person in shared[people]]
    # A rehearsal has nobody who could sign certificates for its operators.
    if keys and "fabric_operator_keys" in shared:
        shared["fabric_operator_keys"] = True


def _with_keys(person: Any, keys: Mapping[str, Any]) -> Any:
    found = isinstance(person, dict) and person.get("name") in keys
    return {**person, "keys": keys[person["name"]]} if found else person


def _sentence(error: AnsibleError) -> str:
    return " ".join(str(error.message).split()).rstrip(".")
