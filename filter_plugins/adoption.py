"""Filters of playbooks/survey.yml and playbooks/observed.yml: re-exports, with faults of an inventory as Ansible's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.fabric.problems import FabricError
from plugin_utils import adoption

NAMES = (
    "survey_paths",
    "survey_report",
    "survey_summary",
    "survey_diffs",
    "observed_report",
    "observed_summary",
    "machines_read",
)


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
        return {name: _in_words(getattr(adoption, name)) for name in NAMES}
