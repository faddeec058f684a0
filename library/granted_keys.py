"""Ansible module: keys that let users in beside those they have, while nothing is enforced yet."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: granted_keys
short_description: Add public keys to users' own authorized_keys, and take none away
version_added: "0.1.0"
description:
  - Keeps one marked block in F(~/.ssh/authorized_keys) of each user, each key good for the declared sources only.
  - What else is in the file stays, and so do the files of others. Links are not followed.
  - A user who isn't there, or whose file can't be written, gets a warning; the others get their keys.
options:
  users:
    description: Users with their keys. Without sources a user gets none.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: User name. The user itself is made elsewhere.
        type: str
        required: true
      sources:
        description: Addresses and CIDR blocks from which the keys are good.
        type: list
        elements: str
        default: []
      keys:
        description: Public keys, without options.
        type: list
        elements: str
        default: []
      kind:
        description: Ignored here; lists of O(users) made for other modules may hold it.
        type: str
      authorities:
        description: Ignored here; lists of O(users) made for other modules may hold it.
        type: list
        elements: str
      onward:
        description: Ignored here; lists of O(users) made for other modules may hold it.
        type: bool
  forwarding:
    description: Whether the keys may open forwarded connections, as far as sshd lets them.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says whose file would change.
    support: full
  diff_mode:
    description: Shows the block in each file before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Let an operator in by the declared key, too
  granted_keys:
    users:
      - name: aoki
        sources: [192.0.2.70]
        keys: ["ssh-ed25519 AAAA... aoki"]
"""

RETURN = r"""
files_changed:
  description: The files that were (or in check mode would be) written.
  type: list
  elements: str
  returned: always
  sample: [/home/aoki/.ssh/authorized_keys]
"""

from ansible.module_utils.access_control.authorized_keys import KeyLineError, key_lines
from ansible.module_utils.access_control.granted import GrantError, block, look, write
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over

USER = {
    "name": {"type": "str", "required": True},
    "sources": {"type": "list", "elements": "str", "default": []},
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "kind": {"type": "str"},
    "authorities": {"type": "list", "elements": "str"},
    "onward": {"type": "bool"},
}


def main() -> None:
    """Look, write, report."""
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "required": True, "options": USER},
            "forwarding": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    changed = []
    for user in module.params["users"]:
        try:
            lines = key_lines(user["keys"], user["sources"], forwarding=module.params["forwarding"])
            grant = look(user["name"], lines)
            if grant.after == grant.before:
                continue
            if not module.check_mode:
                refuse_when_over(module)
                write(user["name"], grant)
            changed.append(grant)
        except KeyLineError as error:
            module.fail_json(msg=f"A key of {user['name']} can't be used: {error}")
        except GrantError as error:
            # In check mode on a fresh machine nobody is there yet.
            module.warn(str(error))
    module.exit_json(
        changed=bool(changed),
        files_changed=[grant.path for grant in changed],
        diff=[
            {"before_header": g.path, "after_header": g.path, "before": block(g.before), "after": block(g.after)} for g in changed
        ],
    )


if __name__ == "__main__":
    main()
