"""Who runs Ansible here: the person, this machine, and the process that all workers of a run come from."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_MACHINE = Path("/etc/machine-id")
_NAMELESS = "-"


def holder(proc: Path = _PROC, pid: int | None = None) -> dict[str, Any]:
    """Return who makes a change in this run: ``operator``, ``controller``, ``pid``, and which process that was (``started``)."""
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


def started(pid: int, proc: Path = _PROC, machine: Path = _MACHINE) -> str:
    """Return what tells a process from all others that have, had or will have its number; empty where there is none.

    It is four words: the machine (machine-id(5), ``-`` without one), its boot, the namespace of processes and the clock ticks
    after the boot (proc(5)), so that neither a clock that is set nor a container of the same name makes two runs look alike.
    """
    try:
        ticks = _stat(pid, proc)[19]
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (proc / "self/ns/pid").readlink().name
    except (OSError, IndexError):
        return ""
    try:
        name = machine.read_text(encoding="ascii").strip() or _NAMELESS
    except (OSError, UnicodeDecodeError):
        name = _NAMELESS
    return f"{name} {boot} {namespace} {ticks}"


def is_over(who: dict[str, Any], proc: Path = _PROC, machine: Path = _MACHINE) -> bool:
    """Return whether ``who`` was a run on this machine that is no more. Of others nothing is known from here."""
    here, began = started(os.getpid(), proc, machine).split(), str(who.get("started", "")).split()
    if who.get("controller") != socket.gethostname() or not who.get("pid") or not here or len(began) != len(here):
        return False
    if began[:2] != here[:2]:  # another boot: of this very machine, or of another one
        return began[0] == here[0] != _NAMELESS
    return began[2] == here[2] and started(int(who["pid"]), proc, machine).split() != began


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
