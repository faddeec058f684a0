"""One control group for each node: the sure way to find, freeze and end all its processes.

Machines differ: one tree (version 2), or version 2 beside a tree named ``systemd``. A node gets a group in each.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

from twin.errors import TwinError

_TOP = "kakehashi"


def mounts(mountinfo: str | None = None) -> list[Path]:
    """Where control groups that hold processes by name are mounted: version 2, and the tree named systemd."""
    found = []
    for line in (mountinfo or Path("/proc/self/mountinfo").read_text()).splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(left.split(" ")[4]))
    return found


class Groups:
    """The control groups of one twin."""

    def __init__(self, twin: str) -> None:
        self.twin = twin
        self.trees = mounts()

    def of(self, node: str) -> list[Path]:
        """The groups of a node, made or not."""
        return [tree / _TOP / self.twin / node for tree in self.trees]

    def make(self, node: str) -> list[Path]:
        """Make a node's groups; who starts the node enters them."""
        for group in self.of(node):
            group.mkdir(parents=True, exist_ok=True)
        return self.of(node)

    def processes(self, node: str | None = None) -> set[int]:
        """Process ids in a node's groups, or in all of the twin."""
        found: set[int] = set()
        for tree in self.trees:
            top = tree / _TOP / self.twin / (node or "")
            # Groups go while this walks; os.walk passes over those, where glob would fail.
            for path in (Path(directory, "cgroup.procs") for directory, _, _ in os.walk(top)):
                try:
                    found.update(map(int, path.read_text().split()))
                except OSError:
                    continue
        return found

    def init_of(self, node: str) -> int | None:
        """The process that is number 1 within a node, or None if the node is off."""
        for pid in self.processes(node):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            ids = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
            if len(ids) > 1 and ids[-1] == "1" and "State:\tZ" not in status:
                return pid
        return None

    def kill(self, node: str | None = None, *, seconds: float = 20) -> None:
        """End every process of a node (or of the twin) at once, as a power cut does."""
        end = time.monotonic() + seconds
        while pids := _living(self.processes(node) - {os.getpid()}):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if time.monotonic() > end:
                raise TwinError(f"processes {sorted(pids)} of the twin {self.twin} don't end; look at them with ps and try again")
            time.sleep(0.02)

    def freeze(self, node: str, frozen: bool) -> None:
        """Hold all of a node's processes, or let them go on."""
        for group in self.of(node):
            if (group / "cgroup.freeze").exists():
                (group / "cgroup.freeze").write_text(str(int(frozen)))
                _await_frozen(group, frozen)

    def thaw(self) -> None:
        """Let go on what a command that was cut short left held."""
        for tree in self.trees:
            for switch in (tree / _TOP / self.twin).glob("*/cgroup.freeze"):
                if switch.read_text().strip() == "1":
                    self.freeze(switch.parent.name, False)

    def remove(self, node: str | None = None) -> None:
        """Remove the (empty) groups of a node, or all of the twin."""
        for tree in self.trees:
            top = tree / _TOP / self.twin / (node or "")
            for directory, _, _ in os.walk(top, topdown=False):
                _rmdir_when_empty(Path(directory))
            if node is None:
                _rmdir_if_empty(tree / _TOP)


def _living(pids: set[int]) -> set[int]:
    """Those that are no zombies: a zombie waits for its parent and can't be ended."""
    living = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            living.add(pid)
    return living


def _await_frozen(group: Path, frozen: bool, *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while f"frozen {int(frozen)}" not in (group / "cgroup.events").read_text().splitlines():
        if time.monotonic() > end:
            raise TwinError(f"the processes in {group} can't be held; look at them with ps and try again")
        time.sleep(0.01)


def _rmdir_when_empty(path: Path, *, seconds: float = 10) -> None:
    """Remove a group once the processes that were ended in it are gone for good."""
    end = time.monotonic() + seconds
    while True:
        try:
            path.rmdir()
        except FileNotFoundError:
            return  # the node's own systemd, which is ending, was quicker
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _rmdir_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        return
