"""Ansible module: unit files of one concern, and whether their units run now and at boot."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: managed_units
short_description: Own systemd unit files and the states of their units in one call
version_added: "0.1.0"
description:
  - Writes unit files and drop-ins, tells systemd, then enables, starts, stops, disables or masks.
  - A unit whose own conditions keep it from running (for instance in a container) counts as started.
  - What a run that was cut short left undone is made good. systemd is told where its units' files are newer than what it
    read, and units of O(readers) are restarted where their files are newer than their start.
options:
  files:
    description: Unit files and drop-ins. Their directories are made.
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
  absent:
    description: Unit files and drop-ins that must not be there.
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
  description: Unit files that were (or in check mode would be) written or removed.
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

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import Directory, File, PlanError, Wish, diffs, plan
from ansible.module_utils.units import manager
from ansible.module_utils.units import plan as units

NAMES = {"type": "list", "elements": "str", "default": []}
LISTS = ("enabled", "started", "disabled", "stopped", "masked")


def main() -> None:
    """Write files, reload systemd, bring units to their states."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"path": {"type": "str", "required": True}, "content": {"type": "str", "required": True}},
            },
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
        },
        supports_check_mode=True,
    )
    try:
        bring_about(module)
    except (PlanError, manager.UnitError) as error:
        module.fail_json(msg=str(error))


def bring_about(module: AnsibleModule) -> None:
    """Do what the arguments ask; leaves through the module's exits."""
    wish = files_wish(module)
    steps = plan(wish, observe(wish))
    wanted = units.Wish(**{name: tuple(module.params[name]) for name in LISTS})
    readers = [units.Reader(r["unit"], tuple(r["files"])) for r in module.params["readers"]]
    filed = units.units_of([*(f.path for f in wish.files), *wish.absent])
    names = tuple(dict.fromkeys([*wanted.names(), *filed, *(r.unit for r in readers)]))
    states = manager.states(names)
    reload = [["daemon-reload"]] if steps or any(states[n].outdated for n in names if n in states) else []
    if reload and not module.check_mode:
        refuse_when_over(module)
        apply(steps)
        manager.systemctl(*reload)
        states = manager.states(names)
    missing = units.unknown(wanted, states)
    if missing and not module.check_mode:
        module.fail_json(
            msg=f"systemd knows no unit {', '.join(missing)}: install the package that brings it, or correct the name"
        )
    behind = units.behind(wanted, readers, states, manager.changed_at(f for r in readers for f in r.files))
    calls = units.calls(wanted, states) + ([["restart", *behind]] if behind else [])
    if not module.check_mode:
        for call in calls:
            refuse_when_over(module)
            manager.systemctl(call)
    words = [" ".join(call) for call in (*reload, *calls)]
    module.exit_json(
        changed=bool(steps or words),
        files_changed=[s.path for s in steps if s.action != "make_directory"],
        calls=words,
        diff=[*diffs(steps), *({"before": "", "after": f"systemctl {w}\n"} for w in words)],
    )


def files_wish(module: AnsibleModule) -> Wish:
    """Return what the files' part declares, with the directories that drop-ins need."""
    files = tuple(File(f["path"], f["content"].encode()) for f in module.params["files"])
    rooms = {str(PurePosixPath(f.path).parent) for f in files}
    return Wish(files, tuple(Directory(r) for r in sorted(rooms) if r.endswith(".d")), tuple(module.params["absent"]))


if __name__ == "__main__":
    main()
