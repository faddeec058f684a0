"""Filters for enrolling a second factor; the thinking is in module_utils/second_factor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from plugin_utils import second_factor


class FilterModule:
    """Hands the functions to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "second_factor_asked": second_factor.second_factor_asked,
            "second_factor_users": second_factor.second_factor_users,
            "second_factor_faults": second_factor.second_factor_faults,
            "second_factor_settled": second_factor.second_factor_settled,
            "second_factor_not_done": second_factor.second_factor_not_done,
            "second_factor_outcome": second_factor.second_factor_outcome,
            "of_users": second_factor.of_users,
        }
