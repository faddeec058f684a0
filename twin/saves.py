"""`save` and `restore`: copies of the nodes' own directories, under a label."""

from __future__ import annotations

from pathlib import Path

from twin.errors import TwinError
from twin.images import ImageStore
from twin.nodes import FORMER, Nodes
from twin.paths import Paths
from twin.plan import Node
from twin.progress import say
from twin.record import Record, write_text
from twin.removal import remove_tree
from twin.shell import run
from twin.starter import Starter


class Saves:
    """The saved states of one twin."""

    def __init__(self, paths: Paths, record: Record, nodes: Nodes, store: ImageStore) -> None:
        self.paths = paths
        self.record = record
        self.nodes = nodes
        self.store = store

    def save(self, label: str, wanted: list[Node]) -> None:
        """Copy what `wanted` hold now. Nodes that run stand still meanwhile, so a copy is what a power cut would leave."""
        running = [node.name for node in wanted if self.nodes.running(node.name)]
        try:
            for name in running:
                self.nodes.groups.freeze(name, True)
            for node in wanted:
                self._copy_out(label, node)
        finally:
            for name in running:
                self.nodes.groups.freeze(name, False)
        say(f"twin {self.paths.twin}: saved {len(wanted)} node(s) as {label}")

    def restore(self, label: str, wanted: list[Node]) -> None:
        """Put back what `wanted` held when `label` was saved, and start them."""
        for node in wanted:
            self._check(label, node)
        for node in wanted:
            self.nodes.cut_power(node.name)
            self._copy_in(label, node)
        Starter(self.paths, self.record, self.nodes, self.store).start(wanted)
        say(f"twin {self.paths.twin}: restored {len(wanted)} node(s) from {label}")

    def _place(self, label: str, node: Node) -> Path:
        if not label.replace("-", "").replace("_", "").isalnum():
            raise TwinError(f"label {label!r}: use letters, digits, '-' and '_'")
        return self.paths.saves / label / node.name

    def _copy_out(self, label: str, node: Node) -> None:
        place = self._place(label, node)
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_tree(place)
        place.mkdir()
        _copy(self.paths.node(node.name) / "upper", place / "upper")
        # Written last: without it a save that was cut short is no save.
        write_text(place / "lower", self._lower(node))

    def _copy_in(self, label: str, node: Node) -> None:
        home = self.paths.node(node.name)
        fresh, former = home / "upper.new", home / FORMER
        for leftover in (fresh, former, home / "work"):
            remove_tree(leftover)
        _copy(self._place(label, node) / "upper", fresh)
        # Two renames: cut short between them, the node starts with what it held before.
        (home / "upper").rename(former)
        fresh.rename(home / "upper")
        remove_tree(former)

    def _check(self, label: str, node: Node) -> None:
        mark = self._place(label, node) / "lower"
        if not mark.exists():
            raise TwinError(f"node {node.name} has no saved state {label!r}; it has: {', '.join(self.labels(node)) or 'none'}")
        if mark.read_text() != self._lower(node):
            raise TwinError(f"node {node.name}: the saved state {label!r} belongs to an older image; save it anew")

    def labels(self, node: Node) -> list[str]:
        """Labels under which a node is saved."""
        return sorted(mark.parent.parent.name for mark in self.paths.saves.glob(f"*/{node.name}/lower"))

    def _lower(self, node: Node) -> str:
        return self.record.lowers[node.image]


def _copy(source: Path, target: Path) -> None:
    run(["cp", "--archive", "--reflink=auto", source, target], purpose=f"copy {source}")
