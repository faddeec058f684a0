"""Ansible module: the program that keeps the audit on a log server, and its settings."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: audit_program
short_description: Install the program that keeps the audit
version_added: "0.1.0"
description:
  - Builds C(kakehashi-audit) from the sources of this project, and writes F(/etc/kakehashi/audit.json).
options:
  settings:
    description: What the program follows and keeps.
    type: dict
    required: true
    suboptions:
      own:
        description: The log server's own name.
        type: str
        required: true
      senders:
        description: Whose journals it follows, by the names in their certificates.
        type: list
        elements: str
        required: true
      identifiers:
        description: Programs whose words it keeps.
        type: list
        elements: str
        required: true
      received:
        description: Where received journals lie.
        type: path
        required: true
      local:
        description: Where the log server's own journal lies.
        type: path
        required: true
      days:
        description: How many days it keeps them.
        type: int
        required: true
      port:
        description: Where journals arrive.
        type: int
        required: true
      break_glass:
        description: Names of sealed credentials.
        type: list
        elements: str
        required: true
      alert_command:
        description: Program and arguments that are run when one was used, with JSON on the input. Empty where none is.
        type: list
        elements: str
        required: true
attributes:
  check_mode:
    description: Says what would be written.
    support: full
  diff_mode:
    description: Shows the settings, and that the program changes.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have the program that keeps the audit
  audit_program:
    settings:
      own: log1
      senders: [login1, mdx1]
      identifiers: [sshd, sshd-session, sudo]
      received: /var/log/journal/remote
      local: /var/log/journal
      days: 731
      port: 19532
      break_glass: [sealed1]
      alert_command: []
"""

RETURN = r"""
files_changed:
  description: Paths that were (or in check mode would be) written.
  type: list
  elements: str
  returned: always
"""

import json

from ansible.module_utils.audit.command import PROGRAM, SETTINGS
from ansible.module_utils.audit.program import build
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import Directory, File, PlanError, Wish, diffs, plan

NAMES = {"type": "list", "elements": "str", "required": True}
OPTIONS = {
    "own": {"type": "str", "required": True},
    "senders": NAMES,
    "identifiers": NAMES,
    "received": {"type": "path", "required": True},
    "local": {"type": "path", "required": True},
    "days": {"type": "int", "required": True},
    "port": {"type": "int", "required": True},
    "break_glass": NAMES,
    "alert_command": NAMES,
}


def main() -> None:
    """Build, compare, write, report."""
    spec = {"settings": {"type": "dict", "required": True, "options": OPTIONS}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    settings = json.dumps(module.params["settings"], indent=1, sort_keys=True) + "\n"
    files = (File(PROGRAM, build(), 0o755), File(SETTINGS, settings.encode()))
    wish = Wish(files, (Directory("/etc/kakehashi"),))
    try:
        steps = plan(wish, observe(wish))
        if steps and not module.check_mode:
            refuse_when_over(module)
            apply(steps)
    except PlanError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(steps), files_changed=[s.path for s in steps], diff=diffs(steps))


if __name__ == "__main__":
    main()
