"""What filter plugins share: functions as filters, with faults of an inventory in Ansible's own form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from types import ModuleType
from typing import Any

from ansible.errors import AnsibleFilterError

from module_utils.fabric.problems import FabricError
from module_utils.judges.exceptions import JudgesError

Filter = Callable[..., Any]


def in_words(call: Filter) -> Filter:
    """Return ``call`` as a filter: raises AnsibleFilterError, with the same words, where it raises FabricError or JudgesError."""

    @wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except (FabricError, JudgesError) as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped


def filters_of(module: ModuleType, names: Iterable[str]) -> dict[str, Filter]:
    """Return functions of a module by name, as filters."""
    return {name: in_words(getattr(module, name)) for name in names}
