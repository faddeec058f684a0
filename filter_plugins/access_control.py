"""Filters for the roles that decide who may log in; the thinking is in module_utils/access_control."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from module_utils.access_control import role_files


class FilterModule:
    """Hands the functions to templates under their own names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "account_homes": role_files.account_homes,
            "answers_of": role_files.answers_of,
            "authority_lines": role_files.authority_lines,
            "authorized_keys_files": role_files.authorized_keys_files,
            "chroot_directories": role_files.chroot_directories,
            "data_set_mounts": role_files.data_set_mounts,
            "host_signers_asked": role_files.host_signers_asked,
            "login_servers_asked": role_files.login_servers_asked,
            "onward_keys_of": role_files.onward_keys_of,
            "onward_results": role_files.onward_results,
            "signers_asked": role_files.signers_asked,
            "silent_login_servers": role_files.silent_login_servers,
            "target_notes": role_files.target_notes,
            "with_onward_keys": role_files.with_onward_keys,
        }
