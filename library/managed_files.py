"""Ansible module: files, directories and absences of one concern, put into place as a whole."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: managed_files
short_description: Own files whole, validated together before any is replaced
version_added: "0.1.0"
description:
  - Brings declared files, directories and absences about in one call.
  - All files are staged and validated as a whole, then renamed into place. When a validation fails nothing is changed
    and the tool's own words are the message.
  - Links in a path that a user other than root made are refused, so a user can't lead root to another file.
options:
  files:
    description: Files that must have exactly this content, mode and owner.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: str
        required: true
      content:
        description: The whole content.
        type: str
        required: true
      mode:
        description: Octal mode, in quotes.
        type: str
        default: "0644"
      owner:
        description: Name or number of the owner.
        type: str
        default: root
      group:
        description: Name or number of the group.
        type: str
        default: root
  directories:
    description: Directories that must exist. Their parents must exist or be declared too.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: str
        required: true
      mode:
        description: Octal mode, in quotes.
        type: str
        default: "0755"
      owner:
        description: Name or number of the owner.
        type: str
        default: root
      group:
        description: Name or number of the group.
        type: str
        default: root
      exclusive:
        description: Remove files and links in it that are not declared. Directories below it are left alone.
        type: bool
        default: false
  absent:
    description: Files and links that must not be there.
    type: list
    elements: str
    default: []
  validate:
    description:
      - Commands, each a list of words, that must succeed before anything is changed.
      - They run only when there is something to change.
      - A word C({/path}) stands for the staged copy of that declared file.
      - In check mode a command whose program is not installed yet is left out.
    type: list
    elements: list
    default: []
attributes:
  check_mode:
    description: Says what would change; validations run on staged copies.
    support: full
  diff_mode:
    description: Shows each file before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Own the server's configuration
  managed_files:
    directories:
      - {path: /etc/example, mode: "0750", exclusive: true}
    files:
      - path: /etc/example/server.conf
        content: "{{ lookup('ansible.builtin.template', 'server.conf.j2') }}"
        mode: "0640"
    absent: [/etc/example.conf]
    validate:
      - [example-server, --check, "{/etc/example/server.conf}"]
  notify: Reload the example server
"""

RETURN = r"""
files_changed:
  description: Paths that were (or in check mode would be) written, changed or removed.
  type: list
  elements: str
  returned: always
  sample: [/etc/example/server.conf]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe, validate
from ansible.module_utils.files.plan import PlanError, diffs, parse, plan
from ansible.module_utils.files.spec import DIRECTORIES, FILES

SPEC: dict[str, dict[str, Any]] = {
    "files": FILES,
    "directories": DIRECTORIES,
    "absent": {"type": "list", "elements": "str", "default": []},
    "validate": {"type": "list", "elements": "list", "default": []},
}


def main() -> None:
    """Read, plan, validate, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        wish = parse(module.params)
        steps = plan(wish, observe(wish))
        if steps:
            for tool in validate(wish, tolerate_missing_tools=module.check_mode):
                module.warn(f"{tool} is not installed yet, so the files were not validated by it")
            if not module.check_mode:
                refuse_when_over(module)
                apply(steps)
    except PlanError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(steps), files_changed=[s.path for s in steps], diff=diffs(steps))


if __name__ == "__main__":
    main()
