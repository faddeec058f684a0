"""Nodes as systemd-nspawn containers: start, stop, look inside."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from twin.cgroups import Groups
from twin.errors import TwinError
from twin.paths import NSPAWN, Paths
from twin.plan import Node
from twin.removal import remove_tree
from twin.shell import PRIVATE_MOUNTS

# The overlay is mounted where only the node sees it, so that it is gone with the node, however that ends.
_LAUNCH = """
set -eu
for group in $1; do echo $$ >"$group/cgroup.procs"; done
lower=$2 upper=$3 work=$4 root=$5
shift 5
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
# 133 asks for another start: the node has rebooted.
status=133
while [ "$status" -eq 133 ]; do
    status=0
    systemd-nspawn "$@" || status=$?
done
exit "$status"
"""
_BOOT_SECONDS = 120
FORMER = "upper.former"
"""What a node held, while a restore puts something else into its place."""


def take_back(home: Path) -> None:
    """Give a node whose restore was cut short what it held before."""
    if (home / FORMER).exists() and not (home / "upper").exists():
        (home / FORMER).rename(home / "upper")


class Nodes:
    """The nodes of one twin. Knows nothing of what they are for."""

    def __init__(self, paths: Paths, groups: Groups) -> None:
        self.paths = paths
        self.groups = groups

    def running(self, node: str) -> bool:
        """Whether the node is on."""
        return self.groups.init_of(node) is not None

    def launch(self, node: Node, lower: str, binds: Sequence[str] = ()) -> Readiness:
        """Start a node, detached from this process, and return what tells when it is up."""
        # What a start that was cut short left behind.
        self.groups.kill(node.name)
        home = self.paths.node(node.name)
        take_back(home)
        for name in ("work", "root"):
            (home / name).mkdir(parents=True, exist_ok=True)
        readiness = Readiness(self.paths.run / f"ready-{node.name}", node.name, home / "console.log")
        command = [
            *PRIVATE_MOUNTS,
            *("sh", "-c", _LAUNCH, "sh", " ".join(map(str, self.groups.make(node.name)))),
            *(lower, home / "upper", home / "work", home / "root"),
            *self._nspawn_options(node),
            *(f"--bind-ro={bind}" for bind in binds),
            *_payload(node, readiness.path),
        ]
        with (home / "console.log").open("wb") as log:
            readiness.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(node, readiness.path),
            )
        return readiness

    def _nspawn_options(self, node: Node) -> list[str]:
        scope = self.paths.scope(node.name)
        return [
            "--quiet",
            f"--machine={scope}",
            f"--hostname={node.name}",
            f"--directory={self.paths.node(node.name) / 'root'}",
            "--register=no",
            "--keep-unit",
            f"--network-namespace-path={self.paths.netns(node.name)}",
            "--capability=CAP_NET_ADMIN",
            "--bind=/dev/fuse",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=read-only",
        ]

    def cut_power(self, node: str) -> None:
        """End a node as a power cut does."""
        self.groups.kill(node)
        self._tidy(node)

    def shut_down(self, node: str, *, seconds: float = 30) -> None:
        """End a node as its administrator would; after `seconds` its power is cut."""
        init = self.groups.init_of(node)
        if init is not None:
            os.kill(init, signal.SIGRTMIN + 3)
        end = time.monotonic() + seconds
        while self.running(node) and time.monotonic() < end:
            time.sleep(0.05)
        self.cut_power(node)

    def _tidy(self, node: str) -> None:
        self.groups.remove(node)
        remove_tree(NSPAWN / "propagate" / self.paths.scope(node))
        (self.paths.run / f"ready-{node}").unlink(missing_ok=True)

    def inside(self, node: str, command: Sequence[str]) -> list[str]:
        """The command that runs `command` as root within a node."""
        init = self.groups.init_of(node)
        if init is None:
            raise TwinError(
                f"node {node} is not running; start it with: .venv/bin/python -m twin --name {self.paths.twin} start {node}"
            )
        enter = ["nsenter", f"--target={init}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        clean = ["env", "-i", "--chdir=/", f"PATH={path}", "HOME=/root", "LANG=C.UTF-8", f"TERM={os.environ.get('TERM', 'dumb')}"]
        return [*enter, "--root", "--", *clean, *command]

    def run(self, node: str, script: str, *, purpose: str) -> str:
        """Run a shell script as root within a node, for building it."""
        command = self.inside(node, ["sh", "-c", script])
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise TwinError(f"node {node}: {purpose} failed: {said[-1] if said else 'no message'}")
        return done.stdout


def _payload(node: Node, ready: Path) -> tuple[str, ...]:
    """What runs in a node: systemd, or a switch's few daemons, and how that says that it is up."""
    if node.kind == "switch":
        return (f"--bind={ready}:/run/twin-ready", "--as-pid2", "/usr/local/sbin/twin-switch")
    return ("--notify-ready=yes", "--boot")


# What nspawn says at each end.
_NOISE = "Attempted to remove disk file system"


class Readiness:
    """Hears from a node when its start is complete (the protocol of sd_notify)."""

    def __init__(self, path: Path, node: str, log: Path) -> None:
        self.path = path
        self.node = node
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def wait(self, given_up: Event, *, seconds: float = _BOOT_SECONDS) -> None:
        """Return once the node is up, or `given_up` is set. Raises TwinError if the node ended, or took too long."""
        end = time.monotonic() + seconds
        try:
            while not self._heard() and not given_up.is_set():
                if self.process is not None and self.process.poll() is not None:
                    raise TwinError(f"node {self.node} ended while it started: {self._last_line()} (all of it in {self.log})")
                if time.monotonic() > end:
                    raise TwinError(
                        f"node {self.node} is not up after {seconds:.0f} s: {self._last_line()} (all of it in {self.log})"
                    )
        finally:
            self._socket.close()
            self.path.unlink(missing_ok=True)

    def _heard(self) -> bool:
        readable, _, _ = select.select([self._socket], [], [], 0.2)
        return bool(readable) and b"READY=1" in self._socket.recv(4096).split(b"\n")

    def _last_line(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line and not line.startswith(_NOISE)]
        return lines[-1] if lines else "it said nothing"


def _environment(node: Node, ready: Path) -> dict[str, str]:
    # For a switch nspawn itself would say "ready" as soon as the container is there.
    notify = {} if node.kind == "switch" else {"NOTIFY_SOCKET": str(ready)}
    return {
        **notify,
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        # Network sysctls are the node's own; all others are the machine's, and not a node's to change.
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    }
