"""Renders what the roles would put on a host, from the host's view, without any host and without Ansible.

It uses the roles' own templates, defaults and pure functions; ``render_host`` says which of them make which file.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.nativetypes import NativeEnvironment

from module_utils.access_control.role_files import (
    authority_lines,
    authorized_keys_files,
    target_notes,
    with_onward_keys,
)
from module_utils.fabric.model import Fabric, Override
from module_utils.fabric.views import View, host_view
from module_utils.identity.sources import client_keys, policy, with_signing_keys
from module_utils.network import declared
from module_utils.people.plan import RECORDED_SHELL, RECORDER_SETTINGS, parse, sudoers
from module_utils.proof.authorities import POLICY, PUBLIC
from module_utils.proof.declared import Declaration
from module_utils.proof.world import Artefacts, planned_switches
from module_utils.sessions.program import settings_text

ROOT = Path(__file__).resolve().parents[1]
ONWARD_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
"""Stands for the key that is made on a login server when the fabric is built: which key it is changes no answer."""
AUTHORITIES = "/etc/ssh/kakehashi-user-authorities"
SIGNING_KEYS = "/etc/ssh/authorized_keys_sign.d/"
SYSTEM_USERS = ("root:x:0:0:root:/root:/bin/bash\n", "root:x:0:\n", "root:*:19000:0:99999:7:::\n")
"""The lines of passwd, group and shadow that a new Debian has for root."""

SYSTEM = 900
"""The first number for system users that roles make."""

OTHERS = 60000
"""The first number for people who log in by an override, and whom role base doesn't make."""

Files = dict[str, str]
_Rendered = TypeVar("_Rendered")


@dataclass(frozen=True, slots=True)
class MadeKeys:
    """Public keys that hosts made for themselves, as far as they are known; others are stood for.

    ``onward`` by account, ``signing`` by login server (by which it asks signers), ``authorities`` by signer.
    """

    onward: Mapping[str, Sequence[str]] | None = None
    signing: Mapping[str, str] | None = None
    authorities: Mapping[str, str] | None = None


class NotRenderedError(ValueError):
    """An override whose value can't be told from here, or that its role can't take."""

    def __init__(self, host: str, overrides: Iterable[Override]) -> None:
        """Name the variables and where they stand."""
        told = ", ".join(f"{o.variable} ({o.place})" for o in overrides)
        super().__init__(f"cannot prove: {host} overrides {told}")


@dataclass(frozen=True, slots=True)
class _Arguments:
    """A host's role arguments: those ``of_fabric`` (its view), and ``overrides`` by their whole name, which win."""

    of_fabric: View
    overrides: Mapping[str, Any] = field(default_factory=dict)


