"""Ansible module: the packet filter the kernel runs and the file it is loaded from at boot."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nftables_ruleset
short_description: Keep the running nftables ruleset and its file equal to a wanted one
version_added: "0.1.0"
description:
  - Compares the ruleset that the kernel B(runs) with the wanted one, so that what was changed by hand is seen and repaired.
  - Both sides are compared as nft lists them; the wanted one is loaded into a network namespace of its own for that.
  - Loads in one transaction, after nft has checked it. The ruleset must create and delete its own tables before it fills
    them; other tables are not touched unless O(exclusive) is set.
  - Refuses, before anything is changed, a ruleset that doesn't accept the connection the deployer came in by, and any
    ruleset where the deployer came in through an ssh daemon and it can't be told from where.
options:
  content:
    description: The whole ruleset, as C(nft -f) reads it.
    type: str
    required: true
  path:
    description: The file it is loaded from at boot.
    type: path
    default: /etc/nftables.conf
  exclusive:
    description: Remove tables that the ruleset doesn't declare. They are reported in any case.
    type: bool
    default: false
  boot_drop_in:
    description:
      - A drop-in of C(nftables.service), whole, by which the file is loaded at boot. The unit is enabled and started then.
      - Left out, the unit is left alone.
    type: str
  tolerate_missing:
    description: Where nft is not installed change nothing and say so in RV(missing), rather than fail.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would change. On a host where nft is not installed yet only the file is compared.
    support: full
  diff_mode:
    description: Shows the tables and the file before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Filter packets
  nftables_ruleset:
    content: "{{ lookup('ansible.builtin.template', 'nftables.conf.j2') }}"
    boot_drop_in: "{{ lookup('ansible.builtin.file', 'nftables.conf', rstrip=false) }}"
"""

RETURN = r"""
missing:
  description: Whether nft is not installed. Nothing was changed then.
  type: bool
  returned: always
loaded:
  description: Tables that differed from the wanted ones and were (or in check mode would be) loaded.
  type: list
  elements: str
  returned: always
  sample: [inet kakehashi]
calls:
  description: What systemctl was (or in check mode would be) asked.
  type: list
  elements: str
  returned: always
foreign:
  description: Tables in the kernel that the ruleset doesn't declare.
  type: list
  elements: str
  returned: always
  sample: [ip docker]
"""

import shutil
from pathlib import PurePosixPath

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.deployer.connection import UnknownConnectionError, live_connection
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import Directory, File, PlanError, Wish, diffs, plan
from ansible.module_utils.netfilter import kernel
from ansible.module_utils.netfilter.guard import refusal
from ansible.module_utils.netfilter.listing import Comparison, compare, split, transaction
from ansible.module_utils.units import manager
from ansible.module_utils.units import plan as units
from ansible.module_utils.units.bring import Brought, bring

UNIT = "nftables.service"
DROP_IN = "/etc/systemd/system/nftables.service.d/kakehashi.conf"


def main() -> None:
    """Guard, compare, load, report."""
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/etc/nftables.conf"},
            "exclusive": {"type": "bool", "default": False},
            "boot_drop_in": {"type": "str"},
            "tolerate_missing": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        bring_about(module)
    except kernel.ToolError as error:
        module.fail_json(msg=f"{error}. Nothing was loaded.")
    except kernel.NftError as error:
        module.fail_json(msg=f"nft refuses the ruleset, nothing was loaded: {error}")
    except (PlanError, UnknownConnectionError, manager.UnitError) as error:
        module.fail_json(msg=str(error))


def bring_about(module: AnsibleModule) -> None:
    """Do what the arguments ask; leaves through the module's exits."""
    content = module.params["content"]
    wish = Wish(files=(File(module.params["path"], content.encode(), 0o644),))
    steps = plan(wish, observe(wish))
    if shutil.which("nft") is None:
        if module.check_mode:
            boot = load_at_boot(module)
            module.exit_json(
                changed=True, missing=True, loaded=["all"], foreign=[], calls=list(boot.calls), diff=[*diffs(steps), *boot.diffs]
            )
        if module.params["tolerate_missing"]:
            module.exit_json(changed=False, missing=True, loaded=[], foreign=[], calls=[])
        module.fail_json(msg="nft is not installed: install the package nftables first")
    reason = refusal(content, live_connection(), kernel.interface_addresses())
    if reason is not None:
        module.fail_json(msg=reason)
    wanted, now = kernel.canonical(content), kernel.running()
    found = compare(wanted, now)
    remove = found.foreign if module.params["exclusive"] else ()
    if not module.check_mode:
        if steps or found.differing or remove:
            refuse_when_over(module)
        apply(steps)
        if found.differing or remove:
            kernel.load(transaction(content, remove))
        refuse_leftovers(module, wish, wanted)
    # Once it is loaded: the unit loads the file, too, where it was not started yet.
    boot = load_at_boot(module)
    module.exit_json(
        changed=bool(steps or found.differing or remove) or boot.changed,
        missing=False,
        loaded=kernel.names(found.differing),
        foreign=kernel.names(found.foreign),
        calls=list(boot.calls),
        diff=[*diffs(steps), *table_diffs(found, wanted, now), *boot.diffs],
    )


def load_at_boot(module: AnsibleModule) -> Brought:
    """Have the unit load the file at boot, where that is asked for."""
    drop_in = module.params["boot_drop_in"]
    if drop_in is None:
        return Brought()
    return bring(
        Wish((File(DROP_IN, drop_in.encode()),), (Directory(str(PurePosixPath(DROP_IN).parent)),)),
        units.Wish(enabled=(UNIT,), started=(UNIT,)),
        check=module.check_mode,
        before_writing=lambda: refuse_when_over(module),
    )


def refuse_leftovers(module: AnsibleModule, wish: Wish, wanted: str) -> None:
    """Read all again, and fail where it is not what was asked."""
    left = compare(wanted, kernel.running())
    tables = kernel.names((*left.differing, *(left.foreign if module.params["exclusive"] else ())))
    what = [*(f"the running table {t}" for t in tables), *(s.path for s in plan(wish, observe(wish)))]
    if what:
        module.fail_json(
            msg=f"{', '.join(what)} was loaded or written, but is otherwise than declared when read again: "
            f"find what else changes it on this host (another firewall's service), then run again"
        )


def table_diffs(found: Comparison, wanted: str, now: str) -> list[dict[str, str]]:
    """Return the tables that differ, in the shape of Ansible's diff mode."""
    want, have = split(wanted), split(now)
    return [
        {"before_header": f"kernel: {t}", "after_header": f"kernel: {t}", "before": have.get(t, ""), "after": want[t]}
        for t in found.differing
    ]


if __name__ == "__main__":
    main()
