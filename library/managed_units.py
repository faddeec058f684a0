"""Ansible module: unit files of one concern, and whether their units run now and at boot."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: managed_units
short_description: Own systemd unit files and the states of their units in one call
version_added: "0.1.0"
description:
  - Writes unit files, drop-ins and what units read, tells systemd, then enables, starts, stops, disables or masks.
  - A unit whose own conditions keep it from running (for instance in a container) counts as started.
  - What a run that was cut short left undone is made good. systemd is told where its units' files are newer than what it
    read, and units of O(readers) are restarted where their files are newer than their start.
options:
  files:
    description: Unit files, drop-ins, and other files of the same concern. Directories of drop-ins are made.
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
    description: Files that must not be there.
    type: list
    elements: str
    default: []
  enabled:
    description: Units that run at boot.
    type: list
    elements: str
    default: []
  started:
    description: Units that run now.
    type: list
    elements: str
    default: []
  disabled:
    description: Units that don't run at boot. Unknown ones are fine.
    type: list
    elements: str
    default: []
  stopped:
    description: Units that don't run now. Unknown ones are fine.
    type: list
    elements: str
    default: []
  masked:
    description: Units that can't be started at all.
    type: list
    elements: str
    default: []
  readers:
    description: Units that read files only when they start. One that started before a file of its own changed is restarted.
    type: list
    elements: dict
    default: []
    suboptions:
      unit:
        description: The unit.
        type: str
        required: true
      files:
        description: Absolute paths. One that is not there counts as unchanged.
        type: list
        elements: path
        required: true
attributes:
  check_mode:
    description: Says what would change. Units that don't exist yet count as changes.
    support: full
  diff_mode:
    description: Shows files before and after, and the systemctl calls.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Run the service
  managed_units:
    files:
      - path: /etc/systemd/system/example.service
        content: "{{ lookup('ansible.builtin.file', 'example.service') }}"
    enabled: [example.service]
    started: [example.service]
"""

RETURN = r"""
files_changed:
  description: Files that were (or in check mode would be) written, changed or removed.
  type: list
  elements: str
  returned: always
calls:
  description: What systemctl was (or in check mode would be) asked.
  type: list
  elements: str
  returned: always
  sample: [enable example.service]
"""

from pathlib import PurePosixPath
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.plan import PlanError, Wish, parse
from ansible.module_utils.files.spec import DIRECTORIES, FILES
from ansible.module_utils.units import manager
from ansible.module_utils.units import plan as units
from ansible.module_utils.units.bring import bring

NAMES = {"type": "list", "elements": "str", "default": []}
LISTS = ("enabled", "started", "disabled", "stopped", "masked")
SPEC: dict[str, dict[str, Any]] = {
    "files": FILES,
    "directories": DIRECTORIES,
    "absent": NAMES,
    **dict.fromkeys(LISTS, NAMES),
    "readers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "unit": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "required": True},
        },
    },
}


def main() -> None:
    """Write files, reload systemd, bring units to their states."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        done = bring(
            files_wish(module.params),
            units.Wish(**{name: tuple(module.params[name]) for name in LISTS}),
            [units.Reader(r["unit"], tuple(r["files"])) for r in module.params["readers"]],
            check=module.check_mode,
            before_writing=lambda: refuse_when_over(module),
        )
    except (PlanError, manager.UnitError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=done.changed, files_changed=done.paths, calls=list(done.calls), diff=done.diffs)


def files_wish(params: dict[str, Any]) -> Wish:
    """Return what the files' part declares, with the directories that drop-ins need."""
    declared = {each["path"] for each in params["directories"]}
    rooms = {str(PurePosixPath(f["path"]).parent) for f in params["files"]} - declared
    drop_ins = [{"path": room} for room in sorted(rooms) if room.endswith(".d")]
    return parse({**params, "directories": [*params["directories"], *drop_ins]})


if __name__ == "__main__":
    main()
