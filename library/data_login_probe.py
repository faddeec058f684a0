"""Ansible module: tries whether an account gets to the data of a host, with the key that lies where it runs, or without."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: data_login_probe
short_description: Try whether an account gets to a data server
version_added: "0.3.0"
description:
  - With O(through), as root of a login server, lists the account's data sets by sftp, with the account's onward key, which stays
    there. The connection begins on the node O(through), by a relay that the account starts there over its own login, so that
    the node's rules for the account, its address, sshd, PAM and the account's directory are all tried.
  - Without it, from where the module runs, shows O(public_key) only. The server says whether it would take it from there, which
    takes no private key and opens nothing. What PAM says is not asked.
  - Everything is tried at the same time, with OpenSSH's own clients. Changes nothing; also runs in check mode.
options:
  account:
    description: As whom.
    type: str
    required: true
  host:
    description: The data server's name.
    type: str
    required: true
  endpoints:
    description: Where it listens.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: IPv4 or IPv6 address.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        required: true
  host_keys:
    description: The data server's public host keys. Nothing else may answer.
    type: list
    elements: str
    required: true
  through:
    description: The node that the connection begins on.
    type: str
    default: ""
  public_key:
    description: A public key of the account's.
    type: str
    default: ""
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
- name: See whether sato reads data from a node
  data_login_probe:
    account: sato
    host: data1
    endpoints: [{address: 192.0.2.72, port: 2022}]
    host_keys: "{{ __example_host_keys }}"
    through: mdx1
  delegate_to: login1
"""

RETURN = r"""
made:
  description:
    - "Each attempt: C([kind, user, [host, address, port], null, code, last words])."
    - C(admitted) is a listing, C(key-taken) a public key that would be taken; C(not-tried) and C(filtered) say that nobody came
      as far as to ask the data server.
  type: list
  elements: list
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.matrix.attempts import Endpoint
from ansible.module_utils.matrix.data_logins import try_logins

SPEC: dict[str, dict[str, Any]] = {
    "account": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"address": {"type": "str", "required": True}, "port": {"type": "int", "required": True}},
    },
    "host_keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "through": {"type": "str", "default": ""},
    "public_key": {"type": "str", "default": "", "no_log": False},
}


def main() -> None:
    """Try, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_one_of=[["through", "public_key"]])
    given = module.params
    endpoints = [Endpoint(given["host"], one["address"], one["port"]) for one in given["endpoints"]]
    try:
        made = try_logins(
            given["account"], endpoints, given["host_keys"], through=given["through"], public_key=given["public_key"]
        )
    except OSError as error:
        place = error.filename or "this host"
        module.fail_json(msg=f"Nothing was tried from here, {place}: {error.strerror}; mend that, then run again.")
    module.exit_json(changed=False, made=made)


if __name__ == "__main__":
    main()
