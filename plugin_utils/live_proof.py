"""Drift on hosts: the proof over what was found there, and the texts of what was found against what the roles write."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from hashlib import sha256
from typing import Any

from module_utils.access_control.role_files import data_set_mounts
from module_utils.adoption.people import sudo_findings, users
from module_utils.fabric.access import login_servers, signers
from module_utils.fabric.model import Fabric
from module_utils.fabric.views import HOST_AUTHORITIES, host_view, host_views
from module_utils.identity.host_certificates import Needed, lines_of_each
from module_utils.identity.host_pairs import SECOND
from module_utils.matrix.drift import (
    NETWORK,
    PACKET_FILTER,
    SSHD,
    SUDO,
    Drift,
    certificate_drift,
    files_drift,
    layer_of,
    modes_drift,
    options_drift,
    revocations_drift,
    ruleset_drift,
)
from module_utils.matrix.effective import (
    DATA_CONFIG,
    DEFAULTS,
    HOST_AUTHORITY,
    HOST_CERTIFICATE,
    OTHER_HOST_AUTHORITY,
    PACKAGE_UNITS,
    REVOKED,
    RULESET,
    SIGN_CONFIG,
    SIGNING_PUBLIC,
    UNITS,
)
from module_utils.matrix.strangers import (
    acl_drift,
    altered_drift,
    keeper_drift,
    listeners_drift,
    members_drift,
    mounts_drift,
    numbers_drift,
    privileged_drift,
    programs_drift,
    session_shell_drift,
    shells_drift,
)
from module_utils.people.plan import RECORDED_SHELL, RECORDER
from module_utils.proof.authorities import POLICY, PUBLIC, blob, trusted
from module_utils.proof.findings import WORDS, Finding
from module_utils.proof.hosts import SSHD as SSHD_CONFIG
from module_utils.proof.layer2 import Port
from module_utils.proof.prove import prove
from module_utils.proof.world import Artefacts
from module_utils.sessions.program import build

from .render import AUTHORITIES, MadeKeys, NotRenderedError, Renderer, render_host

EXCLUSIVE = ("/etc/ssh/sshd_config.d/", "/etc/ssh/sshd_config_", "/etc/ssh/authorized_keys", "/etc/security/access.d/")
"""Where only files of ours may lie."""
_ONWARD_PUBLIC = re.compile(r"/etc/kakehashi/onward/([^/]+)/id_ed25519\.pub")
_GENERATED = ("/etc/passwd", "/etc/group", "/etc/shadow")
_VERSION_BOUND = re.compile(r"^(PerSourcePenaltyExemptList|PAMServiceName) .*$", re.MULTILINE)
_SECOND_KEY = re.compile(rf"^(HostKey|HostCertificate) {SECOND}/ssh_host_ed25519_key(-cert\.pub)?$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_KEY = re.compile(r"\b((?:ssh-|sk-|ecdsa-)\S+ \S+).*$", re.MULTILINE)
_NODNS = re.compile(r" nodns\b")


def host_drift(fabric: Fabric, effective: Mapping[str, Any], ports: Mapping[str, Mapping[str, Port]]) -> Iterator[Drift]:
    """Yield all drift of managed hosts: running ruleset, files, and what the proof finds over both."""
    made = MadeKeys(onward_keys(fabric, effective), signing_keys(fabric, effective), authorities(fabric, effective))
    views, renderer = host_views(fabric), Renderer(made=made)
    certify = host_authorities(fabric, effective)
    for name, settings in effective.items():
        if not fabric.hosts[name].enforce:
            continue
        yield from ruleset_drift(name, settings["ruleset"], settings["ruleset_of_file"])
        try:
            files = render_host(views[name], renderer, fabric.hosts[name].overrides)
        except NotRenderedError as error:
            yield Drift(name, SSHD, "files", str(error))
            continue
        wanted = {p: comparable(p, t, renderer.knows_keys_in(p)) for p, t in files.items() if p not in _GENERATED}
        exclusive = (*EXCLUSIVE, *(p for p in settings["files"] if any(fnmatch(p, unit) for unit in (*UNITS, *PACKAGE_UNITS))))
        seen = {
            p: comparable(p, t, renderer.knows_keys_in(p))
            for p, t in settings["files"].items()
            if p in wanted or p.startswith(exclusive)
        }
        yield from files_drift(name, wanted, seen, exclusive)
        yield from options_drift(name, settings["daemons"], settings["files"].get(DEFAULTS, ""), wanted)
        yield from modes_drift(name, settings["owned"], groups(settings["files"].get("/etc/group", "")))
        yield from sudo_drift(name, settings["files"], views[name])
        yield from daemons_drift(name, settings)
        if "session_recording" in views[name] and "programs" in settings:
            yield from programs_drift(name, {RECORDER: sha256(build()).hexdigest()}, settings["programs"])
            yield from session_shell_drift(name, settings["programs"], settings["owned"])
            yield from keeper_drift(name, settings["socket_units"])
        arguments: dict[str, Any] = {o.variable: o.value for o in fabric.hosts[name].overrides if o.known}
        if f"RevokedKeys {REVOKED}" in wanted.get(SSHD_CONFIG, "") and "revoked" in settings:
            revoked = arguments.get("login_restriction_revoked", views[name]["login_restriction"]["revoked"])
            yield from revocations_drift(name, revoked, settings["revoked"])
        # Without all signers it isn't known whose certificates are good.
        if certify is not None:
            yield from known_by_drift(name, settings, views[name], arguments, certify)
        try:
            yield from strangers_drift(name, settings, views[name], arguments)
        except (AttributeError, LookupError, TypeError, ValueError):
            yield Drift(
                name, NETWORK, ", ".join(arguments), "is not of the shape that its role takes, so not all could be judged"
            )
    yield from proof_drift(fabric, effective, ports)


def known_by_drift(
    host: str,
    settings: Mapping[str, Any],
    view: Mapping[str, Any],
    overrides: Mapping[str, Any],
    authorities: Sequence[Sequence[str]],
) -> Iterator[Drift]:
    """Yield how the certificate that a host shows, and whose it believes as a login server, differ from what is declared.

    ``authorities`` are the keys of each signer, the one in use first. A second one, which it has while its key is replaced, may
    be believed and may have certified the host.
    """
    wanted = {**{f"host_certificate_{name}": value for name, value in view.get("host_certificate", {}).items()}, **overrides}
    files = {path: text for path, text in settings["files"].items() if path == HOST_AUTHORITIES}
    believed = "login_server" in view and "host_certificate" in view
    there = files.get(HOST_AUTHORITIES, "")
    keys = [[each[0], *(key for key in each[1:] if blob(key) in there)] for each in authorities]
    lines = {HOST_AUTHORITIES: lines_of_each(keys, wanted["host_certificate_known"])} if believed else {}
    yield from files_drift(host, lines, files, (HOST_AUTHORITIES,))
    shown = [key for key in settings.get("host_keys", ()) if key.startswith("ssh-ed25519 ")]
    if "host_certificate" in view and shown:
        principals, days = wanted["host_certificate_principals"], wanted["host_certificate_days"]
        needed = Needed(shown[0], tuple(principals), tuple(key for each in authorities for key in each), int(days))
        yield from certificate_drift(host, settings["files"].get(HOST_CERTIFICATE, ""), needed, time.time())


def onward_keys(fabric: Fabric, effective: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """Return the public halves of the onward keys by account, as found; ``None`` where a login server was not read."""
    servers = [host.name for host in login_servers(fabric)]
    if not all(name in effective for name in servers):
        return None
    keys: dict[str, list[str]] = {}
    for name in servers:
        for path, text in effective[name]["files"].items():
            if match := _ONWARD_PUBLIC.fullmatch(path):
                keys.setdefault(match[1], []).append(text.strip())
    return keys


def signing_keys(fabric: Fabric, effective: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the public keys by which login servers ask signers, as found; ``None`` where one was not read."""
    return _public_keys([host.name for host in login_servers(fabric)], effective, SIGNING_PUBLIC)


