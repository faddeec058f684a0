"""What every test needs."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[1]

# Ansible shows module_utils/ to a module under ansible.module_utils; with this, tests can import modules as they are.
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))


def pytest_configure() -> None:
    """Have whoever asks the tests to end get what Ctrl-C gets: fixtures take down what they built."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _as_if_by_hand)


def _as_if_by_hand(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
