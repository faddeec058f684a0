"""Who runs Ansible here: the person, this machine, and the process that all workers of a run come from."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def holder(proc: Path = _PROC, pid: int | None = None) -> dict[str, Any]:
    """Return who makes a change in this run: ``operator``, ``controller``, ``pid``, and when that process ``started``."""
    top = run_of(os.getpid() if pid is None else pid, proc)
    return {
        "operator": os.environ.get("SUDO_USER") or getpass.getuser(),
        "controller": socket.gethostname(),
        "pid": top,
        "started": started(top, proc),
    }


def run_of(pid: int, proc: Path = _PROC) -> int:
    """Return the oldest ancestor of ``pid`` that runs the same program with the same words: a worker's parent is the run."""
    line = _words(pid, proc)
    while line and (parent := _parent(pid, proc)) and _words(parent, proc) == line:
        pid = parent
    return pid


def started(pid: int, proc: Path = _PROC) -> str:
    """Return when a process began (UTC, whole seconds); empty where there is none of that number."""
    try:
        ticks = int(_stat(pid, proc)[19])
        booted = next(line for line in (proc / "stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, IndexError, ValueError, StopIteration):
        return ""
    seconds = int(booted.split()[1]) + ticks // os.sysconf("SC_CLK_TCK")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_over(who: dict[str, Any], proc: Path = _PROC) -> bool:
    """Return whether ``who`` was a run on this machine that is no more. Of other machines nothing is known from here."""
    if who.get("controller") != socket.gethostname() or not who.get("pid"):
        return False
    return started(int(who["pid"]), proc) != who.get("started")


def _stat(pid: int, proc: Path) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name (proc(5)), the state first."""
    return (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _parent(pid: int, proc: Path) -> int:
    try:
        return int(_stat(pid, proc)[1])
    except (OSError, IndexError, ValueError):
        return 0


def _words(pid: int, proc: Path) -> bytes:
    try:
        return (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
