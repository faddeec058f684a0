"""Who may become root by what an inventory sets itself, past the fabric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..fabric.model import Fabric, Override
from .findings import Finding

_PEOPLE = "base_users"


def extra_admins(fabric: Fabric) -> Iterator[Finding]:
    """Yield whom an override of a managed host makes an administrator without being an operator of the fabric."""
    operators = {name for name, operator in fabric.operators.items() if operator.state == "present"}
    for host in fabric.managed_hosts:
        for override in host.overrides:
            strangers = tuple(name for name in _admins(override) if name not in operators)
            if strangers:
                yield Finding("extra_admin", host.name, f"{override.variable} ({override.place})", users=strangers)


def _admins(override: Override) -> Iterator[str]:
    if override.variable != _PEOPLE or not isinstance(override.value, Sequence):
        return
    for person in override.value:
        if isinstance(person, Mapping) and person.get("admin") and person.get("state", "present") == "present":
            yield str(person.get("name"))
