"""Callback: has the run load filters and tests before it forks, so that not each of its workers loads them anew."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: filters_once
type: aggregate
short_description: Load filter and test plugins once for a run
version_added: "0.2.0"
description:
  - Ansible forks a worker for each task and host, and a worker that meets the first filter of its life loads the filter plugins
    of the whole project. This loads them in the process from which all workers are forked.
author:
  - kakehashi contributors (@kakehashi)
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    """Loads them when a playbook starts; prints nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "filters_once"

    def v2_playbook_on_start(self, _playbook: Any) -> None:
        """Load them. One that can't be loaded is told by whatever needs it."""
        for loader in (filter_loader, test_loader):
            list(loader.all())
