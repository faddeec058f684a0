"""One thing on a machine in service that the declaration doesn't know, and what becomes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Finding:
    """``kind`` is one of ``KINDS``; ``subject`` is what was found, ``effect`` what adopting the machine means for it."""

    kind: str
    subject: str
    effect: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


KINDS = {
    "user": "Users",
    "key": "Keys",
    "sudo": "Ways to become root",
    "sshd": "Settings of sshd",
    "listener": "Services that listen",
    "connection": "Connections open now",
    "ruleset": "Other packet filters",
    "process": "Processes of users who would be locked or removed",
    "job": "Jobs that run without a login",
    "address": "Addresses",
    "route": "Routes",
    "manager": "Other network managers",
    "port": "Switch ports",
    "unread": "What could not be read",
}
"""Each kind of finding, with the heading under which it is shown, in that order."""
