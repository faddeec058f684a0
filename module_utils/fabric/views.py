"""What the fabric means for one host: the arguments of each role, as plain data.

``host_view`` is the only way from the fabric to the roles. Keys below a role's name are that role's arguments without
the role's prefix; a role that a host doesn't get has no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from . import access, factors, logs
from .access import Persona
from .model import ACCOUNTS, OPERATORS, Address, Attachment, Fabric, Host, Segment
from .paths import SSH, Path, all_paths, paths

View = dict[str, Any]
HOST_CERTIFICATE = "/etc/ssh/ssh_host_ed25519_key-cert.pub"
HOST_AUTHORITIES = "/etc/ssh/kakehashi-host-authorities"
"""Where a login server keeps whose host certificates it believes."""


def host_views(fabric: Fabric) -> dict[str, View]:
    """Return the view of every host by name; foreign hosts get ``groups``, ``site`` and ``segment_interface`` only."""
    touching: dict[str, list[Path]] = {name: [] for name in fabric.hosts}
    for path in all_paths(fabric):
        for name in (path.origin, path.target, path.gateway):
            if name in touching:
                touching[name].append(path)
    return {host.name: host_view(fabric, host, touching[host.name]) for host in fabric.hosts.values()}


def host_view(fabric: Fabric, host: Host, every: Iterable[Path] | None = None) -> View:
    """Return one host's view. ``every`` holds the paths that touch it (or more), where the caller has them already."""
    every = list(all_paths(fabric)) if every is None else list(every)
    view: View = {
        "name": host.name,
        "site": host.site,
        "groups": sorted(host.groups),
        "managed": host.managed,
        "segment_interface": {"interfaces": _interfaces(fabric, host, every)},
    }
    if not host.managed:
        return view
    view["base"] = _base(fabric, host, every)
    if host.records:
        view["session_recording"] = {"operators": [o.name for o in access.present_operators(fabric)]}
    view["packet_filter"] = _packet_filter(fabric, host, every)
    view["login_restriction"] = _login_restriction(fabric, host, every)
    if access.shows_certificate(fabric, host):
        view["host_certificate"] = _host_certificate(fabric, host, every)
    if access.is_login_server(fabric, host):
        view["login_server"] = _login_server(fabric, host, every)
        if fabric.identity is not None:
            view["onward_certificates"] = _onward_certificates(fabric, host, every)
    if access.is_signer(fabric, host):
        view["certificate_authority"] = _certificate_authority(fabric, host, every)
    if access.is_gateway(fabric, host):
        view["gateway"] = {"interfaces": sorted({r[k] for r in _forward(fabric, host, every) for k in ("in", "out")})}
    if access.is_data_server(fabric, host):
        view["data_server"] = _data_server(fabric, host, every)
    if (server := logs.log_server_of(host, every)) is not None:
        view["log_forwarding"] = {"server": server, "port": fabric.services[logs.JOURNAL].port}
    if logs.is_log_server(fabric, host):
        view["log_server"] = _log_server(fabric, host, every)
    return view