class Renderer:
    """Holds the compiled templates and defaults of the roles below ``root``."""

    def __init__(self, root: Path = ROOT, made: MadeKeys = MadeKeys()) -> None:
        """Name the repository whose roles are rendered, and the keys that hosts made where they are known."""
        self._root = root
        self._made = made
        self._templates: dict[str, Template] = {}
        self._variables: dict[str, dict[str, Any]] = {}

    def knows_keys_in(self, path: str) -> bool:
        """Return whether the keys in a file that hosts made for themselves are the real ones."""
        if path in (AUTHORITIES, PUBLIC):
            return self._made.authorities is not None
        return (self._made.signing if path.startswith(SIGNING_KEYS) else self._made.onward) is not None

    def host(self, view: View, overrides: Iterable[Override] = ()) -> Files:
        """Return the text of every artefact of a managed host by its path, as the roles would write it.

        ``overrides`` stand in for the view's arguments as in a run. Raises ``NotRenderedError`` for one whose value isn't
        known or isn't of the shape that its role takes.
        """
        return self._guarded(self._host, view, [o for o in overrides if decides(o)])

    def services(self, view: View, overrides: Iterable[Override] = ()) -> dict[str, Files]:
        """Return, by role, the text of each file that decides no login and no packet: what ``host`` leaves out.

        Raises ``NotRenderedError`` as ``host`` does.
        """
        return self._guarded(self._services, view, list(overrides))

    def _guarded(self, render: Callable[[_Arguments], _Rendered], view: View, chosen: Sequence[Override]) -> _Rendered:
        unknown = [o for o in chosen if not o.known]
        if unknown:
            raise NotRenderedError(view["name"], unknown)
        try:
            return render(_Arguments(view, {o.variable: o.value for o in chosen}))
        except (AttributeError, LookupError, TypeError, ValueError, TemplateError) as error:
            if chosen:
                raise NotRenderedError(view["name"], chosen) from error
            raise

    def _host(self, view: _Arguments) -> Files:
        files = {**self._network(view), **self._users(view)}
        files["/etc/nftables.conf"] = self._render("packet_filter", "nftables.conf.j2", view)
        files |= self._login_restriction(view)
        if "session_recording" in view.of_fabric:
            files |= self._session_recording(view)
        if "data_server" in view.of_fabric:
            files |= self._data_server(view)
        if "certificate_authority" in view.of_fabric:
            files |= self._certificate_authority(view)
        if "gateway" in view.of_fabric and self._values("packet_filter", view)["packet_filter_enforce"]:
            files["/etc/kakehashi/forwarding.conf"] = self._render("gateway", "forwarding.conf.j2", view)
        return files

    def _network(self, view: _Arguments) -> Files:
        interfaces = self._values("segment_interface", view)["segment_interface_interfaces"]
        found = declared.files(declared.parse(interfaces))
        return {path: text for path, text in found.items() if path.endswith(".network")}

    def _users(self, view: _Arguments) -> Files:
        base, logins = self._values("base", view), self._values("login_restriction", view)
        data = self._values("data_server", view)["data_server_accounts"] if "data_server" in view.of_fabric else ()
        present = [u for u in base["base_users"] if u.get("state", "present") == "present"]
        known = {u["name"] for u in (*present, *data)}
        # Whom only an override lets in may exist already: of a person of whom nothing is known the worst holds.
        others = [u["name"] for u in logins["login_restriction_users"] if u["name"] not in known]
        # Who is locked once the role enforces stays as open as found until then.
        locked = base["base_locked_users"] if base["base_enforce"] else []
        others += [name for name in base["base_locked_users"] if name not in locked]
        return _user_files(present, data, others, locked, self._system_users(view))

    def _system_users(self, view: _Arguments) -> list[tuple[str, str]]:
        if "certificate_authority" not in view.of_fabric:
            return []
        values = self._values("certificate_authority", view)
        return [(values["__certificate_authority_user"], values["__certificate_authority_shell"])]

    def _login_restriction(self, view: _Arguments) -> Files:
        """Return what decides logins; of an observing host the rules that nothing obeys, and its own files stay."""
        role = "login_restriction"
        values = self._values(role, view)
        if not values["login_restriction_enforce"]:
            return {values["login_restriction_observe_file"]: self._render(role, "access.conf.j2", view)}
        users, jump = values["login_restriction_users"], bool(values["login_restriction_jump_targets"])
        return {
            values["login_restriction_access_file"]: self._render(role, "access.conf.j2", view),
            "/etc/pam.d/sshd": self._render(role, "pam_sshd.j2", view),
            "/etc/ssh/sshd_config": self._render(role, "sshd_config.j2", view),
            **_by_path(authorized_keys_files(users, values["login_restriction_keys_directory"], jump=jump)),
            **({values["__login_restriction_alarm"]: self._alarm} if values["login_restriction_break_glass"] else {}),
            **({AUTHORITIES: authority_lines(trusted)} if (trusted := values["login_restriction_authorities"]) else {}),
        }

    def _session_recording(self, view: _Arguments) -> Files:
        """Return what begins sessions and what keeps their recordings."""
        role = "session_recording"
        units = ("kakehashi-sessions.socket", "kakehashi-sessions@.service")
        values = self._values(role, view)
        settings = {
            "shell": values["session_recording_shell"],
            "session_mib": int(values["session_recording_session_mib"]),
            "day_mib": int(values["session_recording_day_mib"]),
            "admitted": values["session_recording_operators"],
        }
        return {
            RECORDER_SETTINGS: settings_text(settings),
            RECORDED_SHELL: self._render(role, "kakehashi-session.j2", view),
            **{f"/etc/systemd/system/{unit}": self._render(role, f"{unit}.j2", view) for unit in units},
        }

    @cached_property
    def _alarm(self) -> str:
        """Return what PAM runs when a sealed credential is used."""
        return (self._root / "roles/login_restriction/files/kakehashi-break-glass").read_text(encoding="utf-8")

    @cached_property
    def _teller(self) -> str:
        """Return what PAM runs at each login to data."""
        return (self._root / "roles/data_server/files/kakehashi-data-sets").read_text(encoding="utf-8")

    def _certificate_authority(self, view: _Arguments) -> Files:
        role = "certificate_authority"
        values = self._values(role, view)
        keys_file = f"{values['__certificate_authority_keys_directory']}/{values['__certificate_authority_user']}"
        return {
            values["__certificate_authority_access_file"]: self._render(role, "access.conf.j2", view),
            "/etc/pam.d/kakehashi-sign-sshd": self._render(role, "pam.j2", view),
            "/etc/ssh/sshd_config_sign": self._render(role, "sshd_config_sign.j2", view),
            values["__certificate_authority_unit"]: self._render(role, "kakehashi-sign-sshd.service.j2", view),
            keys_file: client_keys(values["certificate_authority_clients"]),
            POLICY: policy(values["certificate_authority_clients"], values["certificate_authority_minutes"]),
            PUBLIC: f"{self._authority(view.of_fabric['name'])}\n",
        }

    def _authority(self, signer: str) -> str:
        """Return a signer's public key, or what stands for it."""
        known = self._made.authorities
        return known[signer] if known is not None and signer in known else f"{stand_in(signer)} {signer}"

    def _data_server(self, view: _Arguments) -> Files:
        role = "data_server"
        values = self._values(role, view)
        return {
            values["__data_server_access_file"]: self._render(role, "access.conf.j2", view),
            "/etc/pam.d/kakehashi-data-sshd": self._render(role, "pam.j2", view),
            "/etc/ssh/sshd_config_data": self._render(role, "sshd_config_data.j2", view),
            values["__data_server_teller"]: self._teller,
            values["__data_server_unit"]: self._render(role, "kakehashi-data-sshd.service.j2", view),
            **_by_path(authorized_keys_files(values["data_server_accounts"], values["__data_server_keys_directory"])),
        }

    def _services(self, view: _Arguments) -> dict[str, Files]:
        found = {"base": self._base(view)}
        if "log_forwarding" in view.of_fabric:
            path, role = "/etc/systemd/journal-upload.conf.d/kakehashi.conf", "log_forwarding"
            found[role] = {path: self._render(role, "journal-upload.conf.j2", view)}
        return {**found, "login_server": self._login_server(view)} if "login_server" in view.of_fabric else found

    def _base(self, view: _Arguments) -> Files:
        """Return the files of role base as it writes them when it enforces."""
        role = "base"
        values = self._values(role, view)
        files = {
            "/etc/sudoers.d/kakehashi": sudoers(parse({"users": values["base_users"]})),
            "/etc/hosts": self._render(role, "hosts.j2", view),
            "/etc/systemd/journald.conf.d/kakehashi.conf": self._render(role, "journald.conf.j2", view),
        }
        if values["base_time_servers"]:
            files["/etc/systemd/timesyncd.conf.d/kakehashi.conf"] = self._render(role, "timesyncd.conf.j2", view)
        for source in values["base_package_sources"]:
            path = f"/etc/apt/sources.list.d/{source['name']}.sources"
            files[path] = self._render(role, "package.sources.j2", view, source={"components": (), **source})
        return files

    def _login_server(self, view: _Arguments) -> Files:
        """Return the files of role login_server as it writes them when it enforces; host keys are not known here."""
        role = "login_server"
        values = self._values(role, view)
        scheduling = "\n".join(values["login_server_scheduling_users"]) + "\n"
        return {
            "/etc/ssh/ssh_known_hosts": self._render(role, "ssh_known_hosts.j2", view),
            "/etc/ssh/ssh_config.d/50-kakehashi.conf": self._render(role, "ssh_config.j2", view),
            "/etc/security/limits.d/50-kakehashi.conf": self._render(role, "limits.conf.j2", view),
            "/etc/profile.d/90-kakehashi-targets.sh": self._render(role, "profile.sh.j2", view),
            "/etc/cron.allow": scheduling,
            "/etc/at.allow": scheduling,
            **_by_path(
                target_notes(values["login_server_accounts"], values["login_server_targets"], values["__login_server_notes"])
            ),
        }

    def _render(self, role: str, template: str, view: _Arguments, **more: Any) -> str:
        key = f"{role}/templates/{template}"
        if key not in self._templates:
            self._templates[key] = self._environment.get_template(key)
        return self._templates[key].render(self._values(role, view), **more)

    def _values(self, role: str, view: _Arguments) -> dict[str, Any]:
        """Return a role's variables: its defaults, the view's arguments, the inventory's, and what it makes of them."""
        values = {**self._plain(role), **{f"{role}_{key}": value for key, value in view.of_fabric[role].items()}}
        for people in (f"{role}_users", f"{role}_accounts"):
            if people in values:
                onward = self._made.onward
                values[people] = with_onward_keys(values[people], _OnwardKeys() if onward is None else onward)
        if role == "login_restriction":
            values["login_restriction_authorities"] = [self._authority(s) for s in view.of_fabric[role].get("signers", ())]
        if role == "certificate_authority":
            clients, signing = values["certificate_authority_clients"], self._made.signing
            values["certificate_authority_clients"] = with_signing_keys(
                clients, {c["name"]: stand_in(c["name"]) for c in clients} if signing is None else signing
            )
        values |= {name: value for name, value in view.overrides.items() if name.startswith(f"{role}_")}
        if role == "gateway":
            values["__gateway_settings"] = self._native(role, "__gateway_settings").render(values)
        return values

    def _plain(self, role: str) -> dict[str, Any]:
        if role not in self._variables:
            found: dict[str, Any] = {}
            for file in ("defaults", "vars"):
                path = self._root / "roles" / role / file / "main.yml"
                if path.exists():
                    found |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            self._variables[role] = {k: v for k, v in found.items() if "{{" not in str(v) and "{%" not in str(v)}
        return self._variables[role]

    def _native(self, role: str, name: str) -> Template:
        key = f"{role}:{name}"
        if key not in self._templates:
            text = (self._root / "roles" / role / "vars" / "main.yml").read_text(encoding="utf-8")
            self._templates[key] = NativeEnvironment().from_string(yaml.safe_load(text)[name])
        return self._templates[key]

    @cached_property
    def _environment(self) -> Environment:
        """Return Jinja as Ansible sets it up for templates: blocks eat their line end, a missing name is an error."""
        return Environment(  # noqa: S701 - these are configuration files, nothing in them is HTML
            loader=FileSystemLoader(self._root / "roles"),
            trim_blocks=True,
            keep_trailing_newline=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )


