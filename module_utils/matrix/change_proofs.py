"""What is tried over fresh connections before a change of one host is kept: logins that must work, one that must not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ..fabric import access, factors
from ..fabric.access import Persona
from ..fabric.model import FAMILIES, Account, Fabric, Family, Host
from ..fabric.paths import Path, paths, ways_in
from .attempts import SSH_PORT, Endpoint, OriginPlan, plan_to_data
from .outcomes import MEANINGS
from .plan import Reach, reach

_LOOKED_AT = 16
"""Pairs of account and node, at most, of which the best two are taken: a fabric may have thousands."""


def change_proofs(fabric: Fabric, without: Collection[str] = ()) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return for each managed host that enforces what is to be tried, in lists.

    ``accounts`` are ``{login_server, account}``: at most one for each login server from which somebody marked ``probe`` may go
    on to the host. ``strangers`` are ``{origin, targets}``: for each family and each sshd that is for people or data one
    ``{address, port}``, from a host on a segment of the host's that may not even connect to it. Hosts of others come first, since
    their own packet filter isn't ours, and then who may connect to none of these.
    ``other_strangers`` come from another host, where there is one: the first may be down. ``own_logins``, of a login server,
    are ``{origin, account, plan}``: somebody marked ``probe`` who may come there with a key of their own, from where, and what
    ``login_probe`` is to try: as far as the question, where a code is asked for. Who must show a security key is left out,
    since nobody can show that one unattended. ``certificates``, of a signer, are ``{login_server, account}``: for whom one is
    asked for. Nobody goes on or asks from the login servers that a run does ``without``: their keys are taken nowhere.

    Of a data server, ``data_logins`` are ``{login_server, account, node, endpoints}``: somebody marked ``probe`` who may go on
    from there to a node and read data here from it, and one ``{address, port}`` for each family. ``data_origins`` are ``{origin,
    account, endpoints}``: from where somebody may read data, where operators get to. Of both there are two at most, since a
    machine may be off. ``data_answers`` are ``{user, address}``: whom its sshd and PAM have to let in, by one of their addresses
    of each family.
    """
    known, ways = reach(fabric), ways_in(fabric)
    origins = sorted((h for h in fabric.hosts.values() if h.name in ways), key=lambda h: h.managed)
    return {
        host.name: {
            "accounts": [way for way in _accounts(fabric, host) if way["login_server"] not in without],
            "own_logins": list(_own_logins(fabric, host)),
            "certificates": [way for way in _certificates(fabric, host) if way["login_server"] not in without],
            "strangers": list(_strangers(fabric, host, origins, known, 0)),
            "other_strangers": list(_strangers(fabric, host, origins, known, 1)),
            **_data(fabric, host, [origin.name for origin in sorted(origins, key=lambda h: not h.managed)], without),
        }
        for host in fabric.managed_hosts
        if host.enforce
    }


def _accounts(fabric: Fabric, host: Host) -> list[dict[str, Any]]:
    found: dict[str, str] = {}
    for account in access.accounts_on(fabric, host):
        if account.probe:
            for path in access.declared_logins(fabric, Persona("account", account.name), host):
                if access.is_login_server(fabric, fabric.hosts[path.origin]):
                    found.setdefault(path.origin, account.name)
    return [{"login_server": server, "account": name} for server, name in found.items()]


def _own_logins(fabric: Fabric, host: Host) -> Iterator[dict[str, Any]]:
    if not access.is_login_server(fabric, host):
        return
    for account in access.present_accounts(fabric):
        factor = factors.of_user(fabric, host, account.name)
        able = account.probe and factor != "security_key"
        paths = list(access.declared_logins(fabric, Persona("account", account.name), host)) if able else []
        if paths:
            origin = paths[0].origin
            addresses = dict.fromkeys(str(p.enters_by.address(p.family)) for p in paths if p.origin == origin)
            endpoints = tuple(Endpoint(host.name, address, SSH_PORT) for address in addresses)
            asked = (account.name,) if factor == "totp" else ()
            plan = OriginPlan(origin, (account.name,), endpoints, asked=asked)
            yield {"origin": origin, "account": account.name, "plan": plan_to_data(plan)}
            return


def _certificates(fabric: Fabric, host: Host) -> Iterator[dict[str, Any]]:
    """Yield somebody for each login server that asks this signer and has accounts marked ``probe`` that go on from there."""
    if host not in access.signers(fabric):
        return
    for server in access.login_servers(fabric):
        names = [account.name for account in access.accounts_on(fabric, server) if account.probe]
        if names and server.managed:
            yield {"login_server": server.name, "account": names[0]}