def routes(fabric: Fabric, host: Host, every: Iterable[Path]) -> list[dict[str, str]]:
    """Return the routes a host needs beyond its own segments: ``[{to: network, via: gateway, interface: name}]``."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for path in every:
        if path.gateway is None or path.gateway_in is None or path.gateway_out is None:
            continue
        if path.origin == host.name:
            far, near, by = path.enters_by, path.gateway_in, path.leaves_by
        elif path.target == host.name:
            far, near, by = path.leaves_by, path.gateway_out, path.enters_by
        else:
            continue
        to, via = str(fabric.segments[far.segment].network(path.family)), str(near.address(path.family))
        found[(to, via)] = {"to": to, "via": via, "interface": by.interface}
    return [found[key] for key in sorted(found)]


def _interfaces(fabric: Fabric, host: Host, every: list[Path]) -> list[View]:
    ways = routes(fabric, host, every)
    return [
        {
            "name": a.interface,
            "mode": "untagged" if a.mode == "access" else "tagged",
            "vlan": fabric.segments[a.segment].vlan,
            "mtu": fabric.segments[a.segment].mtu,
            "addresses": _with_prefix(a, fabric.segments[a.segment]),
            "routes": [{"to": w["to"], "via": w["via"]} for w in ways if w["interface"] == a.interface],
        }
        for a in host.attachments
    ]


def _with_prefix(attachment: Attachment, segment: Segment) -> list[str]:
    return [
        f"{attachment.ipv4}/{segment.ipv4.prefixlen}",
        f"{attachment.ipv6}/{segment.ipv6.prefixlen}",
    ]


def _base(fabric: Fabric, host: Host, every: list[Path]) -> View:
    people = [
        _person(o.name, o.uid, o.description, admin=True, state=o.state, recorded=host.records) for o in fabric.operators.values()
    ]
    entrance = access.is_login_server(fabric, host)
    here = {a.name for a in access.accounts_on(fabric, host)}
    of_data = {a.name for a in access.data_accounts_on(fabric, host)}
    people += [
        _person(
            a.name,
            a.uid,
            a.description,
            admin=False,
            state="present" if a.name in here else "absent",
            recorded=host.records and entrance,
        )
        for a in fabric.accounts.values()
        if a.name not in of_data
    ]
    return {
        "hostname": host.name,
        "enforce": host.enforce,
        "users": people,
        "locked_users": [host.initial_user] if host.initial_user else [],
        "hosts": _peers(host, every),
    }


def _person(name: str, uid: int, comment: str, *, admin: bool, state: str, recorded: bool) -> View:
    return {"name": name, "uid": uid, "comment": comment, "admin": admin, "state": state, "recorded": recorded}


def _peers(host: Host, every: list[Path]) -> list[View]:
    """Return the names a host needs to know: what it may reach, by the addresses it may use."""
    peers: dict[str, set[Address]] = {}
    for path in every:
        if path.origin == host.name:
            peers.setdefault(path.target, set()).add(path.destination)
    return [{"name": name, "addresses": _texts(found)} for name, found in sorted(peers.items())]


def _packet_filter(fabric: Fabric, host: Host, every: list[Path]) -> View:
    return {
        "enforce": host.enforce,
        "enforce_forward": host.enforce or access.is_gateway(fabric, host),
        "input": _rules(fabric, (p for p in every if p.target == host.name), "enters_by"),
        "input_rates": _input_rates(fabric, host, every),
        "output": _rules(fabric, (p for p in every if p.origin == host.name), "leaves_by"),
        "forward": _forward(fabric, host, every),
        "confined": sorted(a.uid for a in fabric.accounts.values()),
        "confined_output": _confined(fabric, host, every),
        "confined_loopback": access.is_for_computing(fabric, host),
    }


def _rules(fabric: Fabric, found: Iterator[Path], side: str) -> list[View]:
    """Return one rule for each (interface, service): peers are its ``addresses``, both families together."""
    rules: dict[tuple[str, str], set[Address]] = {}
    for path in found:
        here: Attachment = getattr(path, side)
        peer = path.source if side == "enters_by" else path.destination
        rules.setdefault((here.interface, path.flow.service), set()).add(peer)
    return [
        {"interface": interface, "addresses": _texts(peers), **_service(fabric, service)}
        for (interface, service), peers in sorted(rules.items())
    ]


def _input_rates(fabric: Fabric, host: Host, every: list[Path]) -> list[View]:
    """Return whose new ssh connections are counted by source: those of machines that aren't ours, operators' left out."""
    counted: dict[str, set[Address]] = {}
    spared: dict[str, set[Address]] = {}
    for path in every:
        if path.target == host.name and path.flow.service == SSH:
            origin = fabric.hosts.get(path.origin)
            foreign = origin is not None and not origin.managed and OPERATORS not in path.flow.users
            found = counted if foreign else spared
            found.setdefault(path.enters_by.interface, set()).add(path.source)
    return [
        {"interface": interface, "addresses": _texts(left), "service": SSH, "port": fabric.services[SSH].port}
        for interface, found in sorted(counted.items())
        if (left := found - spared.get(interface, set()))
    ]


def _confined(fabric: Fabric, host: Host, every: list[Path]) -> list[View]:
    """Return what accounts' own processes may connect to; whoever may use the same shares a rule."""
    mine = [p for p in every if p.origin == host.name]
    rules: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for group in access.alike(fabric):
        peers: dict[tuple[str, str], set[Address]] = {}
        for path in access.outgoing(fabric, group[0], host, mine):
            peers.setdefault((path.leaves_by.interface, path.flow.service), set()).add(path.destination)
        for key, found in peers.items():
            rules.setdefault((*key, tuple(_texts(found))), []).extend(a.uid for a in group)
    return [
        {"users": sorted(users), "interface": key[0], "addresses": list(key[2]), **_service(fabric, key[1])}
        for key, users in sorted(rules.items())
    ]


