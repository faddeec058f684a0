"""The bypass catalogue as a part of playbooks/validate.yml: which attempts are made there, and how hosts are reached."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from module_utils.attacks.choice import ChoiceError, chosen, why_not, without
from module_utils.attacks.parse import CatalogueError
from module_utils.attacks.rounds import plan_rounds
from module_utils.attacks.summary import AS_BEFORE
from module_utils.fabric.model import Fabric

from .attack_driver import AttackError, Driver, Ways
from .attack_run import attempt
from .attacks import load_catalogue
from .inventory import load_fabric
from .validation import PROBE


def attack_faults(wanted: Any, rehearsed: bool) -> list[str]:
    """Return in words what is wrong with ``validate_attacks``."""
    try:
        chosen(load_catalogue(), wanted, rehearsed=rehearsed)
    except (ChoiceError, CatalogueError) as error:
        return [str(error)]
    return []


def make_attempts(arguments: Mapping[str, Any], hostvars: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Make the attempts that ``arguments`` choose, as the hosts are, and return what came of it as plain data.

    Empty where none is chosen. ``broken`` holds in words why none could be made.
    """
    rehearsed = bool(arguments["rehearsed"])
    catalogue = load_catalogue()
    names = chosen(catalogue, arguments["attacks"], rehearsed=rehearsed)
    if not names:
        return {}
    fabric = load_fabric(*arguments["sources"])
    answering = [name for name in fabric.hosts if "made" in _get(hostvars, name, PROBE)]
    # Without counter-tests, which take layers away: validation looks, and `make attack` proves the catalogue.
    plan = plan_rounds(fabric, catalogue, names=names, counter=False)
    plan = without(plan, lambda stage: why_not(fabric, stage, answering, rehearsed=rehearsed))
    driver = Driver(_ways(arguments, hostvars, fabric), say)
    try:
        done = attempt(driver, catalogue, plan, names)
    except AttackError as error:
        return {"broken": str(error), "hosts_after": {host: text or AS_BEFORE for host, text in driver.after.items()}}
    return {**done.data(), "left_out": dict(plan.left_out)}


def _ways(arguments: Mapping[str, Any], hostvars: Mapping[str, Any], fabric: Fabric) -> Ways:
    personas = arguments["personas"]
    return Ways(
        ssh={name: _ssh(hostvars[name], name) for name in fabric.hosts if name in hostvars},
        known_hosts="\n".join(arguments["known_hosts"]) + "\n",
        keys={p["name"]: str(Path(p["key"]).expanduser()) for p in personas},
        passwords={p["name"]: p["password"] for p in personas if p.get("password")},
        local=frozenset(n for n in fabric.hosts if n in hostvars and hostvars[n].get("ansible_connection") == "local"),
        sources=tuple(arguments["sources"]),
    )


def _ssh(variables: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return ssh's options and destination for a host, as Ansible reaches it."""
    options = shlex.split(str(variables.get("ansible_ssh_common_args") or ""))
    for option, variable in (("-l", "ansible_user"), ("-p", "ansible_port"), ("-i", "ansible_ssh_private_key_file")):
        if variables.get(variable):
            options += [option, str(variables[variable])]
    return (*options, str(variables.get("ansible_host") or name))


def _get(hostvars: Mapping[str, Any], host: str, name: str) -> Mapping[str, Any]:
    answer = hostvars[host].get(name) if host in hostvars else None
    return answer if isinstance(answer, Mapping) and not answer.get("failed") else {}
