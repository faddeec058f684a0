"""Runs that change hosts of a twin, and are watched, held or killed between two tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from tests.twin.machine import log_in
from tests.twin.validated import Validated

HERE = Path(__file__).parent / "changes"
ROOT = Path(__file__).resolve().parents[2]
ARMED = "Arm the way back"
BETWEEN_ROLES = "packet_filter : Load the ruleset"
BEFORE_CONFIRMATION = "Confirm"
PATIENCE = 600  # seconds, for a busy machine


def wait_for(what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def state(twin: Validated, host: str) -> list[str]:
    """Return all that a change may touch on a host, times of files included, in lines."""
    return twin("exec", host, "--", "bash", "-s", text=(HERE / "state.sh").read_text()).splitlines()


def policy(twin: Validated, host: str) -> str:
    """Return what decides who gets in on a host."""
    return twin("exec", host, "--", "bash", "-s", text=(HERE / "policy.sh").read_text())


def pending(twin: Validated, host: str) -> bool:
    """Return whether a change of a host is held. Asked often: so from outside, in the layer that the node writes to."""
    return (twin.state / "nodes" / host / "upper/var/lib/kakehashi-change/pending").exists()


def settled(twin: Validated, host: str) -> bool:
    """Return whether no change of a host is held."""
    return not pending(twin, host)


def fresh_login(twin: Validated, host: str, seconds: int = 60) -> subprocess.CompletedProcess[str]:
    """Log in to a host as the operator does, over connections of its own, and become root."""
    options = ("-F", str(twin.state / "ssh/config-fresh"), "-o", "BatchMode=yes", "-o", f"ConnectTimeout={seconds}")
    return log_in([sys.executable, "-m", "twin", "--name", twin.name, "run", "--", "ssh", *options, host, "sudo", "-n", "true"])


@dataclass
class Run:
    """A run of a playbook in a process group of its own; ``notes`` is where its boundaries are written."""

    process: subprocess.Popen[bytes]
    notes: Path

    @property
    def names(self) -> list[str]:
        """The tasks that began."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def took(self, first: str, last: str) -> float:
        """Return the seconds from a task (how its name ends) to the next of another name; the most, where a run has several."""
        times = map(float, self.notes.with_suffix(".at").read_text().splitlines())
        most, since = 0.0, None
        for name, at in zip(self.names, times, strict=True):
            if name.endswith(first):
                since = at
            elif name.endswith(last) and since is not None:
                most, since = max(most, at - since), None
        assert most, f"{first} and {last} are not among {self.names}"
        return most

    def held(self) -> None:
        """Wait until the run is held at its boundary."""
        wait_for("held", lambda: self.notes.with_suffix(".held").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.end()

    def go(self) -> None:
        """Let a run that is held go on."""
        self.notes.with_suffix(".go").touch()

    def end(self) -> str:
        """Wait for the end and return what was printed."""
        self.process.wait(PATIENCE)
        return self.notes.with_suffix(".out").read_text()

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.process.wait(PATIENCE) == -signal.SIGKILL


@dataclass(frozen=True)
class Runs:
    """Starts runs on a twin. ``room`` takes their notes."""

    twin: Validated
    room: Path
    numbers: Iterator[int] = field(default_factory=partial(count, 1))

    def start(
        self, playbook: Path, *words: str, kill_at: str = "", hold_at: str = "", environment: Mapping[str, str] | None = None
    ) -> Run:
        """Start a playbook, to be killed or held before a task: its number from 1, or how its name ends."""
        notes = self.room / f"run-{next(self.numbers)}"
        sources = [w for s in (*self.twin.inventories, self.twin.state / "overlay") for w in ("-i", str(s))]
        twin = [sys.executable, "-m", "twin", "--name", self.twin.name, "run", "--"]
        argv = [*twin, str(ROOT / ".venv/bin/ansible-playbook"), *sources, str(playbook), *words]
        more = {
            "ANSIBLE_CALLBACK_PLUGINS": f"{HERE}:{ROOT / 'callback_plugins'}",
            "ANSIBLE_CALLBACKS_ENABLED": "boundaries",
            "KAKEHASHI_BOUNDARIES": str(notes),
            "KAKEHASHI_KILL_AT": kill_at,
            "KAKEHASHI_HOLD_AT": hold_at,
        }
        with notes.with_suffix(".out").open("wb") as out:  # a pipe could outlive a killed run
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **more, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Run(process, notes)

    def site(self, *words: str, kill_at: str = "", hold_at: str = "", environment: Mapping[str, str] | None = None) -> Run:
        """Start site.yml."""
        return self.start(ROOT / "playbooks/site.yml", *words, kill_at=kill_at, hold_at=hold_at, environment=environment)


def wanted(number: int, hosts: str, seconds: int = 600) -> tuple[str, ...]:
    """Arguments by which login_restriction and packet_filter change, harmlessly, on some hosts."""
    values = {"login_restriction_max_sessions": number, "packet_filter_log_rate": f"{number}/minute", "change_seconds": seconds}
    return ("-e", json.dumps(values), "--limit", hosts)


def is_after(text: str, number: int) -> bool:
    """Return whether a host's policy is that of ``wanted``."""
    return f"maxsessions {number}\n" in text and f"limit rate {number}/minute" in text


def in_order(run: Run) -> str:
    """Return what a run printed that has to end well."""
    printed = run.end()
    assert run.process.returncode == 0, printed
    return printed


def cut_shared_connections(twin: Validated) -> None:
    """Kill the connections that outlive a killed run, as they end where the whole controller dies."""
    sockets = f"/run/kakehashi/{twin.name}/ssh/"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_text()
            except OSError:
                continue
            if words.startswith(f"ssh: {sockets}"):
                os.kill(int(entry.name), signal.SIGKILL)
    for path in Path(sockets).glob("*"):
        path.unlink()
