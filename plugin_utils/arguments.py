"""Role arguments that an inventory sets itself, past what the fabric means.

Roles get their arguments from playbooks/group_vars/all. In Ansible's order of precedence a child group's group_vars, a
host's own variables and its host_vars win over these; the inventory's group_vars/all, and what hosts.yml gives to groups,
lose (docs.ansible.com, "Understanding variable precedence"). Ansible itself merges them; here it is seen who won.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import EncryptedString

from module_utils.fabric.model import Override
from module_utils.fabric.problems import Key

ROOT = Path(__file__).resolve().parents[1]
PLAYBOOKS = ROOT / "playbooks"


@cache
def declared_arguments(root: Path = ROOT) -> Mapping[str, object]:
    """Return every argument of every role below ``root``, with the text that playbooks/group_vars/all gives it, or ``None``."""
    given: dict[str, object] = {}
    for path in sorted((root / "playbooks" / "group_vars" / "all").glob("*.yml")):
        given |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    names: list[str] = []
    for path in sorted((root / "roles").glob("*/defaults/main.yml")):
        names += yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {name: given.get(name) for name in names}


def overrides(
    host: str,
    variables: Mapping[str, Any],
    plain: Callable[[Any], Any],
    locate: Callable[[Key], str],
) -> tuple[Override, ...]:
    """Return the role arguments that the inventory decides for a host whose merged variables are ``variables``.

    ``plain`` turns a value without templates into plain Python. A template or an encrypted value makes an override that
    isn't ``known``: what it comes to is seen by a run only, which knows facts and passwords.
    """
    found = []
    for name, given in declared_arguments().items():
        if name not in variables or (given is not None and _same(variables[name], given)):
            continue
        value, known = variables[name], _known(variables[name])
        found.append(Override(name, plain(value) if known else None, locate(("host", host, name)), known))
    return tuple(found)


def _same(value: object, given: object) -> bool:
    return isinstance(value, str) and str(value) == given


def _known(value: object) -> bool:
    if isinstance(value, EncryptedString):
        return False
    if isinstance(value, Mapping):
        return all(_known(k) and _known(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(_known(item) for item in value)
    return not (isinstance(value, str) and ("{{" in value or "{%" in value))
