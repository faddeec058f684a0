"""Callback for tests: writes down the boundaries between tasks; at one of them kills the run, or holds it.

``KAKEHASHI_BOUNDARIES``: a file that gets the name of each task as it begins; FILE.at, FILE being that one, gets the time, by the
machine's monotonic clock. ``KAKEHASHI_KILL_AT``: the number of the task
(from 1), or the end of its name, before which this whole process group is killed. ``KAKEHASHI_HOLD_AT``: the same for a task
before which the run waits, from when FILE.held is there until FILE.go is.
"""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: boundaries
type: aggregate
short_description: Kill or hold a run between two tasks
description: For tests.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

PATIENCE = 600  # seconds


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    """Counts tasks and handlers as they begin; in the linear strategy no task runs at that moment."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "boundaries"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = Path(os.environ["KAKEHASHI_BOUNDARIES"])
        self._kill_at = os.environ.get("KAKEHASHI_KILL_AT", "")
        self._hold_at = os.environ.get("KAKEHASHI_HOLD_AT", "")
        self._count = 0

    def v2_playbook_on_task_start(self, task: Any, **_more: Any) -> None:
        """A task begins on all hosts."""
        self._boundary(task.get_name())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """A handler begins on all hosts."""
        self._boundary(task.get_name())

    def _boundary(self, name: str) -> None:
        self._count += 1
        with self._file.with_suffix(".at").open("a") as file:
            file.write(f"{time.monotonic()}\n")
        with self._file.open("a") as file:
            file.write(f"{name}\n")
        if self._is(self._kill_at, name):
            os.killpg(0, signal.SIGKILL)
        if self._is(self._hold_at, name):
            self._hold_at = ""
            self._file.with_suffix(".held").touch()
            self._wait(self._file.with_suffix(".go"))

    def _is(self, wanted: str, name: str) -> bool:
        return self._count == int(wanted) if wanted.isdigit() else bool(wanted) and name.endswith(wanted)

    def _wait(self, path: Path) -> None:
        end = time.monotonic() + PATIENCE
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.1)
