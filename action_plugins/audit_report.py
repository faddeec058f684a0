"""Action: judges what playbooks/audit.yml has read, shows it, and writes the evidence. Runs on the controller."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.audit.plan import PlanError
from module_utils.fabric.logs import log_servers
from module_utils.fabric.problems import FabricError
from plugin_utils import audit
from plugin_utils.inventory import load_fabric


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """``audit_report``; see the module's documentation for its arguments."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge, write, show; fail where the log or the logins aren't as they should be."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments, hostvars = self._task.args, (task_vars or {})["hostvars"]
        directory, forget = Path(arguments["directory"]), list(arguments.get("forget") or [])
        mine = (str(arguments.get("person") or ""), str(arguments["begun"]))
        try:
            asked = audit.bounds(arguments["days"], arguments["silence"])
            fabric = load_fabric(*[str(source) for source in arguments["sources"]])
            read = {h.name: hostvars[h.name].get(audit.REGISTERED) for h in log_servers(fabric)}
            heads = {n: s for n, s in audit.earlier_heads(directory, fabric.name).items() if n not in forget}
            found = audit.audit(fabric, read, heads, audit.read_plan(arguments.get("plan") or ""), mine, asked)
            path = audit.write(directory / mine[1], audit.evidence(found, fabric, mine[1], forget))
        except (FabricError, PlanError) as error:
            raise AnsibleActionFail(str(error)) from error
        except OSError as error:
            message = f"The evidence can't be written: {error.strerror} ({error.filename}); make room or set audit_evidence"
            raise AnsibleActionFail(message) from error
        for line in audit.report_lines(found, fabric, str(path)):
            Display().display(line, screen_only=False)
        result.update(changed=False, evidence=str(path), holds=found.holds)
        if not found.holds:
            result.update(failed=True, msg=audit.verdict(found))
        return result
