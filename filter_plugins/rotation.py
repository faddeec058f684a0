"""Filters of playbooks/rotate.yml: re-exports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plugin_utils import rotation
from plugin_utils.filters import filters_of

NAMES = (
    "certificate_misses",
    "certificate_proofs",
    "certificate_refusals",
    "rotation_decision",
    "rotation_keyless",
    "rotation_left",
    "rotation_pairs",
    "rotation_paths",
    "rotation_proofs",
    "rotation_wrong",
)


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return filters by name."""
        return filters_of(rotation, NAMES)
