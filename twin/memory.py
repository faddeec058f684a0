"""Memory in use by processes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def memory_bytes(pids: Iterable[int]) -> int:
    """Memory of `pids`, what they share counted once (proportional set size)."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total
