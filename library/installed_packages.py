"""Ansible module: which of some Debian packages are missing. Much faster than asking apt."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: installed_packages
short_description: Say which of some packages are not installed
version_added: "0.1.0"
description:
  - Asks dpkg once and changes nothing, so that apt is called only when something is missing.
options:
  names:
    description: Names of packages.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Only reads.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Look what is missing
  installed_packages:
    names: [nftables, sudo]
  register: packages
"""

RETURN = r"""
missing:
  description: The packages that are not installed, in the order asked.
  type: list
  elements: str
  returned: always
running_name:
  description:
    - The name that the running system bears. A role that gives it one would else ask each host once more in each run, and
      C(ansible.builtin.hostname) starts a service on each even where nothing differs.
  type: str
  returned: always
  sample: mdx1
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.packages import DpkgError, missing


def main() -> None:
    """Ask dpkg, report."""
    module = AnsibleModule(
        argument_spec={"names": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True
    )
    try:
        module.exit_json(changed=False, missing=missing(module.params["names"]), running_name=os.uname().nodename)
    except DpkgError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
