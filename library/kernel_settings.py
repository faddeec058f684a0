"""Ansible module: settings under /proc/sys as they are now."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kernel_settings
short_description: Bring running kernel settings to given values
version_added: "0.1.0"
description:
  - Reads every setting from F(/proc/sys) and writes those that differ.
  - Writes no file; what holds at boot belongs into a file of systemd-sysctl.
options:
  settings:
    description: The settings, written in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name with slashes, such as C(net/ipv4/conf/eth0/forwarding).
        type: str
        required: true
      value:
        description: Wanted value.
        type: str
        required: true
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows the settings that differ, before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Refuse packets that come by the wrong interface
  kernel_settings:
    settings:
      - {name: net/ipv4/conf/all/rp_filter, value: "1"}
"""

RETURN = r"""
changes:
  description: Settings that were (or in check mode would be) written.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over

ROOM = Path("/proc/sys")


def main() -> None:
    """Compare, write, report."""
    setting = {"name": {"type": "str", "required": True}, "value": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={"settings": {"type": "list", "elements": "dict", "required": True, "options": setting}},
        supports_check_mode=True,
    )
    settings = [(item["name"], item["value"]) for item in module.params["settings"]]
    try:
        # All are read before one is written: a missing one leaves nothing half done.
        differing = [(name, now, value) for name, value in settings if (now := read(name)) != value]
        if differing and not module.check_mode:
            refuse_when_over(module)
            for name, value in settings:
                if read(name) != value:  # writing one may change another
                    (ROOM / name).write_text(value, encoding="utf-8")
            left = [f"{ROOM / name} is {now}, not {value}" for name, value in settings if (now := read(name)) != value]
            if left:
                module.fail_json(msg=f"after all were written {'; '.join(left)}: see in dmesg and sysctl.d what sets it back")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}; the interface or the kernel's feature may be missing")
    module.exit_json(
        changed=bool(differing),
        changes=[name for name, _now, _value in differing],
        diff={
            "before": "".join(f"{name} = {now}\n" for name, now, _value in differing),
            "after": "".join(f"{name} = {value}\n" for name, _now, value in differing),
        },
    )


def read(name: str) -> str:
    """Return a setting as it is; raise OSError, with its path, where it can't be read."""
    try:
        return (ROOM / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(ROOM / name)) from error


if __name__ == "__main__":
    main()
