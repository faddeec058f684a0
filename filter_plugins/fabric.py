"""Filters by which playbooks ask the fabric, for instance ``{{ ansible_inventory_sources | fabric_views }}``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from module_utils.matrix.change_proofs import refused_logins
from module_utils.matrix.data_logins import data_tried, refused_data, silent_data, unanswered_data
from module_utils.matrix.knocks import knock_verdict, knocks_prove
from plugin_utils import accounts, show, site


class FilterModule:
    """Hands the functions to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        found: dict[str, Callable[..., Any]] = {
            f"fabric_{f.__name__}": f for f in (show.faults, show.views, show.tables, show.diagram, show.ssh_config)
        }
        return found | {
            "fabric_accounts_report": accounts.accounts_report,
            "fabric_change_proofs": site.fabric_change_proofs,
            "fabric_stage": site.fabric_stage,
            "fabric_known_hosts": site.fabric_known_hosts,
            "certificates_ending": site.certificates_ending,
            "clocks": site.clocks,
            "goes_by_time": site.goes_by_time,
            "sessions_refused": site.sessions_refused,
            "let_in_by": site.let_in_by,
            "takes_operators_certificates": site.takes_operators_certificates,
            "operators_known_hosts": site.operators_known_hosts,
            "known_hosts_of": site.known_hosts_of,
            "knock_verdict": knock_verdict,
            "knocks_prove": knocks_prove,
            "refused_logins": refused_logins,
            "data_tried": data_tried,
            "refused_data": refused_data,
            "silent_data": silent_data,
            "unanswered_data": unanswered_data,
        }
