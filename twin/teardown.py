"""`down`: leaves no process, namespace, mount, interface, control group or file of a twin, however far it was built."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from twin.cgroups import Groups
from twin.errors import TwinError
from twin.limits import restore_limits
from twin.network import Network
from twin.paths import NSPAWN, Paths
from twin.removal import remove_tree, unmount_below


def take_down(paths: Paths) -> bool:
    """Remove the twin; returns whether there was any of it. Works without the twin's record."""
    groups, network = Groups(paths.twin), Network(paths)
    found = paths.state.exists() or paths.run.exists() or bool(network.namespaces()) or bool(groups.processes())
    groups.kill()
    _end_processes_in(network, paths)
    for node in network.namespaces():
        network.remove_namespace(node)
    # What somebody mounted there; the twin itself mounts nothing that others see.
    unmount_below(paths.state)
    groups.remove()
    for leftover in NSPAWN.glob(f"*/{paths.scope_prefix}*"):
        remove_tree(leftover)
    remove_tree(paths.run)
    remove_tree(paths.state)
    network.leave()
    restore_limits(paths.run.parent)
    return found


def _end_processes_in(network: Network, paths: Paths, *, seconds: float = 10) -> None:
    """End what was started in the twin's namespaces from outside: plays, shared ssh connections, debugging shells."""
    end = time.monotonic() + seconds
    while pids := _processes_in({paths.netns(node).stat().st_ino for node in network.namespaces()}):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > end:
            raise TwinError(
                f"processes {sorted(pids)} in the namespaces of the twin {paths.twin} don't end; see them with ps, try again"
            )
        time.sleep(0.02)


def _processes_in(namespaces: set[int]) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                inode = (entry / "ns/net").stat().st_ino
            except OSError:
                continue
            if inode in namespaces:
                found.add(int(entry.name))
    return found
