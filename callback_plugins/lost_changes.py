"""Callback: tells at the end of a run what becomes of hosts that it left in the middle of their change."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: lost_changes
type: aggregate
short_description: Tell what becomes of hosts that were lost in the middle of a confirmed change
version_added: "0.2.0"
description:
  - Ansible only says that a host is unreachable. This adds, at the end of the run, one sentence for each host that was lost
    between arming and confirming, since nothing can be run there any more; and one for each whose change is still held when
    somebody interrupts the run.
author:
  - kakehashi contributors (@kakehashi)
"""

import atexit
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

_MODULE = "confirmed_change"


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    """Remembers which hosts have a change armed, and which of them were lost."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lost_changes"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._armed: dict[str, int] = {}
        self._lost: list[str] = []

    def v2_playbook_on_start(self, _playbook: Any) -> None:
        """Be there when the run ends without its end: where it is interrupted, Ansible tells callbacks nothing."""
        atexit.register(self._interrupted, os.getpid())

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what arms a change, and what ends one."""
        if result.task.action != _MODULE:
            return
        found = result.result
        if found.get("ends_in") is not None:
            self._armed[result.host.name] = int(found["ends_in"])
        elif "changed_paths" in found or found.get("result"):
            self._armed.pop(result.host.name, None)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a host that is lost."""
        if result.host.name in self._armed and result.host.name not in self._lost:
            self._lost.append(result.host.name)

    def v2_playbook_on_stats(self, _stats: Any) -> None:
        """Say it."""
        for host in self._lost:
            if host in self._armed:
                self._display.display(_sentence(host, self._armed[host]), color="red")
        self._armed.clear()

    def _interrupted(self, process: int) -> None:
        """Say which changes are left, in the process that has the run, not in those that it forks."""
        if os.getpid() == process:
            for host, seconds in self._armed.items():
                self._display.display(_left(host, seconds), color="red")


def _left(host: str, seconds: int) -> str:
    return (
        f"{host} was in the middle of its change when the run was interrupted: it undoes it by itself, {seconds} s after the "
        "change began at the latest. Run again to have that done at once, and the change made."
    )


def _sentence(host: str, seconds: int) -> str:
    return (
        f"{host} went out of reach in the middle of its change, which is not kept: it undoes it by itself, {seconds} s after "
        "the change began at the latest, or when it starts again. Find out what hinders it, then run again, which tells how that "
        "went."
    )
