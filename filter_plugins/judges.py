"""Filters of playbooks/judges.yml: re-exports, with faults of an inventory as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.fabric.problems import FabricError
from plugin_utils import judges

NAMES = ("ssh_audit_program", "judged_sshds", "judges_report", "judges_summary", "judges_evidence")


def _in_words(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except FabricError as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return filters by name."""
        return {name: _in_words(getattr(judges, name)) for name in NAMES}
