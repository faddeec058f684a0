"""Runs a module of library/ in this process, with its arguments, and returns what it would hand to Ansible."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.testing import patch_module_args


def call(name: str, arguments: Mapping[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Run library/<name>.py to its end; anything but an exit of its own (a traceback) fails the test."""
    module = importlib.import_module(f"library.{name}")
    said = io.StringIO()
    with patch_module_args({**arguments, "_ansible_check_mode": check}), contextlib.redirect_stdout(said):
        try:
            module.main()
        except SystemExit:
            result: dict[str, Any] = json.loads(said.getvalue().splitlines()[-1])
            return result
    raise AssertionError(f"{name} returned without an exit")
