"""Commands that run others: in a node, or on the operators' host."""

from __future__ import annotations

import os
import subprocess
from argparse import Namespace
from pathlib import Path

from twin.cgroups import Groups
from twin.errors import TwinError
from twin.nodes import Nodes
from twin.paths import Paths
from twin.plan import Plan
from twin.progress import say
from twin.record import Record, half_built, need_record
from twin.ways import way_of


def exec(paths: Paths, arguments: Namespace) -> int:
    """Run a command as root within a node."""
    node = need_record(paths).plan.node(arguments.node)
    command = arguments.argv or ["bash", "-l"]
    if node.kind == "operator":
        return _run_outside(paths, node.name, command)
    return subprocess.run(Nodes(paths, Groups(paths.twin)).inside(node.name, command), check=False).returncode


def run(paths: Paths, arguments: Namespace) -> int:
    """Run a command on the operators' host; ends with its status."""
    record = need_record(paths)
    if arguments.rehearsed:
        _refuse_unready(paths, record, arguments.rehearsed)
    return _run_outside(paths, _operator(record.plan), arguments.argv or ["bash"])


def _refuse_unready(paths: Paths, record: Record, inventories: list[str]) -> None:
    """Refuse a twin that isn't complete, or lacks machines that `inventories` have."""
    if not record.complete:
        raise TwinError(f"the twin {paths.twin} is {half_built(paths)}")
    from plugin_utils.inventory import load_raw  # noqa: PLC0415 # Ansible, half a second that other commands don't need

    there = {node.name for node in record.plan.nodes}
    missing = [name for name in load_raw(inventories).hosts if name not in there]
    if missing:
        raise TwinError(
            f"the twin {paths.twin} lacks {', '.join(missing)} of {', '.join(inventories)}; "
            f"run 'make twin-up TWIN={paths.twin} INVENTORY={inventories[0]}' again"
        )


def ssh(paths: Paths, arguments: Namespace) -> int:
    """Log in as the operators do."""
    plan = need_record(paths).plan
    node = plan.node(arguments.node)
    return _run_outside(paths, _operator(plan), ["ssh", "-F", str(paths.ssh / "config"), node.name, *arguments.argv])


def login(paths: Paths, arguments: Namespace) -> int:
    """Log in to a login server as an account does, from the first machine that it may come from."""
    record = need_record(paths)
    from plugin_utils.inventory import load_fabric  # noqa: PLC0415 # Ansible, half a second that other commands don't need

    way = way_of(load_fabric(*record.inventories), arguments.account)
    options = {
        "IdentitiesOnly": "yes",
        "PreferredAuthentications": "publickey",
        "UserKnownHostsFile": str(paths.ssh / "known_hosts"),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    key = str(paths.keys / f"account-{arguments.account}")
    say(f"twin {paths.twin}: {arguments.account} logs in from {way.origin} to {way.target} ({way.destination})")
    command = ["ssh", "-F", "none", "-i", key, *words, f"{arguments.account}@{way.destination}", *arguments.argv]
    return _run_outside(paths, way.origin, command)


def _operator(plan: Plan) -> str:
    for node in plan.nodes:
        if node.kind == "operator":
            return node.name
    raise TwinError("this twin has no operators' host; put one into the inventory's group operator_hosts")


def _run_outside(paths: Paths, node: str, command: list[str]) -> int:
    """Become `command` in the namespace of a machine from which people come; `down` finds it there and ends it."""
    if not paths.netns(node).exists():
        raise TwinError(f"the twin {paths.twin} is not up; build it with: .venv/bin/python -m twin --name {paths.twin} up")
    os.execvp("nsenter", ["nsenter", f"--net={paths.netns(node)}", "--", *command])  # noqa: S606 - no shell, on purpose


def copy(paths: Paths, arguments: Namespace) -> int:
    """Copy between this machine and a node."""
    plan = need_record(paths).plan
    nodes = Nodes(paths, Groups(paths.twin))
    sides = []
    for text in (arguments.source, arguments.target):
        name, colon, path = text.partition(":")
        if colon and any(node.name == name for node in plan.nodes):
            sides.append((name, Path(path)))
        else:
            sides.append((None, Path(text)))
    (source_node, source), (target_node, target) = sides
    if (source_node is None) == (target_node is None):
        raise TwinError("copy needs one side on a node (NODE:PATH) and one on this machine")
    pack = ["tar", "-C", str(source.parent), "-cf", "-", source.name]
    renamed = f"s,^{_literal(source.name, '.[]*^$')},{_literal(target.name, '&')},"
    unpack = ["tar", "-C", str(target.parent), "--no-same-owner", "-xf", "-", f"--transform={renamed}"]
    packer = nodes.inside(source_node, pack) if source_node else pack
    unpacker = nodes.inside(target_node, unpack) if target_node else unpack
    packing = subprocess.Popen(packer, stdout=subprocess.PIPE)
    unpacking = subprocess.run(unpacker, stdin=packing.stdout, check=False)
    if packing.wait() or unpacking.returncode:
        raise TwinError(f"copy {arguments.source} to {arguments.target} failed; see the message of tar above")
    return 0


def _literal(name: str, special: str) -> str:
    """A file's name within an expression of sed, where `special` characters, the comma and the backslash mean themselves."""
    return "".join(f"\\{letter}" if letter in f"{special},\\" else letter for letter in name)
