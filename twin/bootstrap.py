"""What each node holds before any role has run: what a machine in service would have, and a way in. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from module_utils.fabric.model import FAMILIES, Attachment, Fabric, Family, Host, Switch
from module_utils.fabric.paths import Way, all_paths, attachments_of, ways_in
from twin.accounts import User
from twin.plan import PACKAGE_SERVERS

INITIAL_UID = 1000
FIRST_LOCAL_UID = 1100


@dataclass(frozen=True)
class Tree:
    """Files of a node by absolute path, links likewise, and what of the image is not there."""

    files: Mapping[str, str] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Access:
    """Public keys (and the shared password, hashed) by the name of the person."""

    operators: Mapping[str, str]
    local_users: Mapping[str, str]
    initial_users: Mapping[str, str]
    initial_passwords: Mapping[str, str]


def users_of(fabric: Fabric, machine: Host | Switch, access: Access) -> tuple[User, ...]:
    """Everybody who can log in to `machine` before the first run of the playbooks."""
    users = [
        User(person.name, person.uid, access.operators[person.name], administrator=True)
        for person in fabric.operators.values()
        if person.state == "present"
    ]
    if isinstance(machine, Host):
        if machine.initial_user:
            name = machine.initial_user
            users.append(
                User(name, INITIAL_UID, access.initial_users[name], administrator=True, password=access.initial_passwords[name])
            )
        users += [User(name, FIRST_LOCAL_UID + i, access.local_users[name]) for i, name in enumerate(machine.local_users)]
    return tuple(users)


def system_tree(twin: str, fabric: Fabric, machine: Host | Switch, host_key: tuple[str, str]) -> Tree:
    """A machine's name, identity and ssh host key (private, public)."""
    files = {
        "/etc/hostname": f"{machine.name}\n",
        "/etc/hosts": _hosts(fabric, machine),
        "/etc/machine-id": hashlib.sha256(f"{twin}/{machine.name}".encode()).hexdigest()[:32] + "\n",
        "/etc/ssh/ssh_host_ed25519_key": host_key[0],
        "/etc/ssh/ssh_host_ed25519_key.pub": host_key[1],
        "/etc/ssh/sshd_config.d/50-host-key.conf": "HostKey /etc/ssh/ssh_host_ed25519_key\n",
    }
    return Tree(files=files, private=frozenset({"/etc/ssh/ssh_host_ed25519_key"}))


def ssh_activation_tree(host: Host) -> Tree:
    """The wiring that starts sshd by its service, or by its socket."""
    if host.ssh_activation == "service":
        return Tree()
    wants = "/etc/systemd/system"
    return Tree(
        links={f"{wants}/sockets.target.wants/ssh.socket": "/lib/systemd/system/ssh.socket"},
        removed=frozenset({f"{wants}/multi-user.target.wants/ssh.service", f"{wants}/sshd.service"}),
    )


def package_source_tree(fabric: Fabric, host: Host) -> Tree:
    """Where `host` takes its packages from: the twin's own server and nothing else."""
    files = {"/etc/apt/sources.list": ""}
    if packages_address(fabric, host):
        files["/etc/apt/sources.list.d/kakehashi.sources"] = (
            f"Types: deb\nURIs: http://{packages_name(fabric)}/{host.os}\nSuites: ./\n"
            "Signed-By: /usr/share/keyrings/kakehashi.gpg\n"
        )
    return Tree(files=files)


def packages_name(fabric: Fabric) -> str:
    """The package server's name in URLs."""
    return f"packages.{fabric.name}.example"


def packages_address(fabric: Fabric, host: Host) -> dict[Family, str]:
    """The package server's addresses as `host` reaches it, or nothing if they share no segment."""
    reachable = bootstrap_attachments(fabric, host) or host.attachments
    for candidates in (reachable, host.attachments):
        for server in fabric.members(PACKAGE_SERVERS):
            for at in candidates:
                there = server.attachment(at.segment)
                if there:
                    return {family: str(there.address(family)) for family in FAMILIES}
    return {}


