"""Action: makes attempts of the bypass catalogue for playbooks/validate.yml. Runs on the controller."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.attacks.choice import ChoiceError
from module_utils.attacks.parse import CatalogueError
from module_utils.fabric.problems import FabricError
from plugin_utils.validation_attacks import make_attempts


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """``bypass_attempts``; see the module's documentation for its arguments."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the attempts; how they ended is judged with everything else, in the end."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            done = make_attempts(self._task.args, (task_vars or {})["hostvars"], Display().vv)
        except (ChoiceError, CatalogueError, FabricError) as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(changed=False, attempts=done)
        return result
