"""Ansible module: a host's interfaces on its segments, by systemd-networkd."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: segment_interfaces
short_description: Bring a host's interfaces to what is declared, and keep the deployer's connection
version_added: "0.1.0"
description:
  - Has systemd-networkd run, now and at boot, writes its files, lets it go by them, and reads again what runs until that equals
    what is declared.
  - What was changed by hand (an address, a route, the MTU) is seen and set right, also when no file differs.
  - Refuses, before anything is changed, to remove the address or the route that the deployer's connection needs.
  - Files named C(NN-bootstrap-INTERFACE.network) are removed for the interfaces that are declared.
options:
  interfaces:
    description: The interfaces.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the interface; of a tagged one the VLAN device's.
        type: str
        required: true
      mode:
        description: Whether frames carry the VLAN's tag.
        type: str
        choices: [untagged, tagged]
        default: untagged
      vlan:
        description: VLAN of a tagged interface.
        type: int
      parent:
        description: Interface below a tagged one. Without it the part of O(interfaces[].name) before its last dot.
        type: str
      mtu:
        description: Bytes of an IP packet at most.
        type: int
        required: true
      addresses:
        description: Addresses with prefix length, IPv4 and IPv6. Others are removed.
        type: list
        elements: str
        required: true
      routes:
        description: Routes by gateways on this interface. Others are removed.
        type: list
        elements: dict
        default: []
        suboptions:
          to:
            description: Network.
            type: str
            required: true
          via:
            description: Gateway.
            type: str
            required: true
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows files before and after, and what runs otherwise than declared.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Be on the segment
  segment_interfaces:
    interfaces:
      - name: hpc0
        mtu: 9000
        addresses: [192.0.2.101/26, "2001:db8:0:2102::41/64"]
        routes: [{to: 198.51.100.128/26, via: 192.0.2.90}]
"""

RETURN = r"""
differed:
  description: What ran otherwise than declared, by interface.
  type: dict
  returned: always
  sample: {hpc0: ["MTU is 1500, not 9000"]}
calls:
  description: What systemctl was (or in check mode would be) asked about networkd.
  type: list
  elements: str
  returned: always
  sample: [start systemd-networkd.service]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.deployer.connection import UnknownConnectionError, live_connection
from ansible.module_utils.files import disk
from ansible.module_utils.files.plan import File, PlanError, Wish, diffs, plan
from ansible.module_utils.network import system
from ansible.module_utils.network.declared import NetworkError, files, owned, parse
from ansible.module_utils.network.running import differences, missing, refusal
from ansible.module_utils.units import manager
from ansible.module_utils.units import plan as units

NETWORKD = "systemd-networkd.service"

INTERFACE: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "mode": {"type": "str", "choices": ["untagged", "tagged"], "default": "untagged"},
    "vlan": {"type": "int"},
    "parent": {"type": "str"},
    "mtu": {"type": "int", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "routes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"to": {"type": "str", "required": True}, "via": {"type": "str", "required": True}},
    },
}


def main() -> None:
    """Guard, write, let networkd go by it, read again."""
    module = AnsibleModule(
        argument_spec={"interfaces": {"type": "list", "elements": "dict", "required": True, "options": INTERFACE}},
        supports_check_mode=True,
    )
    try:
        bring_about(module)
    except (NetworkError, PlanError, UnknownConnectionError, manager.UnitError) as error:
        module.fail_json(msg=str(error))


def bring_about(module: AnsibleModule) -> None:
    """Do what the arguments ask; leaves through the module's exits."""
    interfaces = parse(module.params["interfaces"])
    names = owned(interfaces)
    running = system.read()
    absent = missing(interfaces, running)
    if absent:
        module.fail_json(msg=f"this host has no interface {', '.join(absent)}: attach it, or correct the declaration")
    connection = live_connection()
    back = system.way_back(connection.source) if connection else ""
    reason = refusal(interfaces, running, connection, back)
    if reason is not None:
        module.fail_json(msg=reason)
    wish = Wish(
        tuple(File(path, text.encode()) for path, text in files(interfaces).items()),
        absent=tuple(system.bootstrap_files(names)),
    )
    steps = plan(wish, disk.observe(wish))
    calls = networkd_calls()
    differed = differences(interfaces, running)
    if (steps or differed or calls) and not module.check_mode:
        refuse_when_over(module)
        # It starts by files that are judged, not by those that somebody left there.
        disk.apply(steps)
        for call in calls:
            manager.systemctl(call)
        left = system.reconfigure(interfaces, names if steps else tuple(differed), reload=bool(steps))
        if left:
            words = "; ".join(f"{name}: {', '.join(said)}" for name, said in left.items())
            module.fail_json(msg=f"the files are in place but what runs is still otherwise: {words}")
    before = "".join(f"{name}: {word}\n" for name, said in differed.items() for word in said)
    module.exit_json(
        changed=bool(steps or differed or calls),
        differed=differed,
        calls=[" ".join(call) for call in calls],
        diff=[
            *diffs(steps),
            *({"before": "", "after": f"systemctl {' '.join(call)}\n"} for call in calls),
            *([{"before": before, "after": ""}] if before else []),
        ],
    )


def networkd_calls() -> list[list[str]]:
    """Return what systemctl is to be asked so that networkd runs, now and at boot, by the unit that is there now."""
    wish, states = units.Wish(enabled=(NETWORKD,), started=(NETWORKD,)), manager.states([NETWORKD])
    if units.unknown(wish, states):
        raise manager.UnitError(f"systemd knows no unit {NETWORKD}: install the package systemd, which brings it")
    outdated = states[NETWORKD].outdated if NETWORKD in states else False
    return [*([["daemon-reload"]] if outdated else []), *units.calls(wish, states)]


if __name__ == "__main__":
    main()
