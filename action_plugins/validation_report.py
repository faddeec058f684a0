"""Action: judges what playbooks/validate.yml has gathered, shows it, and writes the evidence. Runs on the controller."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.fabric.problems import FabricError
from plugin_utils import evidence
from plugin_utils.findings import gathered_run
from plugin_utils.standards import run_line

_RED, _GREEN, _PLAIN = "\033[31m", "\033[32m", "\033[0m"


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """``validation_report``: judges by ``sources``; see the task in playbooks/validate.yml for its other arguments."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge, write, show; fail where anything isn't as declared."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self._task.args
        ended = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
        try:
            run, expectations = gathered_run(arguments, (task_vars or {})["hostvars"], ended)
            data = evidence.evidence(run, expectations)
            path = evidence.write_evidence(Path(arguments["directory"]) / run.begun, data)
        except FabricError as error:
            raise AnsibleActionFail(str(error)) from error
        except OSError as error:
            message = (
                f"The evidence can't be written: {error.strerror} ({error.filename}); make room or name another validate_evidence"
            )
            raise AnsibleActionFail(message) from error
        for line in evidence.report_lines(run, str(path)):
            Display().display(_coloured(line), screen_only=False)
        Display().display(run_line(arguments["sources"], run.fabric.name, Path(arguments["directory"])), screen_only=False)
        result.update(changed=False, evidence=str(path), holds=data["holds"])
        if run.failing:
            result.update(failed=True, msg=evidence.verdict_line(run))
        return result


def _coloured(line: str) -> str:
    """Return the line in colour on a terminal that wants it."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    if line.startswith(("Differences", "Drift", "Not tried (", "  ")):
        return f"{_RED}{line}{_PLAIN}"
    return f"{_GREEN}{line}{_PLAIN}" if line.startswith("Evidence:") else line.replace("!", f"{_RED}!{_PLAIN}")
