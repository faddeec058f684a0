"""Finds where an attempt runs in a fabric: hosts by what they are for, addresses, and whose login and keys it uses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from ..fabric import access
from ..fabric.model import ACCOUNTS, Attachment, Fabric, Family, Host
from .model import Attempt

USERS = ("account", "operator", "root", "initial_user", "nobody")
KEYS = ("own", "onward", "operator", "local", "fresh", "rsa", "authority")
"""Private keys: the user's own one, an account's onward key, an operator's, that of a computing centre's user, and some that
nobody knows: of the usual type, of type RSA, and an authority's, which is not shown but signs."""


NOBODY = ("no account is marked probe", "no operator is marked probe")
"""Reasons to leave an attempt out that are no property of the fabric."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an attempt runs, in one address family: ``hosts`` by role and the ``variables`` that its scripts see."""

    attempt: Attempt
    family: Family
    hosts: Mapping[str, str]
    variables: Mapping[str, str]
    user: str
    account: str


class NoPlaceError(Exception):
    """This fabric has no place for the attempt. The message says what is missing."""


def _members(groups: Callable[[Fabric], Iterator[str]]) -> Callable[[Fabric], list[Host]]:
    return lambda fabric: [h for group in dict.fromkeys(groups(fabric)) for h in fabric.members(group)]


def _institutions(fabric: Fabric) -> Iterator[str]:
    entrances = {h.name for h in access.login_servers(fabric)}
    for flow in fabric.flows:
        if flow.service == "ssh" and ACCOUNTS in flow.users and entrances & {h.name for h in fabric.members(flow.destination)}:
            yield flow.origin


def _nodes(fabric: Fabric) -> Iterator[str]:
    yield from (p.nodes for p in fabric.compute_platforms.values() if p.kind == "direct_login")


def _scheduler_hosts(fabric: Fabric) -> list[Host]:
    """Return a centre's own machines beside the nodes: its people log in there."""
    nodes = {h.name for p in fabric.compute_platforms.values() for h in fabric.members(p.nodes)}
    return [h for h in fabric.hosts.values() if not h.managed and h.local_users and h.name not in nodes]


def _part(name: str) -> Callable[[Fabric], Iterator[str]]:
    return lambda fabric: (getattr(p, name) for p in fabric.data_platforms.values() if getattr(p, name))


def _compute_part(name: str) -> Callable[[Fabric], Iterator[str]]:
    return lambda fabric: (getattr(p, name) for p in fabric.compute_platforms.values() if getattr(p, name))


PLACES: Mapping[str, Callable[[Fabric], list[Host]]] = {
    "login_server": lambda fabric: list(access.login_servers(fabric)),
    "node": _members(_nodes),
    "certified_node": lambda fabric: [h for h in _members(_nodes)(fabric) if access.takes_certificates(fabric, h)],
    "signer": lambda fabric: list(access.signers(fabric)),
    "institution": lambda fabric: [h for h in _members(_institutions)(fabric) if not h.managed],
    "data_server": _members(_part("data_servers")),
    "compute_server": _members(_part("compute_servers")),
    "storage_server": _members(_part("storage_servers")),
    "intake_server": _members(_part("intake_servers")),
    "gateway": _members(_compute_part("gateways")),
    "job_node": _members(_compute_part("job_nodes")),
    "scheduler_host": _scheduler_hosts,
    "operator_host": lambda fabric: list(fabric.members("operator_hosts")),
}
"""Hosts by what they are for. A place that is none of these is a group of the inventory; ``target`` is the target itself."""


def stage(fabric: Fabric, attempt: Attempt, family: Family, number: int = 0) -> Stage:
    """Return where ``attempt`` runs. By ``number`` attempts spread over like hosts and free addresses.

    Raises ``NoPlaceError`` where the fabric has no such place.
    """
    target = _host(fabric, attempt.target, (), number)
    origin = target if attempt.origin == "target" else _host(fabric, attempt.origin, (target,))
    hosts = {"target": target, "origin": origin, "login": _host(fabric, "login_server", ())}
    if attempt.via:
        hosts["via"] = _host(fabric, attempt.via, (target, origin))
    if attempt.hop:
        hosts["hop"] = _host(fabric, attempt.hop, (target, origin))
    if attempt.beyond:
        hosts["beyond"] = _host(fabric, attempt.beyond, (target, origin))
    for role in ("target", "login"):
        if not hosts[role].managed:
            raise NoPlaceError(f"{hosts[role].name} is not managed, so nothing is promised there")
    last = hosts.get("hop", origin)
    if "local" in attempt.keys and not last.local_users:
        raise NoPlaceError(f"{last.name} has no users of a computing centre")
    account = _account(fabric, hosts)
    user = _user(fabric, attempt, target, account)
    return Stage(
        attempt,
        family,
        {role: host.name for role, host in hosts.items()},
        _variables(fabric, attempt, hosts, family, number),
        user,
        account,
    )


