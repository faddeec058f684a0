"""Controller side of playbooks/validate.yml: what each origin is to try, and with which keys."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
"""Names under which the playbook registers answers."""


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """A private key's ``text``, the ``user`` whose it is, and a ``certificate`` of it where there is one."""

    user: str
    text: str
    certificate: str = ""


Setup = dict[str, dict[str, Any]]


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


def probe_credentials(hostvars: Mapping[str, Any], sources: Sequence[str], keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the probes show and believe: ``origins``, ``known_hosts``, ``missing`` (rows), ``lent``.

    ``keys`` are ``{name, key: path of a private key}``. Onward keys and public host keys are taken from what was
    registered on the hosts. ``origins`` holds for each origin ``users`` and the ``identities`` with private keys that
    it needs, and no others (``_shown_from``). Users without a key of their own are lent the probe operators' ones,
    which open most: ``lent`` names the origins where that is so, by user.
    """
    fabric = load_fabric(*sources)
    people = personas(fabric)
    private = _private_keys(hostvars, fabric, people, keys)
    home = _at_home(fabric, people)
    to_lend = [f"own-{p.name}" for p in people if p.kind == "operator" and f"own-{p.name}" in private]
    shown = {
        host.name: {
            p.name: _shown_from(p, private, trusted=host.managed or (p.name, host.name) in home) or to_lend for p in people
        }
        for host in fabric.hosts.values()
    }
    lent: dict[str, list[str]] = {}
    for origin, users in shown.items():
        for user, identities in users.items():
            if identities and private[identities[0]].user != user:
                lent.setdefault(user, []).append(origin)
    return {
        "origins": {origin: _origin(users, private) for origin, users in shown.items()},
        "known_hosts": [line for host in fabric.managed_hosts for line in _known(hostvars, host.name)],
        "missing": list(_missing(fabric, people, private)),
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
) -> dict[str, _Key]:
    """Return the private keys that there are, by identity: ``own-<user>`` and ``onward-<account>-<login server>``."""
    own = {k["name"]: str(k["key"]) for k in keys}
    onward = {h.name: _registered(hostvars, h.name, ONWARD) for h in access.login_servers(fabric)}
    signed = {h.name: _registered(hostvars, h.name, CERTIFICATES) for h in access.login_servers(fabric)}
    found: dict[str, _Key] = {}
    for persona in people:
        if persona.kind == "account":
            certificates = _onward(signed, persona.name)
            for name, key in _onward(onward, persona.name).items():
                found[name] = _Key(persona.name, key, certificates.get(name, ""))
        if (text := _read(own.get(persona.name, ""))) is not None:
            found[f"own-{persona.name}"] = _Key(persona.name, text)
    return found


def _missing(fabric: Fabric, people: Sequence[Persona], private: Mapping[str, _Key]) -> Iterator[str]:
    for persona in people if fabric.identity is not None else ():
        bare = [n for n, k in private.items() if _is_onward(n, k, persona) and not k.certificate]
        if bare:
            yield f"{persona.name}: no certificate of {listed(bare)}; `journalctl -t kakehashi-certificate` there tells why"
    for persona in people:
        if persona.kind == "account" and not any(_is_onward(n, k, persona) for n, k in private.items()):
            yield f"{persona.name}: no onward key on any login server; run playbooks/site.yml first"
        if persona.kind in ("account", "operator") and f"own-{persona.name}" not in private:
            yield f"{persona.name}: no key of their own; name its file in validate_personas"
    if not any(p.kind == "operator" and f"own-{p.name}" in private for p in people):
        for persona in people:
            if persona.kind not in ("account", "operator") and f"own-{persona.name}" not in private:
                yield f"{persona.name}: no key was shown: it has none of its own, and no probe operator has one to lend"


def _shown_from(persona: Persona, private: Mapping[str, _Key], *, trusted: bool) -> list[str]:
    """Return the identities of a persona's own that are sent to an origin; ``trusted`` where all of them may go.

    An origin is trusted with a persona's keys where root is ours, or where the persona is at home (``_at_home``).
    To others go the own keys of those that exist to be tried, and no onward keys.
    """
    own = f"own-{persona.name}"
    # First: sshd allows few tries, and certificates of onward keys are shown before all keys.
    names = [own] if own in private and (trusted or persona.kind in ("account", "operator")) else []
    return names + [name for name, key in private.items() if trusted and _is_onward(name, key, persona)]


def _at_home(fabric: Fabric, people: Sequence[Persona]) -> frozenset[tuple[str, str]]:
    """Return each (user, origin) where the user belongs, or from where it has a declared use of its onward key.

    Login servers accept people's own keys, all that lies behind them accepts onward ones.
    """
    found = {(name, host.name) for host in fabric.hosts.values() for name in (host.initial_user, *host.local_users) if name}
    behind = [host for host in fabric.managed_hosts if not access.is_login_server(fabric, host)]
    for persona in people:
        for host in behind:
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


def _read(path: str) -> str | None:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8") if path else None
    except (OSError, UnicodeDecodeError):
        return None


def _onward(onward: Mapping[str, Any], account: str) -> dict[str, str]:
    """Return an account's onward keys (or their certificates) by name: one for each login server that has one."""
    found: dict[str, str] = {}
    for server, answer in onward.items():
        for item in answer.get("results", ()):
            if item.get("item") == account and item.get("content"):
                found[f"onward-{account}-{server}"] = b64decode(item["content"]).decode()
    return found