def authorities(fabric: Fabric, effective: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the signers' public keys, as found; ``None`` where one was not read."""
    return _public_keys([host.name for host in signers(fabric)], effective, PUBLIC)


def host_authorities(fabric: Fabric, effective: Mapping[str, Any]) -> list[list[str]] | None:
    """Return the public keys by which each signer certifies hosts, as found, the one in use first; two while it is replaced.

    ``None`` where a signer was not read.
    """
    names = [host.name for host in signers(fabric)]
    current = _public_keys(names, effective, f"{HOST_AUTHORITY}.pub")
    if current is None:
        return None
    beside = _public_keys_read(names, effective, f"{OTHER_HOST_AUTHORITY}.pub")
    return [[key, *([beside[name]] if name in beside else [])] for name, key in current.items()]


def _public_keys(hosts: Sequence[str], effective: Mapping[str, Any], path: str) -> dict[str, str] | None:
    return _public_keys_read(hosts, effective, path) if all(name in effective for name in hosts) else None


def _public_keys_read(hosts: Sequence[str], effective: Mapping[str, Any], path: str) -> dict[str, str]:
    found = ((name, effective[name]["files"].get(path, "").strip()) for name in hosts if name in effective)
    return {name: text for name, text in found if text}


def groups(text: str) -> dict[str, int]:
    """Return the number of each group of group(5)."""
    fields = (line.split(":") for line in text.splitlines())
    return {name: int(number) for name, _password, number, *_members in fields if number.isdigit()}


def sudo_drift(host: str, files: Mapping[str, str], view: Mapping[str, Any]) -> Iterator[Drift]:
    """Yield who may become root on a host and is no operator."""
    sudoers = {path: text for path, text in files.items() if path.startswith("/etc/sudoers")}
    found = users(files.get("/etc/passwd", ""), {})
    for finding in sudo_findings(sudoers, files.get("/etc/group", ""), view, found):
        yield Drift(host, SUDO, finding.subject, "may become root and is no declared operator")
    for user in found:
        if user.uid == 0 and user.name != "root":
            yield Drift(host, SUDO, f"/etc/passwd: {user.name}", "is root under another name (uid 0)")


def daemons_drift(host: str, settings: Mapping[str, Any]) -> Iterator[Drift]:
    """Yield where what runs, or will run after a restart, isn't what the files on the disk say."""
    if settings.get("sshd_stale"):
        yield Drift(
            host, SSHD, "/etc/ssh/sshd_config", "was changed after sshd read it, so other rules may be in force: reload sshd"
        )
    if settings.get("certificate_stale"):
        yield Drift(host, SSHD, HOST_CERTIFICATE, "was changed after sshd read it, so another one may be shown: reload sshd")
    if settings.get("data_sshd_stale"):
        words = "was changed after the data service read it, so other rules may be in force: reload kakehashi-data-sshd"
        yield Drift(host, SSHD, DATA_CONFIG, words)
    if settings.get("sign_sshd_stale"):
        words = "was changed after the signer read it, so other rules may be in force: reload kakehashi-sign-sshd"
        yield Drift(host, SSHD, SIGN_CONFIG, words)
    state = settings.get("filter_at_boot", "enabled")
    if state != "enabled":
        yield Drift(
            host, PACKET_FILTER, "nftables.service", f"is {state or 'not there'}: after a restart there is no packet filter"
        )


def strangers_drift(
    host: str, settings: Mapping[str, Any], view: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Iterator[Drift]:
    """Yield who and what is on a host beside what is declared there; ``overrides`` are role arguments by whole name."""
    passwd, group = (settings["files"].get(path, "") for path in ("/etc/passwd", "/etc/group"))
    people = [u for u in overrides.get("base_users", view["base"]["users"]) if u.get("state", "present") == "present"]
    data = view.get("data_server")
    accounts = overrides.get("data_server_accounts", data["accounts"]) if data else []
    numbers = {person["name"]: person["uid"] for person in (*people, *accounts)}
    yield from members_drift(host, group, passwd, numbers)
    yield from numbers_drift(host, passwd, numbers)
    yield from shells_drift(host, passwd, {p["name"] for p in people if p.get("recorded") and not p["admin"]})
    yield from acl_drift(host, settings.get("acls", ()))
    yield from privileged_drift(host, settings.get("privileged", {}))
    yield from altered_drift(host, settings.get("altered", ()))
    rules = overrides.get("packet_filter_input", view["packet_filter"]["input"])
    declared = {rule["port"] for rule in rules if rule["protocol"] == "tcp"}
    sign = view.get("certificate_authority")
    logins = {22} | ({overrides.get("data_server_port", data["port"])} if data else set())
    logins |= {overrides.get("certificate_authority_port", sign["port"])} if sign else set()
    yield from listeners_drift(host, settings.get("listening", ()), settings.get("socket_units", ""), declared, logins)
    if data:
        root = overrides.get("data_server_root", "/srv/kakehashi")
        mounts = data_set_mounts(overrides.get("data_server_data_sets", ()), root)
        yield from mounts_drift(host, settings.get("mounts", ""), root, {mount["target"] for mount in mounts})


def proof_drift(fabric: Fabric, effective: Mapping[str, Any], ports: Mapping[str, Mapping[str, Port]]) -> Iterator[Drift]:
    """Yield what the static proof finds over the files and the running rulesets of the hosts that were read."""
    hosts = {name: artefact_files(settings) for name, settings in effective.items()}
    artefacts = Artefacts({**_signers_not_read(fabric, effective), **hosts}, ports)
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in prove(fabric, artefacts).findings:
        host = fabric.hosts.get(finding.host)
        if finding.kind == "cannot_prove" and finding.host not in effective:
            continue  # the host wasn't read: it has a row of its own
        if host is None or host.enforce:
            alike.setdefault((finding.host, finding.layer, finding.kind, finding.reason), []).append(finding)
    yield from (_as_drift(found) for found in alike.values())


def _signers_not_read(fabric: Fabric, effective: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the files that matter of signers that weren't read, which have a row of their own: they count as declared.

    Which key is theirs isn't known then: as many keys that hosts trust are taken for theirs as there are such signers.
    """
    unread = [signer for signer in signers(fabric) if signer.name not in effective]
    known = {blob(key) for key in _public_keys_read([s.name for s in signers(fabric)], effective, PUBLIC).values()}
    texts = (settings["files"].get(AUTHORITIES, "") for settings in effective.values())
    strange = dict.fromkeys(key for text in texts for _number, key in trusted(text) if key not in known)
    renderer = Renderer()
    return {
        signer.name: {POLICY: renderer.host(host_view(fabric, signer), signer.overrides)[POLICY], PUBLIC: f"{key}\n"}
        for signer, key in zip(unread, strange, strict=False)
    }


def artefact_files(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return a host's files as the proof reads them, with the ruleset that runs in the place of its file."""
    return {**settings["files"], "/etc/shadow": settings["shadow"], RULESET: settings["ruleset"]}


def comparable(path: str, text: str, known: bool = True) -> str:
    """Return a file's text with empty lines for comments, for what the version of sshd brings, and for a second host key.

    Keys stand without their comments; where the onward keys aren't ``known``, one key is like another.
    """
    if path == RECORDED_SHELL:
        return text  # its first line is no comment
    if "authorized_keys" in path or path in (AUTHORITIES, PUBLIC):
        return _KEY.sub(r"\1" if known else "key", text)
    # A host shows two keys for a week while one is replaced: no difference, and none that may hide another one.
    return _NODNS.sub("", _SECOND_KEY.sub("", _VERSION_BOUND.sub("", _COMMENT.sub("", text))))


def _as_drift(alike: list[Finding]) -> Drift:
    """Return one row for findings with the same cause: its line, and what it opens, the first of it in full."""
    finding = alike[0]
    layer = finding.layer or layer_of(finding.reason.partition(":")[0])
    place = "the layer is missing" if finding.kind == "missing_layer" else WORDS[finding.kind]
    parts = [f"as {', '.join(finding.users[:4])}"] if finding.users else []
    parts += [f"from {finding.origin}"] if finding.origin else []
    parts += [f"by {finding.service}"] if finding.service else []
    parts += [f"and {len(alike) - 1} more"] if len(alike) > 1 else []
    return Drift(finding.host, layer, place, f"{finding.reason}{' (' + ' '.join(parts) + ')' if parts else ''}")