def _data(fabric: Fabric, host: Host, reached: Sequence[str], without: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Return how it is tried whether accounts get to data of a host, from hosts that are ``reached`` by operators, best first."""
    if not access.is_data_server(fabric, host):
        return {}
    servers = [server for server in access.login_servers(fabric) if server.name not in without]
    # Who has no login server has no key for data either.
    with_key = {account.name for server in servers for account in access.accounts_on(fabric, server)}
    able = [account for account in access.data_accounts_on(fabric, host) if account.name in with_key]
    readers = _readers(fabric, host, sorted(able, key=lambda a: not a.probe))
    first: dict[str, _Readers] = {}
    for reader in readers:
        for origin in reader.ways:
            first.setdefault(origin, reader)
    near = islice((origin for origin in reached if origin in first), 2)
    return {
        "data_logins": list(_data_logins(fabric, servers, readers)),
        "data_origins": [
            {
                "origin": origin,
                "account": first[origin].accounts[0].name,
                "endpoints": _data_endpoints(fabric, first[origin].ways[origin]),
            }
            for origin in near
        ],
        "data_answers": [
            {"user": account.name, "address": address}
            for reader in readers
            for account in reader.accounts
            for address in reader.addresses()
        ],
    }


@dataclass(frozen=True, slots=True)
class _Readers:
    """Accounts that may do the same, those marked ``probe`` first, and by origin the paths by which they come to data."""

    accounts: list[Account]
    ways: Mapping[str, Sequence[Path]]

    def addresses(self) -> Collection[str]:
        """Return one of their addresses of each family."""
        found: dict[Family, str] = {}
        for path in chain.from_iterable(self.ways.values()):
            found.setdefault(path.family, str(path.source))
        return found.values()


def _readers(fabric: Fabric, host: Host, able: Iterable[Account]) -> list[_Readers]:
    """Return ``able`` accounts, in their order: thousands of people may do the same, so that is worked out for one of them."""
    arriving = [path for flow in fabric.flows_to(host, access.DATA) for path in paths(fabric, flow) if path.target == host.name]
    number = {account.name: i for i, group in enumerate(access.alike(fabric)) for account in group}
    found: dict[int, _Readers] = {}
    for account in able:
        reader = found.get(number[account.name])
        if reader is None:
            ways: dict[str, list[Path]] = {}
            for path in access.declared_data(fabric, Persona("account", account.name), host, arriving):
                ways.setdefault(path.origin, []).append(path)
            reader = found[number[account.name]] = _Readers([], ways)
        reader.accounts.append(account)
    return list(found.values())


def _data_logins(fabric: Fabric, servers: Sequence[Host], readers: Iterable[_Readers]) -> Iterator[dict[str, Any]]:
    """Yield each server with the node and the account that serve best; where there is one server only, another node as well."""
    found: list[dict[str, Any]] = []
    servers = [server for server in servers if server.managed]

    def like_the_first(way: Mapping[str, Any]) -> tuple[bool, bool]:
        return way["login_server"] == found[0]["login_server"], way["node"] == found[0]["node"]

    able = (
        (reader.accounts[0].name, node, ways)
        for reader in readers
        for node, ways in reader.ways.items()
        if reader.accounts[0].probe and fabric.hosts[node].managed
    )
    for name, node, ways in islice(able, _LOOKED_AT):
        origins = {path.origin for path in access.declared_logins(fabric, Persona("account", name), fabric.hosts[node])}
        found += [
            {"login_server": server.name, "account": name, "node": node, "endpoints": _data_endpoints(fabric, ways)}
            for server in servers
            if server.name in origins
        ]
        # There is no better one.
        if any(like_the_first(way) == (len(servers) == 1, False) for way in found):
            break
    yield from found[:1]
    yield from sorted(found[1:], key=like_the_first)[:1]


def _data_endpoints(fabric: Fabric, ways: Sequence[Path]) -> list[dict[str, Any]]:
    addresses = {path.family: str(path.destination) for path in reversed(ways)}
    return [{"address": addresses[f], "port": fabric.services[access.DATA].port} for f in FAMILIES if f in addresses]


def refused_logins(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return in words the logins over ssh that results of ``login_probe`` made in vain: address and what was said.

    A question for the code is no refusal: sshd and PAM took the key and the place, and nobody here has the code.
    By user and address, IPv4 first: several attempts are made at a time, and end in any order.
    """
    found = {}
    for result in results:
        for kind, user, (_host, address, _port), _hop, code, words in result.get("made", ()):
            verdict, _layer, meaning = MEANINGS.get(code, ("unknown", "none", ""))
            if kind == "ssh" and verdict != "admitted":
                said = f"{meaning} ({words})" if meaning else code
                found[user, ":" in address, address] = f"{user} at {address}: {said}"
    return [found[place] for place in sorted(found)]


def _strangers(fabric: Fabric, host: Host, origins: Sequence[Host], known: Reach, choice: int) -> Iterator[dict[str, Any]]:
    """Yield the ``choice``-th (from 0) stranger of each family and port."""
    doors = [(family, SSH_PORT) for family in FAMILIES]
    if access.is_data_server(fabric, host):
        doors += [(family, fabric.services[access.DATA].port) for family in FAMILIES]
        # One that may come to none of them knocks at all at the same time.
        origins = sorted(origins, key=lambda o: (o.managed, [_forbidden(host, o, known, *door) for door in doors].count(None)))
    found: dict[str, list[dict[str, Any]]] = {}
    for family, port in doors:
        asked = ((origin.name, _forbidden(host, origin, known, family, port)) for origin in origins)
        able = ((name, address) for name, address in asked if address is not None)
        for name, address in islice(able, choice, choice + 1):
            found.setdefault(name, []).append({"address": address, "port": port})
    for name, targets in found.items():
        yield {"origin": name, "targets": targets}


def _forbidden(host: Host, origin: Host, known: Reach, family: Family, port: int) -> str | None:
    """Return an address of ``host`` that ``origin`` is next to and may not come to ``port`` at."""
    for attachment in host.attachments:
        address = str(attachment.address(family))
        near = origin.name != host.name and origin.attachment(attachment.segment) is not None
        if near and (origin.name, address, port) not in known.open_ports:
            return address
    return None
