"""Filters of playbooks/judges.yml: re-exports, with faults of an inventory as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plugin_utils import judges, judges_pack
from plugin_utils.filters import filters_of

NAMES = ("ssh_audit_program", "judged_hosts", "judges_report", "judges_summary", "judges_evidence")


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return filters by name."""
        return {**filters_of(judges, NAMES), **filters_of(judges_pack, ("judges_program",))}
