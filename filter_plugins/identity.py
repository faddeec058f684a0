"""Filters for the roles that sign certificates and ask for them; the thinking is in module_utils/identity."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from module_utils.identity import host_certificates, sources


class FilterModule:
    """Hands the functions to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "host_authority_lines": host_certificates.lines_of_each,
            "identity_program": sources.program,
            "signing_policy": sources.policy,
            "signing_client_keys": sources.client_keys,
            "certificate_settings": sources.settings,
            "with_signing_keys": sources.with_signing_keys,
        }
