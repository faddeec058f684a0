"""Ansible module: what a machine's ssh can do, whether it runs what lies on the disk, and who is connected."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssh_info
short_description: Say what ssh and PAM on a machine can do and who is connected
version_added: "0.1.0"
description:
  - Tells what must be known before sshd's and PAM's files can be rendered.
  - Finds the user and the address by which the deployer is connected, from the processes above this module, so that
    a change can be refused when it would shut the deployer out.
  - Changes nothing.
options:
  service:
    description: Name of sshd's systemd service, without C(.service).
    type: str
    default: ssh
  config:
    description: The configuration that this service reads.
    type: path
    default: /etc/ssh/sshd_config
  pid_file:
    description: The file into which this sshd writes its process id whenever it has read its configuration.
    type: path
    default: /run/sshd.pid
  drop_ins:
    description: The directory whose files are listed as drop-ins.
    type: path
    default: /etc/ssh/sshd_config.d
attributes:
  check_mode:
    description: It changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Learn what runs here and who deploys
  ssh_info:
  register: __example_ssh
"""

RETURN = r"""
openssh:
  description: Major and minor version of OpenSSH; empty when it is not OpenSSH.
  type: list
  elements: int
  returned: always
  sample: [9, 2]
pam_service_name:
  description: Whether sshd_config may name the PAM service.
  type: bool
  returned: always
pam_access_nodns:
  description: Whether pam_access knows the option nodns.
  type: bool
  returned: always
service_active:
  description: Whether the service runs as a daemon that must be told to read a new configuration.
  type: bool
  returned: always
stale:
  description: Whether the daemon still runs with an earlier configuration than the one on the disk.
  type: bool
  returned: always
drop_ins:
  description: Files in the drop-in directory.
  type: list
  elements: str
  returned: always
host_keys:
  description: The host's public keys, also the next or the one before while its key is replaced.
  type: list
  elements: str
  returned: always
second_host_keys:
  description: Files of the next key or the one before (private halves) while the host's key is replaced.
  type: list
  elements: str
  returned: always
second_host_certificates:
  description: Files of certificates of these.
  type: list
  elements: str
  returned: always
deployer:
  description: The C(user) and C(source) address of the ssh connection that runs this module; empty when there is none.
  type: dict
  returned: always
  sample: {user: aoki, source: 192.0.2.70}
deployer_unknown:
  description: Why it can't be told who deploys although an ssh daemon is above this module; empty otherwise.
  type: str
  returned: always
"""

from typing import Any

from ansible.module_utils.access_control.host import describe
from ansible.module_utils.basic import AnsibleModule

SPEC: dict[str, dict[str, Any]] = {
    "service": {"type": "str", "default": "ssh"},
    "config": {"type": "path", "default": "/etc/ssh/sshd_config"},
    "pid_file": {"type": "path", "default": "/run/sshd.pid"},
    "drop_ins": {"type": "path", "default": "/etc/ssh/sshd_config.d"},
}


def main() -> None:
    """Ask and answer."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    module.exit_json(changed=False, **describe(**module.params))


if __name__ == "__main__":
    main()
