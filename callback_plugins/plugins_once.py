"""Callback: has the run load plugins before it forks, so that not each of its workers loads them anew."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: plugins_once
type: aggregate
short_description: Load once for a run what each of its workers needs
version_added: "0.2.0"
description:
  - Ansible forks a worker for each task and host. Each loads anew what the process from which it was forked had not loaded,
    with the first filter those of the whole project, and for each connection the plugin's documentation, where its settings are.
    This loads them in the process from which all workers are forked.
author:
  - kakehashi contributors (@kakehashi)
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import become_loader, connection_loader, filter_loader, lookup_loader, shell_loader, test_loader

NEEDED = (
    (connection_loader, ("ssh", "local")),
    (become_loader, ("sudo",)),
    (shell_loader, ("sh",)),
    (lookup_loader, ("template", "file")),
)
"""What nearly every task of this repository needs."""


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    """Loads them when a playbook starts; prints nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "plugins_once"

    def v2_playbook_on_start(self, _playbook: Any) -> None:
        """Load them. One that can't be loaded is told by whatever needs it."""
        for loader in (filter_loader, test_loader):
            list(loader.all())
        for loader, names in NEEDED:
            for name in names:
                loader.get(name, class_only=True)
