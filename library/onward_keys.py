"""Ansible module: the keys by which accounts go on from a login server."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: onward_keys
short_description: Keep one onward key pair for each account on a login server
version_added: "0.1.0"
description:
  - Makes a key pair without passphrase for each account that has none, mends owner and mode, and removes the pairs of
    accounts that are not declared.
  - Where it makes one, a pair that lies beside the old one (module C(key_turnover)) is removed and a warning says so - whoever
    removed the pair in use meant that one, too.
  - The files are root's. The account may read its private key through its group but can't replace, delete or hand on the
    right to it. Private halves are never read or returned.
options:
  accounts:
    description: Names of the accounts. Not needed with O(read_only), which then means all.
    type: list
    elements: str
    default: []
  directory:
    description: Where the pairs lie, one directory for each account.
    type: path
    default: /etc/kakehashi/onward
  read_only:
    description: Change nothing, only return the public halves.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says which pairs would be made or removed.
    support: full
  diff_mode:
    description: Lists the accounts before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Give each account its onward key
  onward_keys:
    accounts: [sato, suzuki]

- name: Read the public halves
  onward_keys:
    read_only: true
  register: __example_keys
"""

RETURN = r"""
public_keys:
  description: The public halves that are there.
  type: list
  elements: dict
  returned: always
  sample: [{account: sato, key: ssh-ed25519 AAAA sato@login1 onward}]
steps:
  description: What was done (or would be), one sentence for each account.
  type: list
  elements: str
  returned: always
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.access_control.onward import Pair, plan, public_keys
from ansible.module_utils.access_control.onward_host import OnwardError, apply, observe, strangers
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over

SPEC: dict[str, dict[str, Any]] = {
    "accounts": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "default": "/etc/kakehashi/onward"},
    "read_only": {"type": "bool", "default": False},
}


def main() -> None:
    """Observe, plan, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    directory = Path(module.params["directory"])
    try:
        found = observe(directory)
        foreign = [] if module.params["read_only"] else strangers(directory)
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}, so the onward keys can't be read: mend that, then run again.")
    if foreign:
        module.fail_json(
            msg=f"{directory} holds {foreign[0]}, which is no onward key pair ({len(foreign)} such things in all) and would be "
            "removed, so nothing was changed: name a directory of the keys' own, or move them away."
        )
    accounts = list(found) if module.params["read_only"] else module.params["accounts"]
    steps = plan(accounts, found) if not module.params["read_only"] else []
    if steps and not module.check_mode:
        refuse_when_over(module)
        if both := [s.account for s in steps if s.action == "make" and found.get(s.account, Pair(False, False)).beside_alone]:
            module.warn(f"the second pair of {', '.join(both)} is removed with the key in use, which was gone and is made anew.")
        try:
            apply(directory, steps, os.uname().nodename)
        except (OnwardError, OSError) as error:
            words = f"{error.filename or directory}: {error.strerror}" if isinstance(error, OSError) else str(error)
            module.fail_json(msg=f"{words}. Keys made before it are in place, run again afterwards.")
    after = observe(directory) if steps and not module.check_mode else found
    module.exit_json(
        changed=bool(steps),
        public_keys=public_keys(accounts, after),
        steps=[f"{step.action} {step.account}" for step in steps],
        diff={
            "before": "".join(f"{name}\n" for name, pair in found.items() if pair.complete),
            "after": "".join(f"{name}\n" for name in (accounts if steps else found)),
        },
    )


if __name__ == "__main__":
    main()
