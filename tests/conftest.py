"""What every test needs."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[1]

# Ansible shows module_utils/ to a module under ansible.module_utils; with this, tests can import modules as they are.
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
