"""Whether login servers ask for the second factors that are declared."""

from __future__ import annotations

from collections.abc import Iterator

from ..fabric import factors
from ..fabric.model import FAMILIES, Host
from .declared import Declaration
from .findings import Finding
from .hosts import HostModel


def second_factors(host: Host, model: HostModel, declaration: Declaration) -> Iterator[Finding]:
    """Yield who may log in to ``host`` with less than the inventory asks for, and by which lines."""
    for server in model.servers:
        for port in server.ports:
            lacking: dict[str, list[str]] = {}
            for name in server.users:
                wanted = factors.of_user(declaration.fabric, host, name)
                if wanted == "none":
                    continue
                reasons = (server.lacks_factor(name, port, family, wanted) for family in FAMILIES)
                if reason := next(filter(None, reasons), ""):
                    lacking.setdefault(reason, []).append(name)
            for reason, names in lacking.items():
                yield Finding("missing_factor", host.name, reason, service=f"port {port}", users=tuple(sorted(names)))
