"""Action: hands the module ``confirmed_change`` who makes the change, and resolves what a run that is over has left held."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plugin_utils.holder import holder, is_over


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """``confirmed_change`` with ``holder`` filled in. A change held by a run of this controller that is over is undone first."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; where a dead run of this controller holds the host, undo its change and run it again."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = {**self._task.args}
        arguments.setdefault("holder", holder())
        found = self._module(arguments, task_vars)
        if found.get("failed") and arguments.get("state") == "armed" and not arguments.get("take_over"):
            held = self._module({"state": "read"}, task_vars).get("pending")
            if held and is_over(held["holder"]):
                found = self._module({**arguments, "take_over": True}, task_vars)
        result.update(found)
        return result

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(module_name="confirmed_change", module_args=arguments, task_vars=task_vars)
        return answer
