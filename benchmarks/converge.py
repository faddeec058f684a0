"""The twin and its playbooks: start, memory, and an idempotent run against a ping of every host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from . import changes
from .figures import Figure, figure, timed
from .twins import BenchmarkError, ansible, run, twin

RUNS = 3


def figures(name: str = "bench") -> Iterator[Figure]:
    """Yield the figures of a twin of its own, which is taken down afterwards.

    Raises ``BenchmarkError`` where a command fails or a run that should change nothing changed something.
    """
    try:
        twin("down", name)
        twin("up", name, "-i", "inventories/twin")  # the images are made here, where they aren't cached yet
        twin("down", name)
        yield figure("twin up, images cached", "s", timed(lambda: twin("up", name, "-i", "inventories/twin"), 1), 45)
        yield figure("memory of the whole twin", "GB", [_memory(name)], 3)
        yield figure("site.yml on a fresh twin", "s", timed(lambda: _site(name), 1))
        pings = timed(lambda: ansible(name, ["inventories/twin"], "ansible", "all:!switches", "-m", "ping", "-o"), RUNS)
        idle = timed(lambda: _unchanged(_site(name)), RUNS)
        yield figure("ansible -m ping to every host", "s", pings)
        yield figure("site.yml that changes nothing", "s", idle)
        yield figure("site.yml that changes nothing / ping", "times", [i / p for i, p in zip(idle, pings, strict=True)], 25)
        yield from changes.figures(name)
    finally:
        twin("down", name)


def _site(name: str) -> str:
    return run("tools/playbook.sh", "playbooks/site.yml", TWIN=name)


def _unchanged(recap: str) -> None:
    changed = re.findall(r"^(\S+) .*changed=([1-9]\d*)", recap, re.MULTILINE)
    if changed:
        raise BenchmarkError(f"a run that should change nothing changed {dict(changed)}")


def _memory(name: str) -> float:
    """Return what the twin's processes hold in memory, in GB."""
    status = json.loads(twin("status", name, "--json"))
    return round(float(status["memory_bytes"]) / 1e9, 2)
