"""Takes a lock within a time. Alone, so that modules that only look whether they may write need not read the rest."""

from __future__ import annotations

import fcntl
import time

POLL = 0.1  # seconds; the kernel can wait for a lock, but not for so long only


def take(handle: int, patience: float, *, shared: bool = False) -> bool:
    """Lock the open ``handle`` until it is closed; return False where others hold it for ``patience`` seconds."""
    operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, operation)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(POLL)  # until it is free or the time is over
        else:
            return True
