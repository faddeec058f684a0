"""Where on a host changes are kept. Alone, so that modules that only look there need not read the rest."""

from __future__ import annotations

from pathlib import Path

BASE = Path("/var/lib/kakehashi-change")
CHANGE = "change.json"  # in the directory of a change: what was armed
RESULT = "result.json"  # how its undoing went
AGAIN = "again.json"  # how undoing once more went
PROGRAM = "/usr/local/sbin/kakehashi-revert"  # undoes


def pending(base: Path) -> Path:
    """Return where the change is that is held, if one is."""
    return base / "pending"


def reverted(base: Path) -> Path:
    """Return the directory of changes that were undone and not told of yet."""
    return base / "reverted"


def writers(base: Path) -> Path:
    """Return the directory that modules of a change hold while they write; undoing waits until none does."""
    return base / "writers"


def archive(base: Path) -> Path:
    """Return the directory of results that were told of."""
    return base / "archive"
