"""Commands on a twin that benchmarks measure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class BenchmarkError(Exception):
    """A command that a benchmark measures failed: there is no figure."""


def run(*command: str, **environment: str) -> str:
    """Return what a command prints. Raises ``BenchmarkError`` where it fails."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, text=True, capture_output=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BenchmarkError(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def twin(verb: str, name: str, *rest: str) -> str:
    """Run a command of the twin ``name``."""
    return run(sys.executable, "-m", "twin", verb, *rest, "--name", name)


def ansible(name: str, sources: Sequence[str], program: str, *rest: str) -> str:
    """Run a program of Ansible from the twin's operators' host, with the twin's overlay behind the inventory's ``sources``."""
    overlay = Path(os.environ.get("KAKEHASHI_STATE", "/var/lib/kakehashi")) / name / "overlay"
    inventories = [word for source in (*sources, str(overlay)) for word in ("-i", source)]
    return run(sys.executable, "-m", "twin", "run", "--name", name, "--", f".venv/bin/{program}", *inventories, *rest)