def _forward(fabric: Fabric, host: Host, every: list[Path]) -> list[View]:
    """Return one rule for each flow and pair of interfaces; flows stay apart, or their ends would mix."""
    rules: dict[tuple[str, str, str, str, str], tuple[set[Address], set[Address]]] = {}
    for path in every:
        if path.gateway == host.name and path.gateway_in and path.gateway_out:
            flow = path.flow
            key = (path.gateway_in.interface, path.gateway_out.interface, flow.service, flow.origin, flow.destination)
            origins, targets = rules.setdefault(key, (set(), set()))
            origins.add(path.source)
            targets.add(path.destination)
    return [
        {"in": key[0], "out": key[1], "from": _texts(pair[0]), "to": _texts(pair[1]), **_service(fabric, key[2])}
        for key, pair in sorted(rules.items())
    ]


def _service(fabric: Fabric, name: str) -> View:
    service = fabric.services[name]
    return {"service": service.name, "protocol": service.protocol, "port": service.port}


def _login_restriction(fabric: Fabric, host: Host, every: list[Path]) -> View:
    operators = [
        {
            "name": o.name,
            "kind": "operator",
            "sources": _sources(fabric, Persona("operator", o.name), host, every),
            "keys": list(access.operator_keys(fabric, host, o)),
            "authorities": list(access.operator_authorities(fabric, host, o)),
            "onward": False,
        }
        for o in access.present_operators(fabric)
    ]
    entrance, certificates = access.is_login_server(fabric, host), access.takes_certificates(fabric, host)
    accounts = [
        {
            "name": a.name,
            "kind": "account",
            "sources": _sources(fabric, Persona("account", a.name), host, every),
            "keys": list(a.keys) if entrance else [],
            "onward": not entrance and not certificates,
        }
        for a in access.accounts_on(fabric, host)
    ]
    return {
        "enforce": host.enforce,
        "users": operators + accounts,
        "break_glass": [o.name for o in access.sealed_operators(fabric)],
        "jump_targets": _jump_targets(host, every),
        "recorded": (["operator", "account"] if entrance else ["operator"]) if host.records else [],
        "activation": host.ssh_activation,
        "signers": [signer.name for signer in access.signers(fabric)] if certificates else [],
        "revoked": [
            *(_revoked(fabric) if certificates else ()),
            *(fabric.revoked_certificates if any(o["authorities"] for o in operators) else ()),
        ],
        "host_certificates": [HOST_CERTIFICATE] if access.shows_certificate(fabric, host) else [],
        "totp_users": factors.users(fabric, host, "totp"),
        "security_key_users": factors.users(fabric, host, "security_key"),
    }


def _revoked(fabric: Fabric) -> Iterator[str]:
    """Yield the names that certificates of people who left bear, whichever login server they were made for."""
    for account in fabric.accounts.values():
        if account.state == "absent":
            yield from (f"{account.name}@{server.name}" for server in access.login_servers(fabric))


def _sources(fabric: Fabric, persona: Persona, host: Host, every: list[Path]) -> list[str]:
    return [str(a) for a in access.sources(access.declared_logins(fabric, persona, host, every))]


def _jump_targets(host: Host, every: list[Path]) -> list[str]:
    """Return where operators may jump to from here, as in PermitOpen: ``192.0.2.1:22``, ``[2001:db8::1]:22``."""
    targets = {p.destination for p in every if p.origin == host.name and p.flow.service == SSH and OPERATORS in p.flow.users}
    return [f"[{a}]:22" if ":" in a else f"{a}:22" for a in _texts(targets)]


def _login_server(fabric: Fabric, host: Host, every: list[Path]) -> View:
    onward = {
        p.target: p
        for p in every
        if p.origin == host.name and p.flow.service == SSH and ACCOUNTS in p.flow.users and p.family == "ipv4"
    }
    return {
        "enforce": host.enforce,
        "accounts": [{"name": a.name} for a in access.accounts_on(fabric, host)],
        "targets": [
            {
                "name": name,
                "accounts": sorted(a.name for a in access.accounts_on(fabric, fabric.hosts[name])),
            }
            for name in sorted(onward)
            if name in fabric.hosts
        ],
        "more_known_hosts": [HOST_AUTHORITIES] if access.shows_certificate(fabric, host) else [],
    }


