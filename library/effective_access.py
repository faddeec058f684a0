"""Ansible module: under which settings a host's logins are decided."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: effective_access
short_description: Read what decides the logins on a host
version_added: "0.1.0"
description:
  - Reads sshd's effective settings for each persona, PAM's and the packet filter's files, the running ruleset, the
    files of authorized keys, users, listening sockets and public host keys.
  - Password hashes and private keys are never read out.
  - Changes nothing.
options:
  connections:
    description: For whom sshd is asked (C(sshd -T -C)).
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description: The name that logs in.
        type: str
        required: true
      address:
        description: The address that the connection comes from.
        type: str
        required: true
attributes:
  check_mode:
    description: It changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Read under which settings logins are decided
  effective_access:
    connections:
      - {user: sato, address: 192.0.2.70}
  register: __example_effective
"""

RETURN = r"""
effective:
  description: >-
    C(files) by path, C(owned) (uid, gid, mode) by path, C(shadow) without hashes, C(fingerprints) by
    file, C(sshd) and C(sshd_texts), C(ruleset) as it runs and
    C(ruleset_of_file) as its file would run, C(sockets), C(daemons), C(acls), C(privileged), C(listening),
    C(mounts), C(host_keys), C(problems).
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.matrix.effective import gather


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "connections": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "user": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                },
            }
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, effective=gather(module.params["connections"]))


if __name__ == "__main__":
    main()
