"""Filters of playbooks/survey.yml and playbooks/observed.yml: re-exports, with faults of an inventory as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plugin_utils import adoption
from plugin_utils.filters import filters_of

NAMES = (
    "survey_paths",
    "survey_report",
    "survey_summary",
    "survey_diffs",
    "observed_report",
    "observed_summary",
    "machines_read",
)


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return filters by name."""
        return filters_of(adoption, NAMES)
