"""What is tried over fresh connections before a change of one host is kept: logins that must work, one that must not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..fabric import access, factors
from ..fabric.access import Persona
from ..fabric.model import FAMILIES, Fabric, Family, Host
from ..fabric.paths import ways_in
from .attempts import SSH_PORT, Endpoint, OriginPlan, plan_to_data
from .outcomes import MEANINGS
from .plan import Reach, reach


def change_proofs(fabric: Fabric, without: Collection[str] = ()) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return for each managed host that enforces what is to be tried, in lists.

    ``accounts`` are ``{login_server, account}``: at most one for each login server from which somebody marked ``probe`` may go
    on to the host. ``strangers`` are ``{origin, targets}``: for each family one ``{address, port}``, from a host on a segment
    of the host's that may not even connect to its sshd. Hosts of others come first, since their own packet filter isn't ours.
    ``other_strangers`` come from another host, where there is one: the first may be down. ``own_logins``, of a login server,
    are ``{origin, account, plan}``: somebody marked ``probe`` who may come there with a key of their own, from where, and what
    ``login_probe`` is to try: as far as the question, where a code is asked for. Who must show a security key is left out,
    since nobody can show that one unattended. ``certificates``, of a signer, are ``{login_server, account}``: for whom one is
    asked for. Nobody goes on or asks from the login servers that a run does ``without``: their keys are taken nowhere.
    """
    known, ways = reach(fabric), ways_in(fabric)
    origins = sorted((h for h in fabric.hosts.values() if h.name in ways), key=lambda h: h.managed)
    return {
        host.name: {
            "accounts": [way for way in _accounts(fabric, host) if way["login_server"] not in without],
            "own_logins": list(_own_logins(fabric, host)),
            "certificates": [way for way in _certificates(fabric, host) if way["login_server"] not in without],
            "strangers": list(_strangers(host, origins, known, 0)),
            "other_strangers": list(_strangers(host, origins, known, 1)),
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


def _strangers(host: Host, origins: Sequence[Host], known: Reach, choice: int) -> Iterator[dict[str, Any]]:
    """Yield the ``choice``-th (from 0) stranger of each family."""
    found: dict[str, list[dict[str, Any]]] = {}
    for family in FAMILIES:
        asked = ((origin.name, _forbidden(host, origin, known, family)) for origin in origins)
        able = ((name, address) for name, address in asked if address is not None)
        for name, address in islice(able, choice, choice + 1):
            found.setdefault(name, []).append({"address": address, "port": SSH_PORT})
    for name, targets in found.items():
        yield {"origin": name, "targets": targets}


def _forbidden(host: Host, origin: Host, known: Reach, family: Family) -> str | None:
    """Return an address of ``host`` that ``origin`` is next to and may not log in at."""
    for attachment in host.attachments:
        address = str(attachment.address(family))
        near = origin.name != host.name and origin.attachment(attachment.segment) is not None
        if near and (origin.name, address, SSH_PORT) not in known.open_ports:
            return address
    return None