class _OnwardKeys(Mapping[str, list[str]]):
    """Has the one onward key for everybody."""

    def __getitem__(self, name: str) -> list[str]:
        return [f"{ONWARD_KEY} {name}"]

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def stand_in(name: str) -> str:
    """Return what stands for the key that a host makes for itself, another one for each host."""
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", sha256(name.encode()).digest()))
    return f"ssh-ed25519 {b64encode(blob).decode()}"


def render_host(view: View, renderer: Renderer | None = None, overrides: Iterable[Override] = ()) -> Files:
    """Return the text of every artefact of one managed host by its path. Raises ``NotRenderedError``."""
    return (renderer or Renderer()).host(view, overrides)


def render_fabric(fabric: Fabric, root: Path = ROOT, progress: Callable[[str], None] | None = None) -> Artefacts:
    """Return the artefacts of all managed hosts, and the switch ports that the declaration asks for."""
    renderer, declaration = Renderer(root), Declaration(fabric)
    hosts: dict[str, Files] = {}
    refused: dict[str, str] = {}
    for host in fabric.managed_hosts:
        if progress is not None:
            progress(host.name)
        near = {id(p): p for index in (declaration.to, declaration.by, declaration.through) for p in index.get(host.name, ())}
        try:
            hosts[host.name] = renderer.host(host_view(fabric, host, near.values()), host.overrides)
        except NotRenderedError as error:
            refused[host.name] = str(error)
    return Artefacts(hosts, planned_switches(fabric), refused)


