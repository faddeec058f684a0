"""Runs a probe from a file of JSON, in the namespace it is started in, and prints what was made."""

from __future__ import annotations

import json
import sys

from module_utils.matrix.attempts import attempt_from_data, attempt_to_data, plan_from_data
from module_utils.matrix.probe import Limits, run_probe
from module_utils.matrix.workspace import Identity


def main() -> None:
    """Read the task from standard input; print attempts and outcomes."""
    task = json.load(sys.stdin)
    made = run_probe(
        plan_from_data(task["plan"]),
        task["users"],
        [Identity(i["name"], i["private"]) for i in task["identities"]],
        task["known_hosts"],
        Limits(**task.get("limits", {})),
        full=task.get("full", False),
        extra=[attempt_from_data(a) for a in task.get("extra", [])],
    )
    print(json.dumps([[*attempt_to_data(a), o.code, o.words] for a, o in made.outcomes.items()]))


if __name__ == "__main__":
    main()
