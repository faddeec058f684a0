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
from ansible.module_utils.programs import run


class DpkgError(RuntimeError):
    """dpkg can't be asked."""


def main() -> None:
    """Ask dpkg, report."""
    module = AnsibleModule(
        argument_spec={"names": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True
    )
    names = module.params["names"]
    argv = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *names]
    try:
        result = run(argv, DpkgError) if names else None
    except DpkgError as error:
        module.fail_json(msg=f"{error} (only Debian's packages can be looked for)")
    # It ends with 1 when it doesn't know one of the names; what it does know it lists all the same.
    if result and result.returncode > 1:
        module.fail_json(
            msg=f"dpkg-query can't tell what is installed: {result.stderr.strip() or 'it gave no reason'}; mend dpkg's database"
        )
    output = result.stdout if result else ""
    installed = {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}
    module.exit_json(changed=False, missing=[n for n in names if n not in installed], running_name=os.uname().nodename)


if __name__ == "__main__":
    main()
