"""How long the static proof takes for a generated fabric of 1,000 hosts, each run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from module_utils.proof.prove import prove
from plugin_utils.proof_run import with_keys
from plugin_utils.render import render_fabric
from tests.support.fabrics import generated_fabric

from .figures import Figure, figure

HOSTS = 1000
BAR_SECONDS = 5.0
RUNS = 3


def once(hosts: int = HOSTS) -> dict[str, float]:
    """Return the seconds that rendering and proving took, and how many pairs were proved."""
    fabric = with_keys(generated_fabric(hosts))
    start = perf_counter()
    artefacts = render_fabric(fabric)
    rendered = perf_counter()
    proof = prove(fabric, artefacts)
    if not proof.holds:
        raise RuntimeError(f"the generated fabric's proof doesn't hold: {proof.summary()}")
    return {"render": rendered - start, "prove": perf_counter() - rendered, "pairs": proof.declared}


def figures() -> tuple[Figure, ...]:
    """Return the figures of ``RUNS`` runs: the proof, with its bar, and the rendering before it."""
    runs = [_apart() for _ in range(RUNS)]
    name = f"static proof, {HOSTS} hosts, {runs[0]['pairs']:.0f} login pairs"
    return (
        figure(name, "s", [round(r["prove"], 3) for r in runs], BAR_SECONDS),
        figure(f"rendering the artefacts of {HOSTS} hosts", "s", [round(r["render"], 3) for r in runs]),
    )


def _apart() -> dict[str, float]:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-m", "benchmarks.proof"], cwd=root, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(once()))
