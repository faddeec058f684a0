"""Ansible module: ends the ssh sessions that an sshd would not admit any more."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssh_sessions
short_description: End the ssh sessions that could not begin any more
version_added: "0.1.0"
description:
  - sshd's rules hold for new connections. Who is connected when a rule comes stays connected, and opens new sessions over that
    connection, as long as they like.
  - Compares user and address of each open connection with C(AllowUsers), C(DenyUsers) and C(PermitRootLogin) as sshd itself
    understands its configuration, and ends those that could not begin now. Rules of C(Match) blocks are not asked.
  - Ends those, too, that began by a key, or a certificate of an authority, that is not taken for this user any more. By what a
    connection began is told by the journal; where that is silent, the connection stays.
  - Spares those by a key that was replaced in good order, as O(replaced) tells, where the user may still come by another one.
  - Ends the connection and what runs at its terminal. What somebody left running without one goes on as long as the user may be
    on the host.
options:
  port:
    description: Where this sshd listens.
    type: int
    default: 22
  config:
    description: Its configuration.
    type: path
    default: /etc/ssh/sshd_config
  program:
    description: The sshd that is asked.
    type: path
    default: /usr/sbin/sshd
  replaced:
    description:
      - A file of root's with a line for each key that was replaced. It holds the fingerprint and when, in UTC, as
        C(2026-01-31T12:00:00Z).
    type: path
    default: /etc/ssh/kakehashi-replaced-keys
  spared_days:
    description: For how many days after that sessions go on. The default is a day more than the two weeks of the longest jobs.
    type: int
    default: 15
attributes:
  check_mode:
    description: Tells which it would end.
    support: full
  diff_mode:
    description: A line for each.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: End the sessions that may not be there any more
  ssh_sessions:

- name: End those of the data server
  ssh_sessions:
    port: 2022
    config: /etc/ssh/sshd_config_data
"""

RETURN = r"""
ended:
  description: Connections that were (in check mode would be) ended.
  type: list
  elements: dict
  returned: always
  contains:
    user:
      description: Whose.
      type: str
    address:
      description: From where.
      type: str
  sample: [{user: sato, address: 192.0.2.21}]
unknown:
  description: Those that stay although the journal doesn't tell by which key they began. It may be one that was withdrawn.
  type: list
  elements: dict
  returned: always
  contains:
    user:
      description: Whose.
      type: str
    address:
      description: From where.
      type: str
open:
  description: How many connections were open.
  type: int
  returned: always
"""

from functools import partial
from typing import Any

from ansible.module_utils.access_control.host import HostError
from ansible.module_utils.access_control.session_keys import by_withdrawn_keys, unknown
from ansible.module_utils.access_control.sessions import not_admitted
from ansible.module_utils.access_control.sessions_host import (
    end,
    how_they_began,
    open_sessions,
    replaced_keys,
    rules,
    taken,
)
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over

SPEC: dict[str, dict[str, Any]] = {
    "port": {"type": "int", "default": 22},
    "config": {"type": "path", "default": "/etc/ssh/sshd_config"},
    "program": {"type": "path", "default": "/usr/sbin/sshd"},
    "replaced": {"type": "path", "default": "/etc/ssh/kakehashi-replaced-keys"},
    "spared_days": {"type": "int", "default": 15},
}


def main() -> None:
    """Read, compare, end, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    program, config = module.params["program"], module.params["config"]
    try:
        found = open_sessions(module.params["port"])
        late = not_admitted(found, rules(program, config))
        spared = replaced_keys(module.params["replaced"], module.params["spared_days"])
        others = [s for s in found if s not in late]
        seen = how_they_began(found)
        late += by_withdrawn_keys(others, seen, partial(taken, program, config), spared)
        if late and not module.check_mode:
            refuse_when_over(module)
            end(late)
    except HostError as error:
        module.fail_json(msg=str(error))
    lines = "".join(f"{s.user} from {s.address}\n" for s in late)
    module.exit_json(
        changed=bool(late),
        ended=[{"user": s.user, "address": s.address} for s in late],
        unknown=[{"user": s.user, "address": s.address} for s in unknown(others, seen)],
        open=len(found),
        diff=[{"before": lines, "after": ""}] if late else [],
    )


if __name__ == "__main__":
    main()
