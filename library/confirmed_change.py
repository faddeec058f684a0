"""Ansible module: a change of this host that undoes itself unless it is confirmed."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: confirmed_change
short_description: Arm, confirm or undo a change that the host undoes by itself
version_added: "0.2.0"
description:
  - Before a change, keeps what it may touch and arms a timer of systemd on the host that puts all of it back.
    After the change was proved from outside, confirming stops the timer.
  - The timer needs neither the controller nor sshd nor the network. A restart of the host in between also undoes the change.
  - What comes back are files with owner, mode and time, the running ruleset, forwarding settings, addresses, routes,
    MTU and state of interfaces, and whether units run. Packages and data elsewhere stay as the change left them.
  - The time is systemd's monotonic clock, so a wrong wall clock neither hastens nor delays it.
  - The snapshot is readable by root alone. Names of paths are returned, contents never.
options:
  state:
    description:
      - V(armed) keeps what is there and starts the timer. A change that somebody else holds makes it fail with who that is.
      - V(confirmed) ends the change for good. It fails when the host has undone the change meanwhile.
      - V(reverted) undoes the change now, and is C(changed) only if something was put back.
      - V(read) only tells.
    type: str
    choices: [armed, confirmed, reverted, read]
    required: true
  id:
    description:
      - The change, as arming returned it. Required for V(confirmed); for V(reverted) it guards against undoing another one.
    type: str
    default: ""
  seconds:
    description: How long the host waits for the confirmation.
    type: int
    default: 600
  reason:
    description: What the change is for, told to others.
    type: str
    default: ""
  holder:
    description:
      - Who makes the change. The same holder may arm again, which gives the full time anew and keeps the first snapshot.
    type: dict
    default: {}
    suboptions:
      operator:
        description: The person.
        type: str
      controller:
        description: The machine from which Ansible runs.
        type: str
      pid:
        description: The process that runs Ansible there.
        type: int
      started:
        description: What tells that process from others of its number, when it began for instance.
        type: str
  take_over:
    description: Undo a change that somebody else holds, then arm.
    type: bool
    default: false
  give_up:
    description: With V(reverted), end the change even if something can't be put back, which is returned under RV(result).
    type: bool
    default: false
  trees:
    description: Files and directories that the change may touch. Left out, all files that the roles of this project write.
    type: list
    elements: str
  units:
    description: Units that the change may start, stop or reload. Left out, those of the roles of this project.
    type: list
    elements: str
  interfaces:
    description: Interfaces that the change may touch. None named, all of them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Arms, confirms and undoes nothing; tells what V(read) tells.
    support: full
  diff_mode:
    description: Contents may be secret, so they are not shown.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have the host undo what follows, unless it is confirmed within five minutes
  confirmed_change:
    state: armed
    seconds: 300
    reason: new login servers
    holder: {operator: hana, controller: ops.example.org, pid: 4711, started: "2026-01-02T03:04:05Z"}
  register: change

- name: Keep the change
  confirmed_change:
    state: confirmed
    id: "{{ change.id }}"
"""

RETURN = r"""
id:
  description: The change; sorts by time.
  type: str
  returned: state is armed or confirmed, not in check mode
  sample: 20260102T030405Z-9f3a
ends_in:
  description: Seconds until the change is undone by itself.
  type: int
  returned: state is armed, not in check mode
renewed:
  description: Whether the same holder had it armed already.
  type: bool
  returned: state is armed, not in check mode
installed:
  description: Paths that arming wrote to the host for good.
  type: list
  elements: str
  returned: state is armed, not in check mode
taken_over:
  description: How the change of somebody else was undone, null if none was.
  type: dict
  returned: state is armed, not in check mode
earlier:
  description:
    - Changes that the host undid and that nobody was told of yet; C(sentence) tells it in words. Arming tells once.
  type: list
  elements: dict
  returned: state is armed or read, or in check mode
pending:
  description:
    - The change that is held, null if none is. C(sentence) tells it, C(changed_paths) and
      C(changed_running) what differs since.
  type: dict
  returned: state is read, or in check mode
changed_paths:
  description: Paths that differ from before the change, times alone not counted.
  type: list
  elements: str
  returned: state is confirmed, not in check mode
changed_running:
  description: What runs otherwise than before the change, in words.
  type: list
  elements: str
  returned: state is confirmed, not in check mode
result:
  description:
    - How the undoing went, null if nothing was held. C(before) tells how the host had undone the change already;
      what was written after its timer had come is then undone.
  type: dict
  returned: state is reverted, not in check mode
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.arming import Site, Wanted, arm, confirm, read, revert
from ansible.module_utils.changes.host import Host
from ansible.module_utils.changes.program import install
from ansible.module_utils.changes.record import (
    DEFAULT_SECONDS,
    DEFAULT_TREES,
    DEFAULT_UNITS,
    Holder,
    Scope,
    check_id,
    check_seconds,
)
from ansible.module_utils.changes.store import Store

SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["armed", "confirmed", "reverted", "read"], "required": True},
    "id": {"type": "str", "default": ""},
    "seconds": {"type": "int", "default": DEFAULT_SECONDS},
    "reason": {"type": "str", "default": ""},
    "holder": {
        "type": "dict",
        "default": {},
        "options": {
            "operator": {"type": "str"},
            "controller": {"type": "str"},
            "pid": {"type": "int"},
            "started": {"type": "str"},
        },
    },
    "take_over": {"type": "bool", "default": False},
    "give_up": {"type": "bool", "default": False},
    "trees": {"type": "list", "elements": "str"},
    "units": {"type": "list", "elements": "str"},
    "interfaces": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Check the arguments, do what is asked, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_if=[("state", "confirmed", ("id",))])
    site = Site(Store(), Host(), install)
    try:
        module.exit_json(**_carry_out(site, module.params, check=module.check_mode))
    except (OSError, RuntimeError) as error:
        module.fail_json(msg=str(error))


def _carry_out(site: Site, params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    holder = Holder.parse(params["holder"])
    change_id = check_id(params["id"]) if params["id"] else ""
    trees = DEFAULT_TREES if params["trees"] is None else params["trees"]
    units = DEFAULT_UNITS if params["units"] is None else params["units"]
    scope = Scope.parse(trees, units, params["interfaces"])
    wanted = Wanted(holder, scope, check_seconds(params["seconds"]), params["reason"], params["take_over"])
    if check or params["state"] == "read":
        return {"changed": False, **read(site)}
    if params["state"] in ("armed", "confirmed"):
        found: dict[str, Any] = arm(site, wanted) if params["state"] == "armed" else confirm(site, change_id)
        return found
    result = revert(site, change_id, give_up=params["give_up"])
    return {"changed": bool(result and result.done), "result": result and result.to_json()}


if __name__ == "__main__":
    main()
