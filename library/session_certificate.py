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
  - Has no opinion about a login by a plain key, or where sshd tells nothing.
options:
  seconds:
    description: How long the certificate has to be good from now on, with the login at the end.
    type: int
    required: true
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
from ansible.module_utils.identity.session_certificate import first_to_end, refusal

SPEC: dict[str, dict[str, Any]] = {"seconds": {"type": "int", "required": True}}


def main() -> None:
    """Read, judge, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    path = os.environ.get("SSH_USER_AUTH", "")
    wrong, told = "", ""
    try:
        told = Path(path).read_text(encoding="utf-8", errors="replace") if path else ""
    except OSError as error:
        mend = "end the connection that is shared (ssh -O exit), then run again"
        wrong = f"it can't be read by what this session began ({path}: {error.strerror}): {mend}"
    if wrong := wrong or refusal(pwd.getpwuid(os.getuid()).pw_name, told, time.time(), module.params["seconds"]):
        module.fail_json(msg=f"Nothing was begun here: {wrong}.", refusal=wrong)
    found = first_to_end(told)
    module.exit_json(changed=False, certificate=found.name if found else "", ends=found.ends if found else 0)


if __name__ == "__main__":
    main()
