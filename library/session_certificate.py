"""Ansible module: whether the certificate by which Ansible logged in outlasts what is about to begin."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: session_certificate
short_description: Refuse to begin what the certificate of this login does not outlast
version_added: "0.3.0"
description:
  - Reads by what the user logged in whose session runs this module, from the file that sshd names in C(SSH_USER_AUTH) where it is
    told to (C(ExposeAuthInfo)). Run it without C(become), which takes the name of the file away.
  - Fails with one sentence where that was a certificate that ends within O(seconds) by this host's clock, or that can't be read.
  - Fails, too, where what the login was by is not among O(keys), O(authorities) and O(revoked), which are to hold from now on.
  - Has no opinion about how long a plain key is good, or where sshd tells nothing.
options:
  seconds:
    description: How long the certificate has to be good from now on, with the login at the end.
    type: int
    required: true
  keys:
    description: Public keys by which the user may come after the change. Nobody asks where this and O(authorities) are empty.
    type: list
    elements: str
    default: []
  authorities:
    description: Public keys of those whose certificates let the user in after the change.
    type: list
    elements: str
    default: []
  revoked:
    description: Names of certificates that are not taken after the change.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Does the same.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Refuse to begin what the certificate of this login does not outlast
  session_certificate:
    seconds: 660
  become: false
"""

RETURN = r"""
certificate:
  description: The certificate's name (key id); empty where the login was by none.
  type: str
  returned: success
refusal:
  description: Why it must not begin now.
  type: str
  returned: failure
ends:
  description: When it ends, in seconds since 1970; 0 where the login was by none.
  type: int
  returned: success
"""

import os
import pwd
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.identity.session_certificate import first_to_end, refusal, withdrawn

_LIST = {"type": "list", "elements": "str", "default": []}
SPEC: dict[str, dict[str, Any]] = {
    "seconds": {"type": "int", "required": True},
    "keys": {**_LIST, "no_log": False},
    "authorities": _LIST,
    "revoked": _LIST,
}


def main() -> None:
    """Read, judge, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given, path = module.params, os.environ.get("SSH_USER_AUTH", "")
    wrong, told = "", ""
    if os.getuid() == 0 and os.environ.get("SUDO_UID"):
        wrong = "sudo hides by what this session began: let this task run without become (ansible_become), then run again"
    try:
        told = Path(path).read_text(encoding="utf-8", errors="replace") if path else ""
    except OSError as error:
        mend = "end the connection that is shared (ssh -O exit), then run again"
        wrong = f"it can't be read by what this session began ({path}: {error.strerror}): {mend}"
    user = pwd.getpwuid(os.getuid()).pw_name
    wrong = wrong or refusal(user, told, time.time(), given["seconds"])
    wrong = wrong or withdrawn(user, told, given["keys"], given["authorities"], given["revoked"])
    if wrong:
        module.fail_json(msg=f"Nothing was begun here: {wrong}.", refusal=wrong)
    found = first_to_end(told)
    module.exit_json(changed=False, certificate=found.name if found else "", ends=found.ends if found else 0)


if __name__ == "__main__":
    main()
