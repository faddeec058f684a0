"""What playbooks/accounts.yml prints in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from module_utils.fabric.reach import reach_table
from module_utils.people.report import done_lines, people_results

from .inventory import load_fabric


def accounts_report(sources: Sequence[str], hostvars: Mapping[str, Any], hosts: Sequence[str], check: bool) -> list[str]:
    """Return what a run did to users on ``hosts``, and who can reach what, as lines.

    Raises ``FabricError`` where the inventory is no fabric.
    """
    fabric = load_fabric(*sources)
    managed = [host for host in hosts if host in fabric.hosts and fabric.hosts[host].managed]
    return [*done_lines(people_results(hostvars, managed, check=check), check=check), "", *reach_table(fabric).splitlines()]
