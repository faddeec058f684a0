"""Starts nodes, several at a time, and waits until they can be reached."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

from twin.images import ImageStore
from twin.network import Network
from twin.nodes import Nodes
from twin.paths import Paths
from twin.plan import Node
from twin.progress import say
from twin.record import Record

# Starting needs the processor more than it waits: more at a time only makes each slower.
_AT_A_TIME = 6
_ADDRESS_SECONDS = 20


class Starter:
    """Starts nodes of one twin."""

    def __init__(self, paths: Paths, record: Record, nodes: Nodes, store: ImageStore) -> None:
        self.record = record
        self.nodes = nodes
        self.store = store
        self.network = Network(paths)

    def start(self, wanted: list[Node]) -> None:
        """Start `wanted`, switches first; returns when all are up and have the addresses of their ways in."""
        ordered = sorted(wanted, key=lambda node: node.kind != "switch")
        failed = Event()
        with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
            futures = [pool.submit(self._start_one, node, failed) for node in ordered]
            try:
                for future in as_completed(futures):
                    future.result()
            finally:
                # Nobody waits for the others if one has failed, or the user has interrupted.
                failed.set()
        for node in ordered:
            self._await_addresses(node)

    def _start_one(self, node: Node, failed: Event) -> None:
        serves = node.image.endswith("+packages")
        binds = (f"{self.store.repository_path}:/srv/packages",) if serves else ()
        if not failed.is_set():
            self.nodes.launch(node, self.record.lowers[node.image], binds).wait(failed)

    def _await_addresses(self, node: Node) -> None:
        end = time.monotonic() + _ADDRESS_SECONDS
        while missing := set(self.record.addresses[node.name]) - self.network.addresses(node.name):
            if time.monotonic() > end:
                # Somebody may have changed them: that is for the tests to find, the node itself is up.
                say(f"node {node.name}: is up without {', '.join(sorted(missing))}")
                return
            time.sleep(0.05)
