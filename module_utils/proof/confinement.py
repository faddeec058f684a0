"""Compares what accounts' own processes may connect to, on every port, with what is declared for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from ..fabric import access
from ..fabric.model import FAMILIES, Account, Family, Host
from .declared import Declaration
from .findings import Finding, Kind
from .hosts import HostModel
from .intervals import EMPTY, FULL, Range, Ranges, describe
from .nft_eval import Answer, Packet
from .nft_query import STRANGER, accepting, outbound, user_like, ways_out

LOOPBACK = "lo"
_UNPRIVILEGED = 1024
SUBORDINATE = 100000
"""The first number that Debian gives accounts besides their own (login.defs, SUB_UID_MIN), for namespaces."""
_OTHER = "sctp"
"""Stands for all protocols other than tcp and udp."""

User = Union[frozenset[str], None]
Peers = dict[tuple[str, Family, str, int], Ranges]
"""Declared peers by (interface, family, protocol, port)."""


def confinement(host: Host, model: HostModel, declaration: Declaration) -> Iterator[Finding]:
    """Yield what processes of accounts reach beyond what they may, and what they may and don't reach."""
    grouped: dict[tuple[Kind, str, str, str], list[str]] = {}
    fabric = declaration.fabric
    loopback = access.is_for_computing(fabric, host)
    for user, accounts in _alike(declaration, model):
        wanted = _wanted(accounts[0], host, declaration)
        for found in _excess(user, model, wanted, loopback):
            grouped.setdefault(("account_calls_out", *found), []).extend(a.name for a in accounts)
        for found in _missing(user, model, wanted):
            grouped.setdefault(("closed_flow", *found), []).extend(a.name for a in accounts)
    if fabric.accounts:
        for found in _excess(user_like(model.ruleset, SUBORDINATE), model, {}, loopback):
            grouped.setdefault(("account_calls_out", *found), []).append("subordinate numbers")
    for (kind, reason, origin, service), users in grouped.items():
        yield Finding(kind, host.name, reason, origin, service, tuple(sorted(users)))


def _alike(declaration: Declaration, model: HostModel) -> Iterator[tuple[User, list[Account]]]:
    """Yield the accounts grouped by what is declared for them and by the rules that know them, as one user of rules each."""
    for group in access.alike(declaration.fabric):
        users: dict[User, list[Account]] = {}
        for account in group:
            users.setdefault(user_like(model.ruleset, account.uid), []).append(account)
        yield from users.items()


def _wanted(account: Account, host: Host, declaration: Declaration) -> Peers:
    found: dict[tuple[str, Family, str, int], list[Range]] = {}
    for path in access.outgoing(declaration.fabric, account, host, declaration.by.get(host.name, ())):
        service = declaration.fabric.services[path.flow.service]
        number = int(path.destination)
        found.setdefault((path.leaves_by.interface, path.family, service.protocol, service.port), []).append((number, number))
    return {key: Ranges.of(parts) for key, parts in found.items()}


def _excess(user: User, model: HostModel, wanted: Peers, loopback: bool) -> Iterator[tuple[str, str, str]]:
    for interface in (*model.network.interfaces, LOOPBACK, STRANGER):
        for family in FAMILIES:
            packet = _packet(user, model, interface, family, "tcp", None)
            for protocol, ports, answer in ways_out(model.ruleset, packet, ("tcp", "udp", _OTHER)):
                found = answer.accepted
                if interface == LOOPBACK and loopback and protocol != _OTHER and ports[0] >= _UNPRIVILEGED:
                    continue
                if ports[0] == ports[1]:
                    found = found - wanted.get((interface, family, protocol, ports[0]), EMPTY)
                if found:
                    yield _line(model, answer, found), _by(found, family, interface), _service(protocol, ports)


def _missing(user: User, model: HostModel, wanted: Peers) -> Iterator[tuple[str, str, str]]:
    for (interface, family, protocol, port), peers in wanted.items():
        left = peers - outbound(model.ruleset, _packet(user, model, interface, family, protocol, port)).accepted
        if left:
            yield "the packet filter refuses their own processes", _by(left, family, interface), _service(protocol, (port, port))


def _packet(user: User, model: HostModel, interface: str, family: Family, protocol: str, port: int | None) -> Packet:
    here = model.network.interfaces.get(interface)
    source = dict(reversed(here.addresses)).get(family, 0) if here else 0
    return Packet(family, protocol, port, oif=interface, source=source, ask="daddr", user=user)


def _by(found: Ranges, family: Family, interface: str) -> str:
    shown = "an undeclared interface" if interface == STRANGER else interface
    where = "any address" if found == FULL[family] else describe(found, family)
    return f"{where} ({family}) by {shown}"


def _line(model: HostModel, answer: Answer, found: Ranges) -> str:
    rule = accepting(answer, found.parts[0][0])
    return f"{model.ruleset.where}:{rule.line} {rule.text}" if rule else f"{model.ruleset.where}: the policy accepts"


def _service(protocol: str, ports: Range) -> str:
    if protocol == _OTHER:
        return "other protocols"
    return f"{protocol} {ports[0]}" if ports[0] == ports[1] else f"{protocol} {ports[0]}-{ports[1]}"
