"""Progress lines: what is done now, and how long the whole has taken so far."""

from __future__ import annotations

import sys
import threading
import time

_started = time.monotonic()
_lock = threading.Lock()


def say(text: str) -> None:
    """Print one line on stderr, led by the seconds since the command began."""
    with _lock:
        print(f"[{time.monotonic() - _started:6.1f} s] {text}", file=sys.stderr, flush=True)
