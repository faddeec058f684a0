"""Filter of playbooks/audit.yml: a re-export, with faults of an inventory or evidence as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.audit.plan import PlanError
from module_utils.fabric.problems import FabricError
from plugin_utils import audit


def audit_setup(sources: Sequence[str], directory: str, forget: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Return, for each log server, the heads that earlier runs saw, and since when it has to have kept records."""
    try:
        return audit.setup([str(source) for source in sources], directory, forget)
    except (FabricError, PlanError) as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Hands the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"audit_setup": audit_setup}