def decides(override: Override) -> bool:
    """Return whether an argument decides what is rendered here: of role base only who exists does."""
    if override.variable.startswith(("login_server_", "onward_certificates_", "host_certificate_")):
        return False
    deciding = ("base_users", "base_locked_users", "base_enforce")
    return not override.variable.startswith("base_") or override.variable in deciding


def _by_path(files: Iterable[Mapping[str, str]]) -> Files:
    return {item["path"]: item["content"] for item in files}


def _user_files(
    users: Sequence[View],
    data: Iterable[View],
    others: Iterable[str],
    locked: Iterable[str],
    system: Iterable[tuple[str, str]] = (),
) -> Files:
    """Return passwd, group and shadow as the roles leave them on a new machine: declared users, no passwords."""
    passwd, group, shadow = ([line] for line in SYSTEM_USERS)
    people = [
        (u["name"], u["uid"], f"/home/{u['name']}", RECORDED_SHELL if u.get("recorded") and not u.get("admin") else "/bin/bash")
        for u in users
    ]
    people += [(name, OTHERS + at, f"/home/{name}", "/bin/bash") for at, name in enumerate(others)]
    people += [(a["name"], a["uid"], "/nonexistent", "/usr/sbin/nologin") for a in data]
    people += [(name, SYSTEM + at, "/", shell) for at, (name, shell) in enumerate(system)]
    for name, uid, home, shell in people:
        passwd.append(f"{name}:x:{uid}:{uid}::{home}:{shell}\n")
        group.append(f"{name}:x:{uid}:\n")
        shadow.append(f"{name}:*:19000:0:99999:7:::\n")
    for at, name in enumerate(locked):
        passwd.append(f"{name}:x:{1000 + at}:{1000 + at}::/home/{name}:/usr/sbin/nologin\n")
        group.append(f"{name}:x:{1000 + at}:\n")
        shadow.append(f"{name}:!*:19000:0:99999:7::1:\n")
    return {"/etc/passwd": "".join(passwd), "/etc/group": "".join(group), "/etc/shadow": "".join(shadow)}
