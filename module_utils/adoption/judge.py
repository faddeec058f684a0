"""Whether a login that was seen would still be let in under the declaration, and if not, why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from ..fabric import access
from ..fabric.access import Kind, Persona
from ..fabric.model import Address, Fabric, Host, Switch
from ..fabric.paths import attachments_of
from .keys import fingerprints

_KEY_METHODS = ("publickey", "hostbased")
_NEVER: dict[Kind, str] = {
    "root": "root never logs in; operators log in by name and use sudo",
    "initial_user": "the image's shared user is locked",
    "local_user": "a user of the computing centre without an account",
}


@dataclass(frozen=True)
class Verdict:
    """``allowed``, and the ``reason`` in words where it is not."""

    allowed: bool
    reason: str = ""


def persona(fabric: Fabric, host: Host, user: str) -> Persona | None:
    """Return what kind of user a name is on ``host``, or ``None`` for a name that stands in no list."""
    if user in fabric.operators:
        return Persona("operator", user)
    if user in fabric.accounts:
        return Persona("account", user)
    if user == "root":
        return Persona("root", user)
    if user == host.initial_user:
        return Persona("initial_user", user)
    if user in host.local_users:
        return Persona("local_user", user)
    return None


def judge(fabric: Fabric, host: Host, login: Mapping[str, Any]) -> Verdict:
    """Return the verdict on one row of ``logins.summed`` for ``host``. Consoles are outside of what the fabric declares."""
    if login["service"] == "console" or not login["source"]:
        return Verdict(True)
    who = persona(fabric, host, login["user"])
    reason = _who_is_refused(fabric, host, who, login)
    if reason is None and who is not None:
        reason = _from_where(fabric, host, who, login) or _by_what(fabric, host, who, login)
    return Verdict(reason is None, reason or "")


def _who_is_refused(fabric: Fabric, host: Host, who: Persona | None, login: Mapping[str, Any]) -> str | None:
    if who is None:
        return "user is in no list: neither account nor operator"
    if who.kind == "operator":
        gone = fabric.operators[who.name].state == "absent"
        return "operator is declared absent" if gone else None
    if who.kind == "account":
        return _account_is_refused(fabric, host, who.name, login["service"])
    return _NEVER[who.kind]


def _account_is_refused(fabric: Fabric, host: Host, name: str, service: str) -> str | None:
    if fabric.accounts[name].state == "absent":
        return "account is declared absent"
    reads = name in {a.name for a in access.data_accounts_on(fabric, host)}
    if service == "data":
        return None if reads else "account may not read this platform's data"
    if name in {a.name for a in access.accounts_on(fabric, host)}:
        return None
    if reads:
        return f"accounts read data here over service data (port {fabric.services[access.DATA].port}), with no login"
    return "account may not use this host: its platforms are " + (", ".join(_platforms(fabric, name)) or "none")


def _platforms(fabric: Fabric, name: str) -> list[str]:
    account = fabric.accounts[name]
    return [*account.data_platforms, *account.compute_platforms]


def _from_where(fabric: Fabric, host: Host, who: Persona, login: Mapping[str, Any]) -> str | None:
    declared = access.declared_data if login["service"] == "data" else access.declared_logins
    allowed = access.sources(declared(fabric, who, host))
    try:
        source = ip_address(login["source"])
    except ValueError:
        return f"{login['source']} is a name, not an address; only addresses are declared"
    if source in allowed:
        return None
    many = "accounts" if who.kind == "account" else "operators"
    return f"comes from {whose(fabric, source)}, from where no flow lets {many} in"


def whose(fabric: Fabric, address: Address) -> str:
    """Return in words whose address this is: a declared host's, a segment's, the machine's own, or nobody's."""
    if address.is_loopback:
        return "the machine itself"
    machines: list[Host | Switch] = [*fabric.hosts.values(), *fabric.switches.values()]
    for machine in machines:
        if any(address in (a.ipv4, a.ipv6) for a in attachments_of(machine)):
            return machine.name
    for segment in fabric.segments.values():
        if address in segment.ipv4 or address in segment.ipv6:
            return f"an undeclared address on {segment.name}"
    return "outside the fabric"


def _by_what(fabric: Fabric, host: Host, who: Persona, login: Mapping[str, Any]) -> str | None:
    method, key = login["method"], login["key"]
    if method and method not in _KEY_METHODS:
        return f"by {method}; only public keys are accepted"
    declared = _declared_keys(fabric, host, who)
    if key and declared is not None and key not in declared:
        return f"by key {key[:19]}…, which is not declared"
    return None


def _declared_keys(fabric: Fabric, host: Host, who: Persona) -> set[str] | None:
    """Return the fingerprints that count on ``host``; ``None`` where the onward keys, which don't exist yet, take their place."""
    if who.kind == "operator":
        operator, enforced = fabric.operators[who.name], replace(host, enforce=True)
        keys = access.operator_keys(fabric, enforced, operator)
        return fingerprints((*keys, *access.operator_authorities(fabric, enforced, operator)))
    if access.is_login_server(fabric, host):
        return fingerprints(fabric.accounts[who.name].keys)
    return None
