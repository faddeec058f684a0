"""What is left of a twin: nothing, however it came to its end."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.twin.machine import INVENTORY, ROOT, Twin, interfaces, traces, wait_until

pytestmark = pytest.mark.twin
PATIENCE = 600  # seconds, for a busy machine
NOTHING: dict[str, set[str]] = {"control groups": set(), "mounts": set(), "processes": set(), "files": set()}


def test_down_leaves_nothing(second: Twin) -> None:
    before = interfaces()
    second.up()
    second.ok("ssh", "login1", "true")
    assert all(traces(second.name)[kind] for kind in ("control groups", "processes", "files"))
    assert not traces(second.name)["mounts"] - {line for line in traces(second.name)["mounts"] if "/run/netns" in line}
    second.ok("down")
    assert traces(second.name) == NOTHING
    assert interfaces() == before


def test_down_of_nothing_is_fine(second: Twin) -> None:
    assert second("down").returncode == 0
    assert traces(second.name) == NOTHING


@pytest.mark.parametrize("trace", ["nodes", "namespaces", "processes"])
def test_up_takes_over_what_a_killed_up_left(second: Twin, trace: str) -> None:
    _interrupted_up(second, signal.SIGKILL, trace)
    second.up()
    assert second.fresh_ssh("data1", "hostname").stdout == "data1\n"
    second.ok("down")
    assert traces(second.name) == NOTHING


def test_down_clears_what_a_killed_up_left(second: Twin) -> None:
    _interrupted_up(second, signal.SIGKILL, "processes")
    second.ok("down")
    assert traces(second.name) == NOTHING


def test_an_interrupted_up_says_what_to_do_and_is_taken_over(second: Twin) -> None:
    code, said = _interrupted_up(second, signal.SIGINT, "processes")
    assert code == 130
    assert "was interrupted; run it again to finish, or take all down" in said
    assert "Traceback" not in said
    second.up()
    assert second.fresh_ssh("data1", "hostname").stdout == "data1\n"


def test_two_twins_of_one_inventory_stand_side_by_side(twin: Twin, second: Twin) -> None:
    second.up()
    second.ok("ssh", "data1", "echo second >whose")
    assert twin("ssh", "data1", "cat whose").returncode != 0
    assert second.fresh_ssh("data1", "hostname").stdout == "data1\n"
    second.ok("down")
    assert twin.fresh_ssh("data1", "hostname").stdout == "data1\n"


def _interrupted_up(twin: Twin, signum: signal.Signals, trace: str) -> tuple[int, str]:
    """Begin to build, send a signal once `trace` can be seen, and return the exit code and what was said."""
    seen = {
        "nodes": (twin.state / "nodes/login1").exists,
        "namespaces": lambda: any(Path("/run/netns").glob(f"kakehashi.{twin.name}.*")),
        "processes": lambda: any(Path("/run/kakehashi", twin.name).glob("ready-*")),
    }
    # Tests that run in the background may have inherited that Ctrl-C is ignored.
    command = ["env", "--default-signal=INT", *twin.command("up", "-i", str(INVENTORY))]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        wait_until(seen[trace], PATIENCE)
        process.send_signal(signum)
        _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said
