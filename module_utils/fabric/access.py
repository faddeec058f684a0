"""Who may log in where, by which paths: the declaration that views, matrix and proof share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from .model import ACCOUNTS, OPERATORS, Account, Address, Fabric, Host, Operator
from .paths import SSH, Path, paths

DATA = "data"
SIGN = "sign"
SIGNING_USER = "kakehashi-sign"
"""As whom login servers ask a signer: a system user of the signer, who runs nothing else."""
Kind = Literal["account", "operator", "local_user", "root", "initial_user"]
_FLOW_USERS: dict[Kind, str] = {"account": ACCOUNTS, "operator": OPERATORS}


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody who tries to log in: a user ``name`` and what kind of user that is."""

    kind: Kind
    name: str


def accounts_on(fabric: Fabric, host: Host) -> tuple[Account, ...]:
    """Return the accounts that may log in to ``host`` interactively: on login servers, compute servers and nodes."""
    return tuple(a for a in present_accounts(fabric) if _may_use(fabric, a, host))


def data_accounts_on(fabric: Fabric, host: Host) -> tuple[Account, ...]:
    """Return the accounts that may read data sets from ``host``, a data server, without a shell."""
    return tuple(a for a in present_accounts(fabric) if _may_read(fabric, a, host))


def present_accounts(fabric: Fabric) -> tuple[Account, ...]:
    """Return the accounts that are to be there."""
    return tuple(a for a in fabric.accounts.values() if a.state == "present")


def present_operators(fabric: Fabric) -> tuple[Operator, ...]:
    """Return the operators that are to be there; they log in to every managed host."""
    return tuple(o for o in fabric.operators.values() if o.state == "present")


def sealed_operators(fabric: Fabric) -> tuple[Operator, ...]:
    """Return the present operators who are sealed credentials: each login of theirs raises an alert."""
    return tuple(o for o in present_operators(fabric) if o.break_glass)


def operator_authorities(fabric: Fabric, host: Host, operator: Operator) -> tuple[str, ...]:
    """Return whose certificates let an operator in to ``host``: where sshd's configuration is ours, and never a sealed one."""
    return fabric.operator_authorities if host.enforce and not operator.break_glass else ()


def operator_keys(fabric: Fabric, host: Host, operator: Operator) -> tuple[str, ...]:
    """Return which plain keys let an operator in to ``host``.

    Where these are given up, those stay that nobody can have signed in time: sealed ones, and those that lie in a file for
    automation, which validation tries.
    """
    stays = fabric.operator_keys or not host.enforce or operator.break_glass or operator.probe
    return operator.keys if stays else ()


def is_login_server(fabric: Fabric, host: Host) -> bool:
    """Return whether any platform names a group of ``host`` as its login servers."""
    return bool(_login_groups(fabric).intersection(host.groups))


def is_gateway(fabric: Fabric, host: Host) -> bool:
    """Return whether any platform or flow names a group of ``host`` as gateways."""
    groups = {p.gateways for p in fabric.compute_platforms.values()} | {f.through for f in fabric.flows}
    return bool(groups.intersection(host.groups))


def is_data_server(fabric: Fabric, host: Host) -> bool:
    """Return whether any data platform names a group of ``host`` as its data servers."""
    return any(p.data_servers in host.groups for p in fabric.data_platforms.values())


def is_signer(fabric: Fabric, host: Host) -> bool:
    """Return whether ``host`` signs certificates."""
    return fabric.identity is not None and fabric.identity.signers in host.groups


def signers(fabric: Fabric) -> tuple[Host, ...]:
    """Return the hosts that sign certificates, in inventory order; none where accounts go on by keys."""
    return fabric.members(fabric.identity.signers) if fabric.identity is not None else ()


def takes_certificates(fabric: Fabric, host: Host) -> bool:
    """Return whether accounts log in to ``host`` with certificates: behind login servers, where the fabric has signers."""
    return fabric.identity is not None and not is_login_server(fabric, host) and bool(accounts_on(fabric, host))


def shows_certificate(fabric: Fabric, host: Host) -> bool:
    """Return whether the sshd of ``host`` shows a certificate: where the fabric has signers and its configuration is ours."""
    return fabric.identity is not None and host.managed and host.enforce


def login_servers(fabric: Fabric) -> tuple[Host, ...]:
    """Return all login servers, in inventory order."""
    return tuple(h for h in fabric.hosts.values() if is_login_server(fabric, h))


def declared_logins(fabric: Fabric, persona: Persona, target: Host, every: Iterable[Path] | None = None) -> Iterator[Path]:
    """Yield each path by which ``persona`` may open an ssh session on ``target``; none means no way in.

    ``every`` holds the fabric's paths, or those of this host, where the caller has them already.
    """
    users = _FLOW_USERS.get(persona.kind)
    if users is None or not _entitled(fabric, persona, target):
        return
    for path in _arriving(fabric, target, SSH) if every is None else every:
        if path.target == target.name and path.flow.service == SSH and users in path.flow.users:
            yield path


