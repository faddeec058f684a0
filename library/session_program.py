"""Ansible module: the program that records sessions, and its settings."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: session_program
short_description: Put the program that records sessions on a host
version_added: "0.1.0"
description:
  - Writes F(/usr/local/sbin/kakehashi-record), one file made of this collection's own source, and its settings.
  - Sessions that run go on with the program they began with.
options:
  settings:
    description: Its settings.
    type: dict
    required: true
    suboptions:
      shell:
        description: The shell that recorded users get.
        type: path
        required: true
      session_mib:
        description: Bound of what is recorded of a session, in MiB.
        type: int
        required: true
      day_mib:
        description: Bound of what is recorded of a user in a day, in MiB.
        type: int
        required: true
      admitted:
        description: Users who get in, and are told of, where nothing can be recorded.
        type: list
        elements: str
        required: true
attributes:
  check_mode:
    description: Says what would be written.
    support: full
  diff_mode:
    description: Shows the settings before and after; of the program, that it differs.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have the program that records
  session_program:
    settings: {shell: /bin/bash, session_mib: 64, day_mib: 256, admitted: [aoki]}
"""

RETURN = r"""
files_changed:
  description: Paths that were (or in check mode would be) written.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import Directory, File, PlanError, Wish, diffs, plan
from ansible.module_utils.sessions.command import PROGRAM, SETTINGS
from ansible.module_utils.sessions.program import build, settings_text

OPTIONS = {
    "shell": {"type": "path", "required": True},
    "session_mib": {"type": "int", "required": True},
    "day_mib": {"type": "int", "required": True},
    "admitted": {"type": "list", "elements": "str", "required": True},
}


def main() -> None:
    """Build, compare, write, report."""
    spec = {"settings": {"type": "dict", "required": True, "options": OPTIONS}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    settings = settings_text(module.params["settings"])
    # Settings first: the program can't do without.
    files = (File(SETTINGS, settings.encode()), File(PROGRAM, build(), 0o755))
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
