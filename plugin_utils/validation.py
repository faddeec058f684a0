"""Controller side of playbooks/validate.yml: what each origin is to try, and with which keys."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from module_utils.fabric import access
from module_utils.fabric.access import Persona
from module_utils.fabric.model import Fabric, Host
from module_utils.fabric.problems import listed
from module_utils.matrix.attempts import plan_to_data
from module_utils.matrix.plan import origin_plan, personas, reach

from .inventory import load_fabric

OUTSIDE = ("203.0.113.254", "2001:db8:ffff::1")
"""Addresses of nobody, to ask sshd what a stranger would meet."""
EFFECTIVE, ONWARD, PROBE, PORTS = "validate_effective", "validate_onward", "validate_probe", "validate_ports"
CERTIFICATES = "validate_certificates"
FORWARDING = "validate_forwarding"
ATTACKS = "validate_attempts"
"""Names under which the playbook registers answers."""


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """A private key's ``text``, the ``user`` whose it is, and a ``certificate`` of it where there is one."""

    user: str
    text: str
    certificate: str = ""


Setup = dict[str, dict[str, Any]]
Trust: TypeAlias = Literal["all", "own", "none"]


def validation_setup(sources: Sequence[str]) -> Setup:
    """Return for each host its ``plan`` as an origin and, where it is managed, ``connections`` to ask its sshd about.

    Raises ``FabricError`` with every fault of the inventory.
    """
    fabric = load_fabric(*sources)
    people, known = personas(fabric), reach(fabric)
    names = [p.name for p in people]
    onward = {host.name: [a.name for a in access.accounts_on(fabric, host) if a.probe] for host in access.login_servers(fabric)}
    return {
        host.name: {
            "plan": plan_to_data(origin_plan(fabric, host, names, known)),
            "managed": host.managed,
            "connections": list(_connections(fabric, people, host)) if host.managed else [],
            "onward_accounts": onward.get(host.name, []),
            "certified_accounts": onward.get(host.name, []) if fabric.identity is not None else [],
        }
        for host in fabric.hosts.values()
    }


def _connections(fabric: Fabric, people: Sequence[Persona], host: Host) -> Any:
    for persona in people:
        declared = access.sources(access.declared_logins(fabric, persona, host))
        for address in (*(str(a) for a in declared[:1]), *OUTSIDE):
            yield {"user": persona.name, "address": address}


def persona_faults(keys: Any) -> list[str]:
    """Return in words what is wrong with ``validate_personas``, a list of ``{name, key: path of a private key}``."""
    form = "write it as [{name: USER, key: PATH OF A PRIVATE KEY}, ...]"
    if not isinstance(keys, Sequence) or isinstance(keys, str):
        return [f"validate_personas is no list: {form}"]
    found = []
    for number, row in enumerate(keys):
        lacks = [word for word in ("name", "key") if not (isinstance(row, Mapping) and isinstance(row.get(word), str))]
        if lacks:
            found.append(f"validate_personas[{number}] lacks {' and '.join(lacks)}: {form}")
    return found


def probe_credentials(
    hostvars: Mapping[str, Any], sources: Sequence[str], keys: Sequence[Mapping[str, Any]], rehearsed: bool = False
) -> dict[str, Any]:
    """Return what the probes show and believe: ``origins``, ``known_hosts``, ``missing`` (rows), ``lent``.

    ``keys`` are ``{name, key: path of a private key}``. Onward keys and public host keys are taken from what was
    registered on the hosts. ``origins`` holds for each origin ``users`` and the ``identities`` with private keys that
    it needs, and no others (``_shown_from``). Users without a key that may go to an origin are lent the probe operators'
    ones, which open most, or the probe accounts' where those may not go either: ``lent`` names the origins where that is
    so, by user. ``rehearsed``: on a twin all keys are made for it, so operators' keys go everywhere.
    """
    fabric = load_fabric(*sources)
    people = personas(fabric)
    private, unread = _private_keys(hostvars, fabric, people, keys)
    home = _at_home(fabric, people)
    shown: dict[str, dict[str, list[str]]] = {}
    for host in fabric.hosts.values():
        own = {p.name: _shown_from(p, private, _trust(p, host, home, rehearsed=rehearsed)) for p in people}
        to_lend = _to_lend(people, own)
        shown[host.name] = {name: identities or to_lend for name, identities in own.items()}
    lent: dict[str, list[str]] = {}
    for origin, users in shown.items():
        for user, identities in users.items():
            if identities and private[identities[0]].user != user:
                lent.setdefault(user, []).append(origin)
    return {
        "origins": {origin: _origin(users, private) for origin, users in shown.items()},
        "known_hosts": [line for host in fabric.managed_hosts for line in _known(hostvars, host.name)],
        "missing": list(_missing(fabric, people, private, unread)),
        "lent": lent,
    }


def nobody_to_try(people: Sequence[Persona]) -> list[tuple[str, str]]:
    """Return a row (name, reason) for each kind of people that nobody is marked of, so that none is tried."""
    kinds = {p.kind for p in people}
    return [
        (rows, f"none is marked probe: true in fabric_{rows}, so no login of theirs was tried; mark one or more there")
        for kind, rows in (("account", "accounts"), ("operator", "operators"))
        if kind not in kinds
    ]