def _hosts(fabric: Fabric, machine: Host | Switch) -> str:
    lines = ["127.0.0.1 localhost", f"127.0.1.1 {machine.name}", "::1 localhost ip6-localhost ip6-loopback"]
    if isinstance(machine, Host):
        lines += [f"{address} {packages_name(fabric)}" for address in packages_address(fabric, machine).values()]
    return "".join(f"{line}\n" for line in lines)


def bootstrap_attachments(fabric: Fabric, host: Host) -> tuple[Attachment, ...]:
    """The attachments of `host` that are up before the roles have run.

    A managed host has those that some way in uses, as its end or as a hop; the package servers, which the roles need on
    every segment, and hosts of others have all of theirs.
    """
    if not host.managed or PACKAGE_SERVERS in host.groups:
        return host.attachments
    ways = ways_in(fabric)
    segments = {way.attachment.segment for way in ways.values() if _uses(way, host)}
    return tuple(at for at in host.attachments if at.segment in segments)


def _uses(way: Way, host: Host) -> bool:
    # Behind a gateway the last hop has no attachment on the target's segment: that way opens with the roles.
    is_hop = bool(way.hops) and way.hops[-1] == host.name and host.attachment(way.attachment.segment) is not None
    return way.host == host.name or is_hop


def network_tree(fabric: Fabric, host: Host) -> Tree:
    """The network files for the attachments that are up from the start."""
    routes = {} if host.managed else routes_of(fabric, host)
    files = {
        f"/etc/systemd/network/50-bootstrap-{at.interface}.network": _network_file(fabric, at, routes.get(at.segment, ()))
        for at in bootstrap_attachments(fabric, host)
    }
    return Tree(files=files)


def routes_of(fabric: Fabric, host: Host) -> dict[str, tuple[tuple[str, str], ...]]:
    """Routes by segment as (destination, gateway): to what `host` reaches, and is reached from, through gateways."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for path in all_paths(fabric):
        if path.gateway is None or path.gateway_in is None or path.gateway_out is None:
            continue
        if path.origin == host.name:
            near, far, gateway = path.leaves_by, path.enters_by, path.gateway_in
        elif path.target == host.name:
            near, far, gateway = path.enters_by, path.leaves_by, path.gateway_out
        else:
            continue
        network = fabric.segments[far.segment].network(path.family)
        found.setdefault(near.segment, {})[(str(network), str(gateway.address(path.family)))] = None
    return {segment: tuple(routes) for segment, routes in found.items()}


def _network_file(fabric: Fabric, at: Attachment, routes: Iterable[tuple[str, str]]) -> str:
    segment = fabric.segments[at.segment]
    lines = [
        "# Made with the machine: the way in until the fabric's own settings take over.",
        "[Match]",
        f"Name={at.interface}",
        "[Link]",
        f"MTUBytes={segment.mtu}",
        "[Network]",
        "IPv6AcceptRA=no",
        "[Address]",
        f"Address={at.ipv4}/{segment.ipv4.prefixlen}",
        "[Address]",
        f"Address={at.ipv6}/{segment.ipv6.prefixlen}",
        "DuplicateAddressDetection=none",
    ]
    for destination, gateway in routes:
        lines += ["[Route]", f"Destination={destination}", f"Gateway={gateway}"]
    return "".join(f"{line}\n" for line in lines)


def known_addresses(machine: Host | Switch) -> tuple[str, ...]:
    """All addresses of a machine, in the order of its attachments."""
    return tuple(str(at.address(family)) for at in attachments_of(machine) for family in FAMILIES)


def merged(*trees: Tree) -> Tree:
    """All of `trees` as one."""
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    for tree in trees:
        files.update(tree.files)
        links.update(tree.links)
    return Tree(
        files=files,
        private=frozenset().union(*(tree.private for tree in trees)),
        links=links,
        removed=frozenset().union(*(tree.removed for tree in trees)),
    )
