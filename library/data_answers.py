"""Ansible module: asks a data server itself whether accounts would get to data."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: data_answers
short_description: Ask sshd and PAM of a data server whether accounts would get to data
version_added: "0.3.0"
description:
  - For each of O(logins) asks sshd about the configuration on the disk (C(sshd -T -C)), whether AllowUsers admits the user from
    there, looks for a key and whether sshd could shut the user in its directory, and asks PAM's account rules.
  - Fails with one sentence that names everybody who would not get in. Whether the packet filter lets them come is not asked.
  - Changes nothing; also runs in check mode.
options:
  logins:
    description: Who, and from where.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: User name.
        type: str
        required: true
      address:
        description: IPv4 or IPv6 address.
        type: str
        required: true
  port:
    description: The port that they come to.
    type: int
    required: true
  config:
    description: The configuration of sshd.
    type: path
    default: /etc/ssh/sshd_config_data
  service:
    description: The name by which PAM knows it.
    type: str
    default: kakehashi-data-sshd
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
- name: See whether sato would get to data
  data_answers:
    logins: [{user: sato, address: 192.0.2.101}]
    port: 2022
"""

RETURN = r"""
refused:
  description: Who would not get in, and why.
  type: list
  elements: str
  returned: always
"""

from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.access_control.data_answers import PamError, data_refusals, pam_refusal
from ansible.module_utils.access_control.host import HostError, StagedSshd
from ansible.module_utils.basic import AnsibleModule

LOGIN = {"user": {"type": "str", "required": True}, "address": {"type": "str", "required": True}}
SPEC: dict[str, dict[str, Any]] = {
    "logins": {"type": "list", "elements": "dict", "required": True, "options": LOGIN},
    "port": {"type": "int", "required": True},
    "config": {"type": "path", "default": "/etc/ssh/sshd_config_data"},
    "service": {"type": "str", "default": "kakehashi-data-sshd"},
}


def main() -> None:
    """Ask, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    try:
        text = Path(given["config"]).read_text(encoding="utf-8", errors="replace")
        with StagedSshd("/usr/sbin/sshd", text, given["port"]) as sshd:
            refused = data_refusals(given["logins"], sshd.ask, partial(pam_refusal, given["service"]))
    except (HostError, PamError) as error:
        refused = [str(error)]
    except OSError as error:
        refused = [f"{error.filename}: {error.strerror}"]
    if refused:
        module.fail_json(msg=f"By what lies on this host, accounts would not get to data: {'; '.join(refused)}", refused=refused)
    module.exit_json(changed=False, refused=[])


if __name__ == "__main__":
    main()
