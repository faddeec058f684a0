"""`up`: makes what the plan says and the machine lacks, so that it also finishes what was half made."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from module_utils.fabric.model import FAMILIES, Fabric
from twin.accounts import User
from twin.bootstrap import (
    Tree,
    bootstrap_attachments,
    merged,
    network_tree,
    package_source_tree,
    ssh_activation_tree,
    system_tree,
    users_of,
)
from twin.cgroups import Groups
from twin.images import ImageStore
from twin.limits import raise_limits
from twin.network import Network
from twin.nodes import Nodes
from twin.overlay import SshFiles, inventory, known_hosts, ssh_config
from twin.paths import Paths
from twin.people import People
from twin.plan import PACKAGE_SERVERS, Node, Plan, plan_twin
from twin.ports import management_script
from twin.progress import say
from twin.record import Record, read_record, write_record, write_text
from twin.removal import remove_tree
from twin.repository import KEYRING
from twin.starter import Starter
from twin.switches import Switches
from twin.tree import Upper

_FORMAT = 1


class Builder:
    """One run of ``up``."""

    def __init__(self, paths: Paths, fabric: Fabric, inventories: tuple[str, ...]) -> None:
        self.paths = paths
        self.fabric = fabric
        self.inventories = inventories
        self.plan = plan_twin(fabric)
        self.store = ImageStore(paths.images)
        self.groups = Groups(paths.twin)
        self.network = Network(paths)
        self.nodes = Nodes(paths, self.groups)

    def up(self) -> None:
        """Build the twin, or what is missing of it."""
        before = read_record(self.paths)
        raise_limits(self.paths.run.parent)
        serves_packages = bool(self.fabric.members(PACKAGE_SERVERS))
        self.store.ensure(self.plan.images, with_repository=serves_packages)
        self.paths.nodes.mkdir(parents=True, exist_ok=True)
        self.paths.state.chmod(0o700)  # trees of nodes and keys: for root alone
        self.people = People(self.paths, self.fabric, self.store)
        lowers = {image: self.store.lower(image) for image in self.plan.images}
        record = Record(self.plan, self.inventories, lowers, self._addresses(), complete=False)
        old = before.plan if before else Plan((), (), ())
        self._remove_strangers()
        for node in self.plan.nodes:
            if node.kind != "operator":
                self._prepare(node)
        write_record(self.paths, record)
        self._lay_cables(old, cut_short=before is not None and not before.complete)
        Switches(self.paths, self.nodes).give_ports(self.plan)
        self._write_overlay()
        self._start(record)
        write_record(self.paths, replace(record, complete=True))
        say(f"twin {self.paths.twin}: up, {len(self.plan.nodes)} nodes")

    def _addresses(self) -> dict[str, tuple[str, ...]]:
        switches = {
            name: (str(switch.attachment.ipv4), str(switch.attachment.ipv6)) for name, switch in self.fabric.switches.items()
        }
        hosts = {
            name: tuple(str(at.address(family)) for at in bootstrap_attachments(self.fabric, host) for family in FAMILIES)
            for name, host in self.fabric.hosts.items()
        }
        return {**hosts, **switches}

    def _remove_strangers(self) -> None:
        """Nodes of an earlier inventory that this one doesn't have."""
        wanted = {node.name for node in self.plan.nodes}
        there = {path.name for path in self.paths.nodes.iterdir()} | set(self.network.namespaces())
        for name in sorted(there - wanted):
            say(f"node {name}: no longer in the inventory, removed")
            self.nodes.cut_power(name)
            self.network.remove_namespace(name)
            remove_tree(self.paths.node(name))

    def _prepare(self, node: Node) -> None:
        """Fill a node's own directory. One whose making was cut short, or that would differ, is made again."""
        home = self.paths.node(node.name)
        tree, users = self._contents(node)
        lower = self.store.lower(node.image)
        digest = _digest([_FORMAT, lower, asdict(node), _plain(tree), [asdict(user) for user in users]])
        mark = home / "made"
        if mark.exists() and mark.read_text() == digest:
            return
        if home.exists():
            if mark.exists():
                say(f"node {node.name}: made anew, since its image or what it begins with has changed")
            self.nodes.cut_power(node.name)
            remove_tree(home)
        (home / "upper").mkdir(parents=True)
        (home / "upper").chmod(0o755)
        upper = Upper(home / "upper", map(Path, lower.split(":")))
        upper.write_tree(tree)
        upper.write_users(users)
        if node.kind == "host":
            keyring = self.store.repository_path / KEYRING
            if keyring.exists():
                shutil.copyfile(keyring, upper.write("/usr/share/keyrings/kakehashi.gpg", ""))
        write_text(mark, digest)

    def _contents(self, node: Node) -> tuple[Tree, tuple[User, ...]]:
        machine = self.fabric.hosts.get(node.name) or self.fabric.switches[node.name]
        key = self.people.host_key(node.name)
        system = system_tree(self.paths.twin, self.fabric, machine, (key.private, key.public))
        users = users_of(self.fabric, machine, self.people.access)
        if node.name in self.fabric.switches:
            script = management_script(self.fabric, self.fabric.switches[node.name])
            return merged(system, Tree(files={"/etc/twin/management": script})), users
        host = self.fabric.hosts[node.name]
        trees = (network_tree(self.fabric, host), package_source_tree(self.fabric, host), ssh_activation_tree(host))
        return merged(system, *trees), users

    def _lay_cables(self, old: Plan, *, cut_short: bool) -> None:
        for node in self.plan.nodes:
            self.network.add_namespace(node.name, carries_frames=node.kind == "switch")
        there = {node.name: self.network.interfaces(node.name) for node in self.plan.nodes}
        wanted = {(end.node, end.interface) for link in self.plan.links for end in link.ends}
        for end in (end for link in old.links for end in link.ends):
            if (end.node, end.interface) not in wanted and end.interface in there.get(end.node, ()):
                self.network.remove_interface(end.node, end.interface)
        for link in self.plan.links:
            if link not in old.links or any(end.interface not in there[end.node] for end in link.ends):
                self.network.add_link(link)
            elif cut_short:
                self.network.finish_link(link)
        for node in self.plan.nodes:
            if node.kind == "operator":
                self.network.address_operator(node.name, self._operator_addresses(node.name))

    def _operator_addresses(self, name: str) -> list[tuple[str, str, int]]:
        found = []
        for at in self.fabric.hosts[name].attachments:
            segment = self.fabric.segments[at.segment]
            found.append((at.interface, str(at.ipv4), segment.ipv4.prefixlen))
            found.append((at.interface, str(at.ipv6), segment.ipv6.prefixlen))
        return found

    def _write_overlay(self) -> None:
        files = SshFiles(self.paths.ssh, self.paths.sockets)
        for directory in (files.directory, files.sockets, self.paths.overlay):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        operator = self.people.operator
        write_text(files.known_hosts, known_hosts(self.fabric, self.people.host_keys()))
        write_text(files.config, ssh_config(self.fabric, files, operator, shared=True))
        write_text(files.fresh_config, ssh_config(self.fabric, files, operator, shared=False))
        text = inventory(self.paths.twin, self.fabric, files, operator, self.people.personas)
        write_text(self.paths.overlay / "hosts.yml", text)

    def _start(self, record: Record) -> None:
        waiting = [node for node in self.plan.nodes if node.kind != "operator" and not self.nodes.running(node.name)]
        if waiting:
            say(f"twin {self.paths.twin}: starting {len(waiting)} of {len(self.plan.nodes)} nodes")
        Starter(self.paths, record, self.nodes, self.store).start(waiting)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(tree: Tree) -> dict[str, object]:
    return {
        "files": dict(tree.files),
        "links": dict(tree.links),
        "private": sorted(tree.private),
        "removed": sorted(tree.removed),
    }
