"""Talks to the running systemd."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..programs import run
from .plan import PROPERTIES, State, parse_show


class UnitError(RuntimeError):
    """systemctl failed; the text is systemctl's own."""


def states(names: Sequence[str]) -> dict[str, State]:
    """Return the states of units in one call."""
    if not names:
        return {}
    return parse_show(systemctl(["show", f"--property={','.join(PROPERTIES)}", *names]))


def changed_at(paths: Iterable[str]) -> dict[str, float]:
    """Return when each file that is there was put in place, on the monotonic clock (a step of the wall clock is no change)."""
    offset = time.time() - time.monotonic()
    found = {}
    for path in paths:
        try:
            found[path] = Path(path).stat().st_ctime - offset
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnitError(f"{path} can't be looked at ({error.strerror}): mend the disk, then run again") from error
    return found


def systemctl(arguments: Sequence[str]) -> str:
    """Run systemctl; raise UnitError with its words."""
    result = run(["systemctl", *arguments], UnitError)
    if result.returncode != 0:
        words = result.stderr.strip().replace("\n", "; ") or f"exit status {result.returncode}"
        raise UnitError(f"systemctl {' '.join(arguments)}: {words}")
    return result.stdout
