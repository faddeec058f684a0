"""Ansible module: one login with a sealed credential, from the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sealed_login
short_description: Log in to a host with a sealed credential once, by the real path
version_added: "0.2.0"
description:
  - Opens the sealed half, logs in afresh as its name through all hops, and goes.
  - That is a use, and raises an alert on each of them.
  - In check mode nobody logs in.
options:
  path:
    description: Where the sealed half lies.
    type: path
    required: true
  name:
    description: Whose it is.
    type: str
    required: true
  host:
    description: Where to log in.
    type: str
    required: true
  passphrase:
    description: The passphrase.
    type: str
    default: ""
  passphrase_file:
    description: A file that only its owner can read, with the passphrase in its first line. Instead of O(passphrase).
    type: path
  ways:
    description: Text of ssh_config(5) that leads to the host through its hops.
    type: str
    default: ""
  ssh_config:
    description: File of ssh_config(5) with further settings, such as where host keys are known.
    type: path
attributes:
  check_mode:
    description: Nobody logs in.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: See whether the sealed credential still opens
  sealed_login:
    path: /media/safe/sealed1
    name: sealed1
    host: mdx1
    passphrase_file: /run/user/1000/passphrase
  delegate_to: localhost
"""

RETURN = r"""
opened:
  description: Whether it opened the host; false in check mode.
  type: bool
  returned: always
said:
  description: What ssh said where it did not.
  type: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.identity.sealed import Sealed, SealError, client_config, log_in, passphrase_of

SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "passphrase": {"type": "str", "default": "", "no_log": True},
    "passphrase_file": {"type": "path", "no_log": False},
    "ways": {"type": "str", "default": ""},
    "ssh_config": {"type": "path"},
}


def main() -> None:
    """Open, log in, go."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    try:
        passphrase = passphrase_of(given["passphrase"], given["passphrase_file"] or "")
        if module.check_mode:
            module.exit_json(changed=False, opened=False, said="")
        sealed = Sealed(Path(given["path"]), given["name"])
        said = log_in(client_config(sealed, given["ways"], given["ssh_config"] or ""), given["host"], passphrase)
    except SealError as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or given['path']}: {error.strerror}; mend that, then run again.")
    module.exit_json(changed=False, opened=not said, said=said)


if __name__ == "__main__":
    main()