def declared_data(fabric: Fabric, persona: Persona, target: Host, every: Iterable[Path] | None = None) -> Iterator[Path]:
    """Yield each path by which ``persona`` may read data sets from ``target`` over the data service.

    ``every`` is as in ``declared_logins``.
    """
    account = fabric.accounts.get(persona.name) if persona.kind == "account" else None
    if account is None or account.state != "present" or not _may_read(fabric, account, target):
        return
    for path in _arriving(fabric, target, DATA) if every is None else every:
        if path.target != target.name or path.flow.service != DATA:
            continue
        origin = fabric.hosts.get(path.origin)
        if origin is not None and computes_on(fabric, account, origin):
            yield path


def alike(fabric: Fabric) -> tuple[tuple[Account, ...], ...]:
    """Return all accounts, absent ones too, grouped by what is declared for them: each group may do the same."""
    groups: dict[tuple[object, ...], list[Account]] = {}
    for account in fabric.accounts.values():
        groups.setdefault((account.state, account.data_platforms, account.compute_platforms), []).append(account)
    return tuple(tuple(group) for group in groups.values())


def outgoing(fabric: Fabric, account: Account, origin: Host, every: Iterable[Path]) -> Iterator[Path]:
    """Yield each path by which processes of ``account`` may open connections from ``origin``, a managed host.

    That is ssh to where they may log in, and data where they compute. All else that is declared from there is for the
    host's own services. ``every`` holds the paths that begin at ``origin`` (or more).
    """
    if account.state != "present":
        return
    here = _may_use(fabric, account, origin)
    for path in every:
        if path.origin != origin.name or (target := fabric.hosts.get(path.target)) is None:
            continue
        if path.flow.service == SSH:
            may = here and ACCOUNTS in path.flow.users and _may_use(fabric, account, target)
        else:
            may = path.flow.service == DATA and computes_on(fabric, account, origin) and _may_read(fabric, account, target)
        if may:
            yield path


def is_for_computing(fabric: Fabric, host: Host) -> bool:
    """Return whether people compute on ``host``: a platform's node or a data platform's compute server."""
    groups: set[str | None] = {p.compute_servers for p in fabric.data_platforms.values()}
    for platform in fabric.compute_platforms.values():
        groups |= {platform.nodes, platform.job_nodes}
    return bool(groups.intersection(host.groups))


def computes_on(fabric: Fabric, account: Account, origin: Host) -> bool:
    """Return whether ``account`` may compute on ``origin``: a platform's node or a data platform's compute server."""
    groups: set[str | None] = {p.compute_servers for p in fabric.data_platforms.values() if p.name in account.data_platforms}
    for name in account.compute_platforms:
        if (platform := fabric.compute_platforms.get(name)) is not None:
            groups |= {platform.nodes, platform.job_nodes}
    return bool(groups.intersection(origin.groups))


def sources(found: Iterator[Path]) -> tuple[Address, ...]:
    """Return the source addresses of paths, each once, IPv4 first, in numeric order."""
    return tuple(sorted({p.source for p in found}, key=lambda a: (a.version, int(a))))


def _entitled(fabric: Fabric, persona: Persona, target: Host) -> bool:
    person = (fabric.operators if persona.kind == "operator" else fabric.accounts).get(persona.name)
    if person is None or person.state != "present":
        return False
    return isinstance(person, Operator) or _may_use(fabric, person, target)


def _arriving(fabric: Fabric, target: Host, service: str) -> Iterator[Path]:
    for flow in fabric.flows_to(target, service):
        yield from paths(fabric, flow)


def _login_groups(fabric: Fabric) -> set[str]:
    data = {p.login_servers for p in fabric.data_platforms.values()}
    return data | {p.login_servers for p in fabric.compute_platforms.values()}


def _may_read(fabric: Fabric, account: Account, host: Host) -> bool:
    return any(p.data_servers in host.groups for p in fabric.data_platforms.values() if p.name in account.data_platforms)


def _may_use(fabric: Fabric, account: Account, host: Host) -> bool:
    groups: set[str | None] = set()
    for name in account.data_platforms:
        if (data := fabric.data_platforms.get(name)) is not None:
            groups |= {data.login_servers, data.compute_servers}
    for name in account.compute_platforms:
        if (compute := fabric.compute_platforms.get(name)) is not None:
            groups.add(compute.login_servers)
            if compute.kind == "direct_login":
                groups.add(compute.nodes)
    return bool(groups.intersection(host.groups))
