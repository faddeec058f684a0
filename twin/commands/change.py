"""Commands that look at a twin, or change one that stands."""

from __future__ import annotations

import json
from argparse import Namespace

from twin.cgroups import Groups
from twin.faults import cut_links, ends_for, find_link
from twin.images import ImageStore
from twin.memory import memory_bytes
from twin.network import Network
from twin.nodes import Nodes
from twin.paths import Paths
from twin.plan import Node, Plan
from twin.progress import say
from twin.record import half_built, need_record
from twin.saves import Saves
from twin.starter import Starter
from twin.teardown import take_down


def status(paths: Paths, arguments: Namespace) -> int:
    """Show what runs, what is cut and how much memory it takes."""
    record = need_record(paths)
    groups = Groups(paths.twin)
    nodes, network = Nodes(paths, groups), Network(paths)
    there = set(network.namespaces())
    rows = []
    for node in record.plan.nodes:
        on = node.name in there if node.kind == "operator" else nodes.running(node.name)
        rows.append({"name": node.name, "kind": node.kind, "image": node.image, "state": "running" if on else "off"})
    ends = network.cut_ends(record.plan)
    cuts = cut_links(record.plan, ends)
    memory = memory_bytes(groups.processes())
    if arguments.json:
        print(
            json.dumps(
                {
                    "complete": record.complete,
                    "nodes": rows,
                    "cut": [f"{end.node} {end.interface}" for end in ends],
                    "cut_links": [{"link": name, "direction": direction} for name, direction in cuts],
                    "memory_bytes": memory,
                }
            )
        )
        return 0
    for row in rows:
        print(f"{row['name']:<16} {row['kind']:<9} {row['image']:<18} {row['state']}")
    said = [name if direction == "both" else f"{name} ({direction})" for name, direction in cuts]
    print(f"cut: {', '.join(said) or 'none'}")
    print(f"memory: {memory / 2**20:.0f} MiB")
    if not record.complete:
        print(half_built(paths))
    return 0


def down(paths: Paths, _arguments: Namespace) -> int:
    """Remove the twin."""
    found = take_down(paths)
    say(f"twin {paths.twin}: {'down' if found else 'there was none'}")
    return 0


def cut(paths: Paths, arguments: Namespace) -> int:
    """Cut a link."""
    link = find_link(need_record(paths).plan, arguments.link)
    Network(paths).cut(ends_for(link, arguments.direction))
    return 0


def heal(paths: Paths, arguments: Namespace) -> int:
    """Heal one link, or all."""
    plan = need_record(paths).plan
    network = Network(paths)
    network.heal(ends_for(find_link(plan, arguments.link), arguments.direction) if arguments.link else network.cut_ends(plan))
    return 0


def stop(paths: Paths, arguments: Namespace) -> int:
    """Stop nodes."""
    nodes = Nodes(paths, Groups(paths.twin))
    for node in _machines(need_record(paths).plan, arguments.nodes):
        if arguments.power_cut or node.kind == "switch":
            nodes.cut_power(node.name)
        else:
            nodes.shut_down(node.name)
    return 0


def start(paths: Paths, arguments: Namespace) -> int:
    """Start nodes."""
    nodes = Nodes(paths, Groups(paths.twin))
    wanted = [node for node in _machines(need_record(paths).plan, arguments.nodes) if not nodes.running(node.name)]
    Starter(paths, need_record(paths), nodes, ImageStore(paths.images)).start(wanted)
    return 0


def save(paths: Paths, arguments: Namespace) -> int:
    """Save nodes under a label."""
    saves, wanted = _saves(paths, arguments)
    saves.save(arguments.label, wanted)
    return 0


def restore(paths: Paths, arguments: Namespace) -> int:
    """Restore nodes from a label."""
    saves, wanted = _saves(paths, arguments)
    saves.restore(arguments.label, wanted)
    return 0


def _saves(paths: Paths, arguments: Namespace) -> tuple[Saves, list[Node]]:
    record = need_record(paths)
    saves = Saves(paths, record, Nodes(paths, Groups(paths.twin)), ImageStore(paths.images))
    return saves, _machines(record.plan, arguments.nodes)


def _machines(plan: Plan, names: list[str]) -> list[Node]:
    """The nodes called `names` (all if none are), without the operators' host, which is never off."""
    chosen = [plan.node(name) for name in names] or list(plan.nodes)
    return [node for node in chosen if node.kind != "operator"]
