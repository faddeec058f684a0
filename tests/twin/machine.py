"""A twin as its user has it: by the command line only. And what a machine holds that a twin could leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twin.cgroups import mounts

ROOT = Path(__file__).parents[2]
INVENTORY = Path(__file__).parent / "inventory"


def named(word: str) -> str:
    """The name of a twin that stands under the same name in each run; set the prefix where several runs share a machine."""
    return os.environ.get("KAKEHASHI_TEST_TWINS", "") + word


class Twin:
    """One twin, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = Path("/var/lib/kakehashi", name)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "twin", "--name", self.name, *words]

    def __call__(self, *words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)

    def ok(self, *words: str) -> str:
        """What a command printed that has to end well."""
        done = self(*words)
        assert done.returncode == 0, f"{words}: {done.stderr or done.stdout}"
        return done.stdout

    def up(self, inventory: Path = INVENTORY) -> str:
        return self.ok("up", "-i", str(inventory))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok("status", "--json"))
        return found

    def state_of(self, node: str) -> str:
        return next(str(row["state"]) for row in self.status()["nodes"] if row["name"] == node)

    def fresh_ssh(self, node: str, *words: str, seconds: int = 60) -> subprocess.CompletedProcess[str]:
        """Log in by the operators' way, over connections that nobody else uses."""
        config = str(self.state / "ssh/config-fresh")
        return log_in(self.command("run", "--", "ssh", "-F", config, "-o", f"ConnectTimeout={seconds}", node, *words))


def log_in(command: list[str], timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a command that logs in, and return as soon as it ends.

    The ssh of a hop, which it leaves behind, holds its output for two minutes where the hop gets no answer; that is ended, too.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        try:
            status = process.wait(timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = [(file.seek(0), file.read())[1] for file in (out, err)]
    return subprocess.CompletedProcess(command, status, *texts)


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Return once `condition` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def traces(name: str) -> dict[str, set[str]]:
    """Everything on this machine that belongs to the twin `name`, by kind."""
    scope = f"kakehashi.{name}."
    groups = {str(path) for tree in mounts() for path in (tree / "kakehashi" / name).glob("**")}
    mounted = {
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if scope in line or f"kakehashi/{name}/" in line
    }
    processes = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_text()
                where = (entry / "cgroup").read_text()
            except OSError:
                continue
            # Without words it is a zombie, which waits for its parent: the machine's init, not the twin.
            if not words:
                continue
            if scope in words or f"/kakehashi/{name}/" in where or f"/kakehashi/{name}/" in words:
                processes.add(words.replace("\0", " "))
    places = (
        "/var/lib/kakehashi",
        "/run/kakehashi",
        "/run/netns",
        "/run/systemd/nspawn/propagate",
        "/run/systemd/nspawn/unix-export",
    )
    files = {str(path) for place in places for path in Path(place).glob("*") if name in path.name}
    return {"control groups": groups, "mounts": mounted, "processes": processes, "files": files}


def interfaces() -> set[str]:
    """Interfaces of the machine itself."""
    return {path.name for path in Path("/sys/class/net").iterdir()}
