"""Filters of playbooks/validate.yml: re-exports, with faults of an inventory as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plugin_utils import validation, validation_attacks
from plugin_utils.filters import filters_of

NAMES = ("validation_setup", "persona_faults", "probe_credentials")


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return filters by name."""
        return {**filters_of(validation, NAMES), **filters_of(validation_attacks, ("attack_faults",))}
