"""Ansible module: one ssh key pair of a host, made once and never read."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: key_pair
short_description: Make an ed25519 key pair on a host once, and keep its owner and mode
version_added: "0.2.0"
description:
  - Makes the pair where there is none. One that is there is never replaced, and its private half is never read.
  - Where it makes one, a pair that lies beside the old one (module C(key_turnover)) is removed and a warning says so - whoever
    removed the pair in use meant that one, too.
  - A public half that is missing is derived anew. Where the private half is missing and the public one is not, it fails.
options:
  path:
    description: Where the private half lies. Its directory must exist. The public half lies beside it, as C(.pub).
    type: path
    required: true
  owner:
    description: Owner of the private half.
    type: str
    default: root
  group:
    description: Group of the private half.
    type: str
    default: root
  mode:
    description: Octal mode of the private half, in quotes.
    type: str
    default: "0600"
  comment:
    description: What the public half says of itself.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Shows the public half.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have a key by which this host asks another
  key_pair:
    path: /etc/example/id_ed25519
    comment: host.example.org
  register: __example_pair
"""

RETURN = r"""
public_key:
  description: The public half, empty in check mode where there is none yet.
  type: str
  returned: always
steps:
  description: What was (or in check mode would be) done, in words.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.identity.key_pair import KeyPairError, Wanted, carry_out, missing, public_key

SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0600"},
    "comment": {"type": "str", "default": ""},
}


def main() -> None:
    """Look, make, look again, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    try:
        wanted = Wanted(Path(given["path"]), given["owner"], given["group"], int(given["mode"], 8), given["comment"])
        before, steps = public_key(wanted), missing(wanted)
        if steps and not module.check_mode:
            refuse_when_over(module)
            if "make" in steps and wanted.room.beside.complete:
                module.warn(f"{wanted.room.beside.private} is removed with the key in use, which was gone and is made anew.")
            carry_out(wanted, steps)
            if left := missing(wanted):
                module.fail_json(msg=f"{wanted.path}: {', '.join(left)} did not come about; somebody else changes it.")
        after = public_key(wanted)
    except KeyPairError as error:
        module.fail_json(msg=f"{error}.")
    except ValueError:
        module.fail_json(msg=f"mode {given['mode']!r} is not octal: write one such as '0600'.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or given['path']}: {error.strerror}; mend that, then run again.")
    module.exit_json(
        changed=bool(steps),
        public_key=after,
        steps=steps,
        diff={"before": f"{before}\n", "after": f"{after or '(made anew)'}\n"},
    )


if __name__ == "__main__":
    main()
