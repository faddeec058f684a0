"""From the fabric to what each origin tries: who, at which addresses, through which hops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..fabric import access, factors
from ..fabric.access import Persona
from ..fabric.model import FAMILIES, OPERATORS, Attachment, Fabric, Family, Host
from ..fabric.paths import SSH, all_paths
from .attempts import SSH_PORT, Endpoint, Hop, OriginPlan

ROOT = "root"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the fabric's flows lead.

    ``open_ports``: (origin, address, port) that a packet filter lets through. ``onward``: (hop, address) that operators
    may forward to.
    """

    open_ports: frozenset[tuple[str, str, int]]
    onward: frozenset[tuple[str, str]]
    best: dict[tuple[str, str, Family], str] = field(default_factory=dict)


def reach(fabric: Fabric) -> Reach:
    """Return where all flows of the fabric lead, worked out once."""
    opened: set[tuple[str, str, int]] = set()
    onward: set[tuple[str, str]] = set()
    best: dict[tuple[str, str, Family], str] = {}
    for path in all_paths(fabric):
        service = fabric.services[path.flow.service]
        address = str(path.destination)
        if service.protocol == "tcp":
            opened.add((path.origin, address, service.port))
        if service.name == SSH:
            best.setdefault((path.origin, path.target, path.family), address)
            if OPERATORS in path.flow.users:
                onward.add((path.origin, address))
    return Reach(frozenset(opened), frozenset(onward), best)


def personas(fabric: Fabric) -> tuple[Persona, ...]:
    """Return who is tried: probe accounts and operators, centres' local users, root, and images' initial users."""
    people = [Persona("account", a.name) for a in access.present_accounts(fabric) if a.probe]
    people += [Persona("operator", o.name) for o in access.present_operators(fabric) if o.probe]
    local = dict.fromkeys(name for host in fabric.hosts.values() for name in host.local_users)
    initial = dict.fromkeys(host.initial_user for host in fabric.hosts.values() if host.initial_user)
    people += [Persona("local_user", name) for name in local]
    people += [Persona("root", ROOT)]
    people += [Persona("initial_user", name) for name in initial if name not in local]
    return tuple(people)


def origin_plan(fabric: Fabric, origin: Host, users: Iterable[str], known: Reach | None = None) -> OriginPlan:
    """Return what ``users`` try from ``origin``: every address of every managed host, and every managed host as a hop."""
    known = known or reach(fabric)
    targets, users = fabric.managed_hosts, tuple(users)
    asking = {name for host in access.login_servers(fabric) for name in factors.users(fabric, host, "totp")}
    return OriginPlan(
        origin=origin.name,
        users=users,
        asked=tuple(name for name in users if name in asking),
        endpoints=tuple(e for host in targets for e in _listeners(fabric, host)),
        hops=tuple(
            Hop(_towards(known, origin, hop, family), tuple(_beyond(known, hop, targets, family)))
            for hop in targets
            for family in FAMILIES
        ),
    )


def _listeners(fabric: Fabric, host: Host) -> Iterator[Endpoint]:
    ports = [SSH_PORT]
    if access.is_data_server(fabric, host):
        ports.append(fabric.services[access.DATA].port)
    if access.is_signer(fabric, host):
        ports.append(fabric.services[access.SIGN].port)
    for port in ports:
        for attachment in host.attachments:
            yield from (Endpoint(host.name, str(attachment.address(f)), port) for f in FAMILIES)


def _beyond(known: Reach, hop: Host, targets: Iterable[Host], family: Family) -> Iterator[Endpoint]:
    yield from (_towards(known, hop, target, family) for target in targets if target.name != hop.name)


def _towards(known: Reach, origin: Host, target: Host, family: Family) -> Endpoint:
    """Return the address of ``target`` that suits ``origin`` best: a declared one, one on a shared segment, the first."""
    declared = known.best.get((origin.name, target.name, family))
    if declared is None:
        here = {a.segment for a in origin.attachments}
        nearest: Attachment = min(target.attachments, key=lambda a: a.segment not in here)
        declared = str(nearest.address(family))
    return Endpoint(target.name, declared, SSH_PORT)
