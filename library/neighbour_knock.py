"""Ansible module: knocks at ports of neighbours past the own packet filter."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: neighbour_knock
short_description: Knock at ports of hosts on the same segment, past this host's own packet filter
version_added: "0.2.0"
description:
  - Sends the first packet of a TCP connection by hand and tells what came back. The packet does not pass this host's own packet
    filter, so that silence is the neighbour's own.
  - No connection comes of it. Changes nothing; also runs in check mode.
options:
  targets:
    description: Where to knock.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: IPv4 or IPv6 address on a segment of this host.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        required: true
  patience:
    description: Seconds to wait for an answer.
    type: float
    default: 2.0
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
- name: See whether this host's connect to the node's sshd would be answered
  neighbour_knock:
    targets: [{address: 192.0.2.101, port: 22}]
  register: knocked
  failed_when: "'open' in knocked.answers | map(attribute='answer')"
"""

RETURN = r"""
answers:
  description:
    - For each target C(address), C(port) and C(answer). V(open) answered, V(closed) sent a reset, V(silent) has the address
      but said nothing, V(absent) means that nobody has the address.
  type: list
  elements: dict
  returned: success
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.matrix.knock import KnockError, knock

SPEC: dict[str, dict[str, Any]] = {
    "targets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"address": {"type": "str", "required": True}, "port": {"type": "int", "required": True}},
    },
    "patience": {"type": "float", "default": 2.0},
}


def main() -> None:
    """Knock everywhere, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        answers = everywhere(module.params["targets"], module.params["patience"])
    except (KnockError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, answers=answers)


def everywhere(targets: list[dict[str, Any]], patience: float) -> list[dict[str, Any]]:
    """Knock at all targets at the same time, since silence takes ``patience`` seconds to hear."""

    def answered(target: dict[str, Any]) -> dict[str, Any]:
        return {**target, "answer": knock(target["address"], target["port"], patience=patience)}

    with ThreadPoolExecutor(max_workers=len(targets) or 1) as pool:
        return list(pool.map(answered, targets))


if __name__ == "__main__":
    main()
