"""Ansible module: the list of certificates that sshd no longer takes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: revocation_list
short_description: Keep a key revocation list of OpenSSH (KRL)
version_added: "0.2.0"
description:
  - Revokes certificates by their names (key ids), of each authority named. With no names the list is there and empty.
  - sshd refuses everybody's keys where the list that C(RevokedKeys) names can't be read, so put it there first.
options:
  path:
    description: Where the list lies.
    type: path
    required: true
  authorities:
    description: Public keys of the authorities.
    type: list
    elements: str
    default: []
  names:
    description: Names of certificates, as C(ssh-keygen -I) gave them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says whether the list would change.
    support: full
  diff_mode:
    description: Shows the names before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Take no more certificates of somebody who left
  revocation_list:
    path: /etc/ssh/revoked
    authorities: ["ssh-ed25519 AAAA... authority"]
    names: [sato@login1]
"""

RETURN = r"""
names:
  description: The names that are (or in check mode would be) revoked.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import File, PlanError, Wish, plan
from ansible.module_utils.identity.krl import KrlError, build, revoked

SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "authorities": {"type": "list", "elements": "str", "default": []},
    "names": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Build, compare, write, read again, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    try:
        data = build(given["authorities"], given["names"])
        wish = Wish(files=(File(given["path"], data),))
        before = _names(Path(given["path"]))
        steps = plan(wish, observe(wish))
        if steps and not module.check_mode:
            refuse_when_over(module)
            apply(steps)
            if plan(wish, observe(wish)):
                module.fail_json(msg=f"{given['path']} does not stay as it was written; somebody else changes it.")
    except (KrlError, PlanError) as error:
        module.fail_json(msg=f"The list stays as it was: {error}.")
    after = revoked(data)
    module.exit_json(changed=bool(steps), names=after, diff={"before": before, "after": "".join(f"{n}\n" for n in after)})


def _names(path: Path) -> str:
    try:
        return "".join(f"{name}\n" for name in revoked(path.read_bytes()))
    except FileNotFoundError:
        return ""
    except (OSError, KrlError):
        return "(what is there can't be read)\n"


if __name__ == "__main__":
    main()
