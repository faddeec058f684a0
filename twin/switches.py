"""Gives switches the ports they don't have yet, and leaves those they have as the operators set them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from twin.nodes import Nodes
from twin.paths import Paths
from twin.plan import Plan, Port
from twin.ports import known_ports_script, port_script
from twin.record import write_text


class Switches:
    """The ports of one twin's switches. What a switch was given is noted on it, and so is saved and restored with it."""

    def __init__(self, paths: Paths, nodes: Nodes) -> None:
        self.paths = paths
        self.nodes = nodes

    def give_ports(self, plan: Plan) -> None:
        """Add the ports that are new in `plan` and remove those that are not in it any more."""
        for node in plan.nodes:
            if node.kind == "switch":
                self._give(node.name, plan.ports_of(node.name))

    def _give(self, switch: str, wanted: tuple[Port, ...]) -> None:
        known = self._known(switch)
        new = [port for port in wanted if port not in known]
        gone = sorted({port.name for port in known} - {port.name for port in wanted})
        if not new and not gone:
            return
        script = port_script(new, gone) + known_ports_script(json.dumps([asdict(port) for port in wanted]))
        if self.nodes.running(switch):
            self.nodes.run(switch, script, purpose="changing its ports")
        else:
            # Done at its next start.
            (self._etc(switch)).mkdir(parents=True, exist_ok=True)
            write_text(self._etc(switch) / "ports", script)

    def _known(self, switch: str) -> set[Port]:
        note = self._etc(switch) / "known-ports"
        entries = json.loads(note.read_text()) if note.exists() else []
        return {Port(**{**entry, "trunks": tuple(entry["trunks"])}) for entry in entries}

    def _etc(self, switch: str) -> Path:
        return self.paths.node(switch) / "upper/etc/twin"
