"""Ansible module: read-only bind mounts below one directory, exactly the declared ones."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: read_only_mounts
short_description: Keep exactly the declared read-only bind mounts below a directory
version_added: "0.1.0"
description:
  - Makes a systemd mount unit for each declared mount, enabled and running, and ends all others below O(root).
  - Mounts are read-only, nosuid, nodev and noexec. Where one is not, it is mounted anew.
  - A new mount does not disturb those that are there.
options:
  root:
    description: The directory below which all mounts are this module's.
    type: path
    required: true
  mounts:
    description: The mounts.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: The directory to be seen.
        type: path
        required: true
      target:
        description: Where it is seen, two levels below O(root).
        type: path
        required: true
attributes:
  check_mode:
    description: Says which mounts would be made or ended.
    support: full
  diff_mode:
    description: Lists the mounts before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Let sato read the data set ct
  read_only_mounts:
    root: /srv/kakehashi
    mounts:
      - {source: /data/ct, target: /srv/kakehashi/sato/ct}
"""

RETURN = r"""
steps:
  description: What was done (or would be).
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible.module_utils.access_control.mounts import MountError, parse, plan
from ansible.module_utils.access_control.mounts_host import apply, observe
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.mountinfo import shown

SPEC: dict[str, dict[str, Any]] = {
    "root": {"type": "path", "required": True},
    "mounts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"source": {"type": "path", "required": True}, "target": {"type": "path", "required": True}},
    },
}


def main() -> None:
    """Observe, plan, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        wanted = parse(module.params["mounts"], module.params["root"])
        units, mounted = observe(module.params["root"])
        steps = plan(wanted, units, mounted)
        if steps and not module.check_mode:
            refuse_when_over(module)
            apply(steps)
    except (MountError, OSError) as error:
        words = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        module.fail_json(msg=f"{words}. Run again when that is mended; what was done before it stays.")
    module.exit_json(
        changed=bool(steps),
        steps=[f"{step.action} {shown(step.target)}" for step in steps],
        diff={
            "before": "".join(f"{shown(target)}\n" for target in sorted(mounted)),
            "after": "".join(f"{target}\n" for target in sorted(mount.target for mount in wanted)),
        },
    )


if __name__ == "__main__":
    main()
