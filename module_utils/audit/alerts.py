"""The log server's third service: hands each use of a sealed credential to the command that tells people of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from .sealed import Use

ROOM = "alerts"
"""Directory of what is still to be told, within the state's."""
_AGAIN_SECONDS, _LONGEST_SECONDS = 60, 60
_SHOWN = 300


def keep(room: Path, uses: Iterable[Use]) -> None:
    """Keep uses until they are told. One that is kept twice is told once."""
    for use in uses:
        room.mkdir(mode=0o700, exist_ok=True)
        draft = room / f".{use.id}"
        draft.write_text(json.dumps(asdict(use), sort_keys=True) + "\n", encoding="utf-8")
        draft.replace(room / f"{use.id}.json")


def waiting(room: Path) -> list[Path]:
    """Return what is still to be told."""
    return sorted(room.glob("*.json"))


def deliver(room: Path, command: Sequence[str]) -> list[str]:
    """Hand each to the command, as JSON on its input; return why some are still to be told."""
    problems = []
    for path in waiting(room):
        try:
            done = subprocess.run(  # noqa: S603 - the command that the log server's administrators declared, no shell
                list(command), input=path.read_bytes(), capture_output=True, check=False, timeout=_LONGEST_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(f"the alert {path.stem} could not be told: {error}")
            continue
        if done.returncode == 0:
            path.unlink()
        else:
            said = done.stderr.decode("utf-8", "replace").strip()[-_SHOWN:]
            problems.append(f"the alert {path.stem} could not be told: {command[0]} ended with {done.returncode}: {said}")
    return problems


def run(room: Path, command: Sequence[str]) -> None:
    """Tell what is to be told until the process ends; what could not be told is tried again."""
    while True:
        problems = deliver(room, command)
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
            sys.stderr.flush()
        time.sleep(_AGAIN_SECONDS if problems else 0.5)  # the next look; the service ends by a signal
