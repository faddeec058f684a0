"""Takes a lock within a time. Alone, so that modules that only look whether they may write need not read the rest."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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


def end_holders(handle: int, spare: str, proc: Path = Path("/proc")) -> None:
    """Kill whoever holds a lock of the open ``handle``, save those whose command names ``spare``."""
    for pid in _holders(handle, proc):
        with suppress(OSError):  # it may end by itself meanwhile
            if spare not in (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace"):
                os.kill(pid, signal.SIGKILL)


def _holders(handle: int, proc: Path) -> Iterator[int]:
    """Yield the processes that /proc/locks (proc(5)) names for the file; those of other containers have no number here."""
    inode = str(os.fstat(handle).st_ino)
    for line in (proc / "locks").read_text(encoding="ascii").splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode and int(fields[4]) > 0:
            yield int(fields[4])
