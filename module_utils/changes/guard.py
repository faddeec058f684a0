"""Whether what a module is about to write would still be undone. Read before each write, so it needs little."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..programs import inherited
from .locks import take
from .places import BASE, CHANGE, RESULT, archive, pending, reverted, writers

VARIABLE = "KAKEHASHI_CHANGE"  # the id of the change that a task belongs to
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TOO_LATE = "the time of this change (change_seconds) was over before this task"
_CAUSES = {
    "timer": _TOO_LATE,
    "boot": "the host was restarted before this task",
    "asked": "undoing this change was asked for before this task",
}
_END = "so the host puts everything back, and this task wrote nothing: run again"
_MORE_TIME = f"{_END} with a larger change_seconds"
_HALF = f"this change is being undone, and not all is back yet, {_END}"
_PATIENCE = 10.0  # seconds: whoever holds the lock longer is undoing


def refuse_when_over(module: Any) -> None:
    """Leave through ``module.fail_json`` where the change that this task belongs to is no longer held; call it before writing.

    From here to the end of the process, and of the programs it runs, undoing waits: what they write comes before it and is
    put back, too.
    """
    change_id = os.environ.get(VARIABLE, "")
    if not change_id:
        return
    reason = over(change_id, BASE) if _begin(BASE) else _HALF
    if reason:
        module.fail_json(msg=reason)


def over(change_id: str, base: Path) -> str:
    """Return why nothing may be written for ``change_id`` any more, in a sentence; empty while it is held, or without an id.

    One whose time has passed is over even if the host has not begun to undo it.
    """
    if not change_id:
        return ""
    try:
        change = _read(pending(base) / CHANGE)
        if change.get("id") == change_id:
            return _held(change, base)
        return _ended(change_id, base)
    except (OSError, ValueError) as error:
        words = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return f"whether this change is still held can't be read, so this task wrote nothing: {words}"


def _ended(change_id: str, base: Path) -> str:
    kept = _read(reverted(base) / change_id / RESULT) or _read(archive(base) / f"{change_id}.json")
    why = str(kept.get("why", ""))
    if why not in _CAUSES:
        return "this host no longer holds the change that this task belongs to, so this task wrote nothing: run again"
    return f"{_CAUSES[why]}, {_MORE_TIME if why == 'timer' else _END}"


def _held(change: Mapping[str, Any], base: Path) -> str:
    if change.get("boot") != BOOT_ID.read_text(encoding="ascii").strip():
        return f"{_CAUSES['boot']}, {_END}"
    if (pending(base) / RESULT).exists():
        return _HALF
    return "" if time.monotonic() < float(change.get("ends", 0)) else f"{_TOO_LATE}, {_MORE_TIME}"


def _begin(base: Path) -> bool:
    """Take part in the writers' lock until the process ends; return False where an undoing holds it."""
    try:
        handle = os.open(writers(base), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True  # what is wrong there is told by the record
    if not take(handle, _PATIENCE, shared=True):
        os.close(handle)
        return False
    inherited.append(handle)
    return True


def _read(path: Path) -> dict[str, Any]:
    """Return the record at ``path``, nothing where there is none; raise ValueError where it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} is damaged: it holds no record")
    return data
