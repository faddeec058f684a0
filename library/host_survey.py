"""Ansible module: read a machine in service, change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_survey
short_description: Read how a machine in service is set up, and change nothing
version_added: "0.1.0"
description:
  - Reads users, keys, ways to become root, settings of sshd, listeners, connections, packet filters, addresses, routes and jobs.
  - Needs Python's standard library only. A program that is missing is named in the result, and the rest is read.
  - No password hash, private key or argument of a job's command is returned.
options:
  paths:
    description: Absolute paths of files whose content and attributes are wanted too.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: There is never a difference.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Read the machine
  host_survey:
    paths: [/etc/nftables.conf, /etc/ssh/sshd_config]
  register: machine
"""

RETURN = r"""
survey:
  description: What was found, as texts by name. C(unread) names what could not be read, and why.
  type: dict
  returned: always
"""

from ansible.module_utils.adoption.collect import survey
from ansible.module_utils.adoption.programs import runner
from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Read, and hand over."""
    module = AnsibleModule(
        argument_spec={"paths": {"type": "list", "elements": "path", "default": []}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, survey=survey(runner(module), module.params["paths"]))


if __name__ == "__main__":
    main()
