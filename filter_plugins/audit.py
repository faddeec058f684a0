"""Filters of playbooks/audit.yml and break_glass.yml: re-exports, with faults of an inventory or evidence as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.audit.plan import PlanError
from module_utils.fabric.access import sealed_operators
from module_utils.fabric.problems import FabricError
from plugin_utils import audit
from plugin_utils.inventory import load_fabric


def audit_setup(
    sources: Sequence[str], directory: str, forget: Sequence[str], days: object, silence: object
) -> dict[str, dict[str, Any]]:
    """Return, for each log server, the heads that earlier runs saw, and what follows for what it has to have and to answer."""
    try:
        return audit.setup([str(source) for source in sources], directory, forget, audit.bounds(days, silence))
    except (FabricError, PlanError) as error:
        raise AnsibleFilterError(str(error)) from error


def break_glass_drill(sources: Sequence[str], plan: str, user: str, hosts: Sequence[str]) -> str:
    """Return the name of the window of a plan in which a sealed credential may be tried on ``hosts`` now."""
    try:
        return audit.drill([str(source) for source in sources], plan, user, hosts)
    except (FabricError, PlanError) as error:
        raise AnsibleFilterError(str(error)) from error


def sealed_credentials(sources: Sequence[str]) -> list[str]:
    """Return the names of the sealed credentials that are to be there."""
    try:
        return [o.name for o in sealed_operators(load_fabric(*[str(source) for source in sources]))]
    except FabricError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Hands the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"audit_setup": audit_setup, "break_glass_drill": break_glass_drill, "sealed_credentials": sealed_credentials}