def _host_certificate(fabric: Fabric, host: Host, every: list[Path]) -> View:
    """Return by which names and addresses a host is reached, who certifies that, and whom it reaches itself by ssh."""
    reached = {p.destination for p in every if p.target == host.name and p.flow.service == SSH}
    onward: dict[str, set[Address]] = {}
    for path in every:
        target = fabric.hosts.get(path.target)
        if path.origin == host.name and path.flow.service == SSH and target and access.shows_certificate(fabric, target):
            onward.setdefault(path.target, set()).add(path.destination)
    return {
        "principals": [host.name, *_texts(reached)],
        "signers": [signer.name for signer in access.signers(fabric)],
        "days": fabric.identity.host_certificate_days if fabric.identity else 0,
        "known": [name for target in sorted(onward) for name in (target, *_texts(onward[target]))],
    }


def _onward_certificates(fabric: Fabric, host: Host, every: list[Path]) -> View:
    """Return whom a login server asks for certificates, for which accounts, and where these may then go."""
    asked = [p for p in every if p.origin == host.name and p.flow.service == access.SIGN]
    onward = [p for p in every if p.origin == host.name and _for_certificates(fabric, p)]
    return {
        "accounts": [a.name for a in access.accounts_on(fabric, host)],
        "signers": [
            {
                "name": name,
                "addresses": _texts({p.destination for p in asked if p.target == name}),
                "port": fabric.services[access.SIGN].port,
            }
            for name in dict.fromkeys(p.target for p in asked)
        ],
        "targets": [
            {"name": name, "addresses": _texts({p.destination for p in onward if p.target == name})}
            for name in sorted({p.target for p in onward})
        ],
    }


def _for_certificates(fabric: Fabric, path: Path) -> bool:
    """Return whether accounts show a certificate where a path leads."""
    target = fabric.hosts.get(path.target)
    login = path.flow.service == SSH and ACCOUNTS in path.flow.users
    return login and target is not None and access.takes_certificates(fabric, target)


def _certificate_authority(fabric: Fabric, host: Host, every: list[Path]) -> View:
    """Return for which login servers a signer signs: who may ask from where, for whom, and from where it is then good."""
    asked = [p for p in every if p.target == host.name and p.flow.service == access.SIGN]
    return {
        "port": fabric.services[access.SIGN].port,
        "minutes": fabric.identity.certificate_minutes if fabric.identity else 0,
        "clients": [
            {
                "name": server.name,
                "asks_from": _texts({p.source for p in asked if p.origin == server.name}),
                "accounts": [a.name for a in access.accounts_on(fabric, server)],
                "sources": _texts(_certificate_sources(fabric, server)),
            }
            for server in access.login_servers(fabric)
        ],
    }


def _certificate_sources(fabric: Fabric, server: Host) -> set[Address]:
    """Return the addresses by which accounts go on from a login server."""
    flows = fabric.flows_from(server, SSH)
    return {p.source for f in flows for p in paths(fabric, f) if p.origin == server.name and _for_certificates(fabric, p)}


def _data_server(fabric: Fabric, host: Host, every: list[Path]) -> View:
    service = fabric.services[access.DATA]
    return {
        "enforce": host.enforce,
        "port": service.port,
        "longest_job_hours": max((p.longest_job_hours for p in fabric.compute_platforms.values()), default=0),
        "accounts": [
            {
                "name": a.name,
                "uid": a.uid,
                "sources": [
                    str(s) for s in access.sources(access.declared_data(fabric, Persona("account", a.name), host, every))
                ],
                "onward": True,
            }
            for a in access.data_accounts_on(fabric, host)
        ],
    }


def _log_server(fabric: Fabric, host: Host, every: list[Path]) -> View:
    return {
        "port": fabric.services[logs.JOURNAL].port,
        "senders": list(logs.senders(host, every)),
        "break_glass": [o.name for o in access.sealed_operators(fabric)],
    }


def _texts(addresses: Iterable[Address]) -> list[str]:
    return [str(a) for a in sorted(addresses, key=lambda a: (a.version, int(a)))]
