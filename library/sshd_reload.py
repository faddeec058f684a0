"""Ansible module: has an sshd read its configuration and waits until it did."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sshd_reload
short_description: Have an sshd read its configuration, and end once it has
version_added: "0.3.0"
description:
  - Reloading a service only sends a signal. A login that sshd answers before it has acted on it goes by the rules of before, so
    that what is tried next may prove those. This module ends once sshd has read its configuration.
  - Open sessions stay. Where a socket starts sshd for each connection there is nothing to reload, and nothing is done.
options:
  service:
    description: Name of sshd's systemd service, without C(.service).
    type: str
    default: ssh
  pid_file:
    description: The file into which this sshd writes its process id whenever it has read its configuration.
    type: path
    default: /run/sshd.pid
  seconds:
    description: How long to wait, in seconds, before this fails.
    type: float
    default: 60.0
attributes:
  check_mode:
    description: Tells whether it would reload.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have sshd go by what was written
  sshd_reload:

- name: Have another sshd go by what was written
  sshd_reload:
    service: kakehashi-data-sshd
    pid_file: /run/kakehashi-data-sshd/sshd.pid
"""

RETURN = r"""
changed:
  description: Whether a running sshd read its configuration; not where none runs as a daemon.
  type: bool
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.access_control.reload import ReloadError, is_active, reload
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.units.manager import UnitError

SPEC: dict[str, dict[str, Any]] = {
    "service": {"type": "str", "default": "ssh"},
    "pid_file": {"type": "path", "default": "/run/sshd.pid"},
    "seconds": {"type": "float", "default": 60.0},
}


def main() -> None:
    """Reload, wait, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    service, pid_file = module.params["service"], Path(module.params["pid_file"])
    try:
        active = is_active(service)
        if active and not module.check_mode:
            refuse_when_over(module)
            reload(service, pid_file, module.params["seconds"])
    except (ReloadError, UnitError, OSError) as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=active)


if __name__ == "__main__":
    main()
