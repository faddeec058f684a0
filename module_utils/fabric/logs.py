"""Who keeps whose journal: flows of the service ``journal`` say it, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterable

from .model import Fabric, Host
from .paths import Path

JOURNAL = "journal"


def is_log_server(fabric: Fabric, host: Host) -> bool:
    """Return whether a flow of journals leads to a group of ``host``."""
    return any(flow.service == JOURNAL and flow.destination in host.groups for flow in fabric.flows)


def log_servers(fabric: Fabric) -> tuple[Host, ...]:
    """Return all log servers, in inventory order."""
    return tuple(h for h in fabric.hosts.values() if is_log_server(fabric, h))


def log_server_of(host: Host, every: Iterable[Path]) -> str | None:
    """Return the log server that ``host`` sends its journal to. ``every`` holds the paths that touch the host, or more."""
    found = {p.target for p in every if p.origin == host.name and p.flow.service == JOURNAL}
    return min(found, default=None)


def senders(host: Host, every: Iterable[Path]) -> tuple[str, ...]:
    """Return the names of the hosts whose journal the log server ``host`` keeps, in alphabetical order."""
    return tuple(sorted({p.origin for p in every if p.target == host.name and p.flow.service == JOURNAL}))
