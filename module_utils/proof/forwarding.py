"""Compares what sshd lets people forward with what is declared: operators' jumps, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..fabric.model import FAMILIES, OPERATORS, Host
from ..fabric.paths import SSH
from .declared import Declaration
from .findings import Finding
from .hosts import Gates, HostModel
from .intervals import as_address

_Setting = Callable[[str], tuple[str, ...]]
_KINDS = ("allowagentforwarding", "allowstreamlocalforwarding", "x11forwarding", "permittunnel", "gatewayports")


def forwarding(host: Host, model: HostModel, declaration: Declaration) -> Iterator[Finding]:
    """Yield each server's users who may forward more, or jump to fewer places, than is declared."""
    jumps = {
        f"[{p.destination}]:22" if p.family == "ipv6" else f"{p.destination}:22"
        for p in declaration.by.get(host.name, ())
        if p.flow.service == SSH and OPERATORS in p.flow.users
    }
    for server in model.servers:
        for port in server.ports:
            grouped: dict[str, list[str]] = {}
            for user in sorted(server.users):
                wanted = jumps if user in declaration.operators else set()
                for fault in _faults(server, user, port, wanted):
                    grouped.setdefault(fault, []).append(user)
            for fault, users in grouped.items():
                yield Finding("forwards", host.name, fault, "", f"port {port}", tuple(users))


def _faults(server: Gates, user: str, port: int, wanted: set[str]) -> Iterator[str]:
    """Yield what is wrong for a user, at the first address of each family from which sshd lets them in."""
    seen: set[str] = set()
    for family in FAMILIES:
        admitted = server.gate(user, port, family).sshd
        if admitted:
            address = as_address(admitted.parts[0][0], family)
            seen.update(_at(partial(server.setting, user, port, address), wanted, server.path))
    yield from sorted(seen)


def _at(setting: _Setting, wanted: set[str], where: str) -> Iterator[str]:
    if setting("disableforwarding") == ("yes",):
        tcp: tuple[str, ...] = ("no",)
    else:
        tcp = setting("allowtcpforwarding")
        for keyword in _KINDS:
            if setting(keyword) != ("no",):
                yield f"{where}: {keyword} is {' '.join(setting(keyword))} and must be no"
    targets = set(setting("permitopen")) - {"none"}
    if tcp not in (("no",), ("local",)):
        yield f"{where}: allowtcpforwarding is {' '.join(tcp)}, which lets others connect back"
    if tcp != ("no",) and targets - wanted:
        yield f"{where}: permitopen lets jump to {', '.join(sorted(targets - wanted)[:4])}"
    missing = wanted if tcp == ("no",) else wanted - targets - (wanted if "any" in targets else set())
    if missing:
        yield f"{where}: no jump to {', '.join(sorted(missing)[:4])} is possible"