def _private_keys(
    hostvars: Mapping[str, Any], fabric: Fabric, people: Sequence[Persona], keys: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, _Key], dict[str, str]]:
    """Return the private keys by identity (``own-<user>``, ``onward-<account>-<login server>``), and why a file can't be read."""
    own = {k["name"]: k["key"] for k in keys}
    onward = {h.name: _registered(hostvars, h.name, ONWARD) for h in access.login_servers(fabric)}
    signed = {h.name: _registered(hostvars, h.name, CERTIFICATES) for h in access.login_servers(fabric)}
    found: dict[str, _Key] = {}
    unread: dict[str, str] = {}
    for persona in people:
        if persona.kind == "account":
            certificates = _onward(signed, persona.name)
            for name, text in _onward(onward, persona.name).items():
                found[name] = _Key(persona.name, text, certificates.get(name, ""))
        if persona.name in own:
            try:
                found[f"own-{persona.name}"] = _Key(persona.name, _read(own[persona.name]))
            except (OSError, UnicodeDecodeError) as error:
                unread[persona.name] = f"{own[persona.name]}: {getattr(error, 'strerror', None) or 'it is no text'}"
    return found, unread


def _missing(fabric: Fabric, people: Sequence[Persona], private: Mapping[str, _Key], unread: Mapping[str, str]) -> Iterator[str]:
    for persona in people if fabric.identity is not None else ():
        bare = [n for n, k in private.items() if _is_onward(n, k, persona) and not k.certificate]
        if bare:
            yield f"{persona.name}: no certificate of {listed(bare)}; `journalctl -t kakehashi-certificate` there tells why"
    for persona in people:
        if persona.kind == "account" and not any(_is_onward(n, k, persona) for n, k in private.items()):
            yield f"{persona.name}: no onward key on any login server; run playbooks/site.yml first"
        if persona.kind in ("account", "operator") and f"own-{persona.name}" not in private:
            if persona.name in unread:
                yield f"{persona.name}: the file that validate_personas names for them can't be read ({unread[persona.name]})"
            else:
                yield f"{persona.name}: no key of their own; name its file in validate_personas"
    if not any(p.kind == "operator" and f"own-{p.name}" in private for p in people):
        for persona in people:
            if persona.kind not in ("account", "operator") and f"own-{persona.name}" not in private:
                yield f"{persona.name}: no key was shown: it has none of its own, and no probe operator has one to lend"


def _trust(persona: Persona, host: Host, home: frozenset[tuple[str, str]], *, rehearsed: bool) -> Trust:
    """Return which of a persona's keys may go to an origin.

    ``all`` where root is ours, or where the persona is at home (``_at_home``). To others go the ``own`` keys of accounts
    that exist to be tried: they open a session on a login server and nothing more. An operator's key makes root of who
    has it, so it goes to nobody else's machine; on a twin it is made for the twin.
    """
    if host.managed or (persona.name, host.name) in home:
        return "all"
    return "own" if persona.kind == "account" or (rehearsed and persona.kind == "operator") else "none"


def _shown_from(persona: Persona, private: Mapping[str, _Key], trust: Trust) -> list[str]:
    """Return the identities of a persona's own that are sent to an origin."""
    own = f"own-{persona.name}"
    # First: sshd allows few tries, and certificates of onward keys are shown before all keys.
    names = [own] if own in private and trust != "none" else []
    return names + [name for name, key in private.items() if trust == "all" and _is_onward(name, key, persona)]


def _to_lend(people: Sequence[Persona], own: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the keys shown at an origin by who has none there: operators' where they are there, else accounts'."""
    for kind in ("operator", "account"):
        lent = [f"own-{p.name}" for p in people if p.kind == kind and f"own-{p.name}" in own[p.name]]
        if lent:
            return lent
    return []


def _at_home(fabric: Fabric, people: Sequence[Persona]) -> frozenset[tuple[str, str]]:
    """Return each (user, origin) where the user belongs, or from where it has a declared use of its key.

    Login servers accept accounts' own keys, all that lies behind them onward ones; operators have one key for both.
    """
    found = {(name, host.name) for host in fabric.hosts.values() for name in (host.initial_user, *host.local_users) if name}
    for persona in people:
        for host in fabric.managed_hosts:
            if persona.kind == "operator" or not access.is_login_server(fabric, host):
                found.update((persona.name, path.origin) for path in access.declared_logins(fabric, persona, host))
                found.update((persona.name, path.origin) for path in access.declared_data(fabric, persona, host))
    return frozenset(found)


def _is_onward(name: str, key: _Key, persona: Persona) -> bool:
    return key.user == persona.name and name.startswith("onward-")


def _origin(users: Mapping[str, Sequence[str]], private: Mapping[str, _Key]) -> dict[str, Any]:
    needed = sorted({name for names in users.values() for name in names})
    return {
        "users": [{"name": user, "identities": list(names)} for user, names in users.items()],
        "identities": [
            {"name": name, "private": private[name].text, "certificate": private[name].certificate} for name in needed
        ],
    }


def _registered(hostvars: Mapping[str, Any], host: str, name: str) -> Mapping[str, Any]:
    """Return what a task registered on a host, or nothing where it didn't come to that."""
    try:
        answer = hostvars[host][name]
    except KeyError:
        return {}
    return answer if isinstance(answer, Mapping) else {}


def _known(hostvars: Mapping[str, Any], host: str) -> list[str]:
    """Return a host's lines of known hosts, from the public keys that it showed over the operators' way in."""
    effective = _registered(hostvars, host, EFFECTIVE).get("effective", {})
    return [f"{host} {' '.join(key.split()[:2])}" for key in effective.get("host_keys", ()) if key.strip()]


def _read(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")


def _onward(onward: Mapping[str, Any], account: str) -> dict[str, str]:
    """Return an account's onward keys (or their certificates) by name: one for each login server that has one."""
    found: dict[str, str] = {}
    for server, answer in onward.items():
        for item in answer.get("results", ()):
            if item.get("item") == account and item.get("content"):
                found[f"onward-{account}-{server}"] = b64decode(item["content"]).decode()
    return found