def _host(fabric: Fabric, place: str, taken: tuple[Host, ...], number: int = 0) -> Host:
    named = PLACES.get(place)
    found = named(fabric) if named else list(fabric.members(place))
    left = [host for host in found if host not in taken]
    if left:
        return left[number % len(left)]
    raise NoPlaceError(f"there is no {'other ' if found else ''}{place.replace('_', ' ')} here")


def _account(fabric: Fabric, hosts: Mapping[str, Host]) -> str:
    """Return the probe account that may use most of an attempt's hosts: nothing else shall refuse what the attempt is about."""
    probes = [a.name for a in access.present_accounts(fabric) if a.probe]
    if not probes:
        raise NoPlaceError(NOBODY[0])
    chosen = [hosts[role] for role in ("beyond", "target", "origin") if role in hosts]
    used = [{a.name for a in (*access.accounts_on(fabric, h), *access.data_accounts_on(fabric, h))} for h in chosen]
    return max(probes, key=lambda name: [name in names for names in used])


def _user(fabric: Fabric, attempt: Attempt, target: Host, account: str) -> str:
    if attempt.user == "account":
        return account
    if attempt.user == "operator":
        return _operator(fabric)
    if attempt.user == "initial_user":
        if target.initial_user is None:
            raise NoPlaceError(f"{target.name} has no shared user of its image")
        return target.initial_user
    return attempt.user


def _operator(fabric: Fabric) -> str:
    for operator in access.present_operators(fabric):
        if operator.probe:
            return operator.name
    raise NoPlaceError(NOBODY[1])


def _variables(fabric: Fabric, attempt: Attempt, hosts: Mapping[str, Host], family: Family, number: int) -> dict[str, str]:
    target, origin = hosts["target"], hosts["origin"]
    last = hosts.get("hop", origin)
    at_target, at_origin = _link(target, origin)
    if at_origin is None and "via" in hosts:
        # Seen from afar a host is where the gateway meets it.
        at_target, _gateway = _link(target, hosts["via"])
    network = fabric.segments[at_target.segment].network(family)
    found = {
        "TARGET": target.name,
        "ADDRESS": str(at_target.address(family)),
        "TARGET_INTERFACE": at_target.interface,
        "PORT": str(fabric.services[attempt.service].port) if attempt.service in fabric.services else "22",
        "FAMILY": family[-1],
        "PREFIX": str(network.prefixlen),
        "NETWORK": str(network),
        "OPERATOR": _operator(fabric),
        "SIGNING_USER": access.SIGNING_USER,
        "SIGN_PORT": str(fabric.services[access.SIGN].port) if access.SIGN in fabric.services else "",
        "OTHER": _other_account(fabric, _account(fabric, hosts), target),
        "LOCAL_USER": next(iter(last.local_users), "nobody"),
        "INTERFACE": at_origin.interface if at_origin else origin.attachments[0].interface,
        "FREE": _free(fabric, at_target.segment, family, number),
    }
    near = hosts["login"].attachment(at_target.segment)
    found["LOGIN_SERVER"] = str(near.address(family)) if near else ""
    found["TRUSTED"] = str(_link(hosts["login"], target)[0].address(family))
    operators = fabric.members("operator_hosts")
    found["OPERATOR_ADDRESS"] = str(operators[0].attachments[0].address(family)) if operators else ""
    for role in ("beyond", "via"):
        if role in hosts:
            between = target if role == "beyond" else origin
            found[role.upper()] = hosts[role].name
            found[f"{role.upper()}_ADDRESS"] = str(_link(hosts[role], between)[0].address(family))
    if "hop" in hosts:
        found["HOP"] = last.name
        found["HOP_ADDRESS"] = str(_link(last, origin)[0].address(family))
    if "via" in hosts:
        found["ORIGIN_ADDRESS"] = str(_link(last, hosts["via"])[0].address(family))
        found["WAY_BACK"] = str(_link(hosts["via"], target)[0].address(family))
    return found


def _link(host: Host, other: Host) -> tuple[Attachment, Attachment | None]:
    """Return the attachments by which two hosts share a segment; the first of ``host`` alone where they share none."""
    for mine in host.attachments:
        theirs = other.attachment(mine.segment)
        if theirs is not None:
            return mine, theirs
    return host.attachments[0], None


def _other_account(fabric: Fabric, name: str, target: Host) -> str:
    """Return another account, one that is there on the target where it can be."""
    found = [a.name for a in (*access.accounts_on(fabric, target), *access.present_accounts(fabric)) if a.name != name]
    return found[0] if found else ""


def _free(fabric: Fabric, segment: str, family: Family, number: int) -> str:
    """Return an address of the segment that nobody holds: one of the last 48, by ``number``."""
    network = fabric.segments[segment].network(family)
    machines = [*(h.attachments for h in fabric.hosts.values()), *((s.attachment,) for s in fabric.switches.values())]
    taken = {a.address(family) for found in machines for a in found}
    top = int(network.network_address) + min(network.num_addresses, 2**15) - 3
    free = [a for n in range(48) if (a := ip_address(top - n)) in network and a not in taken]
    if not free:
        raise NoPlaceError(f"segment {segment} has no free address for one more machine")
    return str(free[number % len(free)])
