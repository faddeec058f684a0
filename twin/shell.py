"""Running other programs, with an error that says which one failed and why."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from twin.errors import TwinError

_running: set[subprocess.Popen[str]] = set()


def run(
    command: Sequence[str | Path],
    *,
    purpose: str,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Run `command` and return what it printed.

    `purpose` names the work in the error; `log` keeps the whole output of long work.
    Raises TwinError with the last line the program wrote.
    """
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if log else subprocess.PIPE,
        text=True,
        env=dict(env) if env is not None else None,
    )
    _running.add(process)
    try:
        printed, complained = process.communicate(stdin)
    finally:
        _running.discard(process)
    if log:
        log.write_text(printed)
    if process.returncode:
        said = (printed if log else complained or printed).strip().splitlines()
        where = f" (all of it in {log})" if log else ""
        program = next(part for part in command if part not in CONTAINED)
        raise TwinError(f"{purpose}: {program} ended with {process.returncode}: {said[-1] if said else 'no message'}{where}")
    return printed


def end_running() -> None:
    """End what other threads run, because the user has interrupted or one of them has failed."""
    for process in tuple(_running):
        process.kill()


# Mounts made by the program vanish with it, whatever ends it.
PRIVATE_MOUNTS = ("unshare", "--mount", "--propagation", "private")
# The same, and all that the program has started ends with it, and it with the thread that waits for it: building an
# image mounts the machine's devices into it, and nothing may go on there once another command clears the place.
CONTAINED = ("setpriv", "--pdeathsig", "KILL", *PRIVATE_MOUNTS, "--pid", "--fork", "--kill-child", "--mount-proc", "--")
