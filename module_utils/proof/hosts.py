"""A managed host as its artefacts describe it: rulesets, servers, users, interfaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address

from ..fabric.factors import Factor
from ..fabric.model import Address, Family
from .accounts import User, parse_users
from .authorities import Authority
from .intervals import FULL, Ranges
from .networkd import KERNEL_SETTINGS, Network, parse_network
from .nft_model import Ruleset
from .nft_parser import parse_ruleset
from .pam_access import AccessFile, admitted, decide, parse_access
from .pam_code import code_needed, code_opens
from .pam_stack import AccessCall, access_call
from .problem import CannotProve
from .sshd import Login, parse_sshd
from .sshd_login import Server, credential_admits, credential_admitted, lacks_factor, rules_admit, rules_admitted

RULESET = "/etc/nftables.conf"
SSHD = "/etc/ssh/sshd_config"
SSHD_MORE = "/etc/ssh/sshd_config_"
"""Beginning of the paths of configurations of further servers, such as the data server's own."""
OBSERVED = "/etc/security/access-observe.conf"
"""The rules that a host only logs by: where it is without ``SSHD``, sshd, PAM and keys are left as they were found."""
USERS = ("/etc/passwd", "/etc/group", "/etc/shadow")
_LOGIN_DIRECTORIES = ("/etc/ssh/", "/etc/pam.d/", "/etc/security/", "/home/", "/root/")
NOWHERE = Ranges()
_NOBODY = 65000
_SOMEWHERE = IPv4Address(0)

Layer = str
SSHD_LAYER, PAM_LAYER, KEYS_LAYER, FILTER_LAYER = "sshd", "PAM", "keys", "packet filter"


@dataclass(frozen=True, slots=True)
class Gate:
    """From where one user may log in to one server in one family, by layer."""

    sshd: Ranges
    pam: Ranges
    keys: Ranges

    @property
    def open_to(self) -> Ranges:
        """Return the addresses that pass all three."""
        return self.sshd & self.pam & self.keys


@dataclass(frozen=True, slots=True)
class LoginFiles:
    """The artefacts that decide logins, apart from the packet filter; equal ones are judged once for all hosts."""

    sshd_path: str
    files: tuple[tuple[str, str], ...]
    users: tuple[User, ...]
    authorities: tuple[Authority, ...] = ()


class Gates:
    """All servers' gates of one ``LoginFiles``: ``ports`` it listens on, and a ``Gate`` per user and family."""

    def __init__(self, artefacts: LoginFiles) -> None:
        """Parse what belongs together. Raises ``CannotProve``."""
        self._files = dict(artefacts.files)
        self._authorities = artefacts.authorities
        self.path = artefacts.sshd_path
        self._config = parse_sshd(self._files[artefacts.sshd_path], artefacts.sshd_path)
        self._program = _program(artefacts.sshd_path, self._files)
        self.ports = tuple(int(port) for port in self._config.global_values("port"))
        self.users = {user.name: user for user in artefacts.users}
        self._calls: dict[str, AccessCall | None] = {}
        self._gates: dict[tuple[str, int, Family], Gate] = {}

    def gate(self, name: str, port: int, family: Family) -> Gate:
        """Return the gate of a user, who needn't exist: sshd's and PAM's own rules are asked all the same."""
        key = (name, port, family)
        if key not in self._gates:
            user, server = self._user(name), self._server(name, port)
            self._gates[key] = Gate(
                rules_admitted(server, user, family),
                NOWHERE if user.expired else self._pam(user, port, family),
                credential_admitted(server, user, family) if name in self.users else NOWHERE,
            )
        return self._gates[key]

    def reason(self, layer: Layer, name: str, port: int, address: Address) -> str:
        """Return the line (or the lack of one) by which a layer decides about a user from an address."""
        user, server = self._user(name), self._server(name, port)
        if layer == SSHD_LAYER:
            return rules_admit(server, user, address).reason
        if layer == KEYS_LAYER:
            return credential_admits(server, user, address).reason
        rules = self._access(user, port)
        if isinstance(rules, str):
            return rules
        return decide(rules[0], user, address, rules[1]).reason if rules else "pam_access's file is missing"

    def setting(self, name: str, port: int, address: Address, keyword: str) -> tuple[str, ...]:
        """Return a setting in force for a user from an address, in small letters."""
        user = self._user(name)
        value = self._config.value(keyword, Login(user.name, user.groups, address, port))
        return tuple(argument.lower() for argument in value.arguments)

    def lacks_factor(self, name: str, port: int, family: Family, wanted: Factor) -> str:
        """Return by what a user gets in with less than ``wanted`` beside the key, or nothing."""
        user = self._user(name)
        needed = wanted == "totp" and code_needed(self._service(user, port), self._files)
        return lacks_factor(self._server(name, port), user, family, wanted, needed=needed)

    def _server(self, name: str, port: int) -> Server:
        """Return the server as one user meets it."""
        user, code = self._user(name), False
        login = Login(user.name, user.groups, _SOMEWHERE, port)
        if self._config.is_on("usepam", login) and self._config.is_on("kbdinteractiveauthentication", login):
            code = code_opens(self._service(user, port), self._files)
        return Server(self._config, self._files, port, self._authorities, code)

    def _service(self, user: User, port: int) -> str:
        """Return the name by which PAM knows this sshd."""
        named = self._config.value("pamservicename", Login(user.name, user.groups, _SOMEWHERE, port))
        return named.arguments[0] if named.lines else self._program

    def _user(self, name: str) -> User:
        stranger = User(name, 0 if name == "root" else _NOBODY, frozenset(), f"/home/{name}", "/bin/sh")
        return self.users.get(name) or stranger

    def _pam(self, user: User, port: int, family: Family) -> Ranges:
        rules = self._access(user, port)
        if isinstance(rules, str):
            return FULL[family]
        return admitted(rules[0], user, family, rules[1]) if rules else NOWHERE

    def _access(self, user: User, port: int) -> tuple[AccessFile, bool] | str | None:
        """Return the rules that pam_access asks (and whether plain names are groups too), why it isn't asked, or none."""
        anyone = Login(user.name, user.groups, _SOMEWHERE, port)
        if not self._config.is_on("usepam", anyone):
            return f"{self.path}: UsePAM isn't yes, so PAM isn't asked"
        service = self._service(user, port)
        if service not in self._calls:
            self._calls[service] = access_call(service, self._files)
        call = self._calls[service]
        if call is None:
            return f"/etc/pam.d/{service}: the account phase doesn't rest on pam_access"
        text = self._files.get(call.file)
        if text is None:
            return None if call.explicit else f"{call.file} is missing, and pam_access then lets pass"
        if not call.explicit and any(path.startswith("/etc/security/access.d/") for path in self._files):
            raise CannotProve(call.line.where, call.line.number, call.line.text, "access.d is read too; name one accessfile")
        return parse_access(text, call.file), call.groups_by_plain_name


@dataclass(frozen=True, slots=True)
class HostModel:
    """A managed host's parsed artefacts. ``servers`` are its sshd's, each with all its gates.

    Who may log in is ``unjudged`` where the artefacts leave sshd as it was.
    """

    name: str
    network: Network
    ruleset: Ruleset
    servers: tuple[Gates, ...]
    unjudged: bool = False


def read_host(name: str, files: Mapping[str, str], authorities: tuple[Authority, ...] = ()) -> HostModel:
    """Return the model of a host from its files by path, where ``authorities`` are known. Raises ``CannotProve``."""
    observes = SSHD not in files and OBSERVED in files
    for path in (RULESET, *USERS) if observes else (RULESET, SSHD, *USERS):
        if path not in files:
            raise CannotProve(path, 0, name, "the file is missing from the artefacts")
    network = {p: t for p, t in files.items() if p.endswith(".network") or p.startswith(KERNEL_SETTINGS)}
    users = _users(*(files[path] for path in USERS))
    logins = tuple(sorted((p, t) for p, t in files.items() if _decides_logins(p, t)))
    servers = [p for p in sorted(files) if p == SSHD or p.startswith(SSHD_MORE)]
    return HostModel(
        name,
        parse_network(network),
        parse_ruleset(files[RULESET], RULESET),
        tuple(gates(LoginFiles(path, logins, users, authorities)) for path in servers),
        observes,
    )


@lru_cache(maxsize=4096)
def gates(artefacts: LoginFiles) -> Gates:
    """Return the gates of a set of files, one object for all hosts that have the same."""
    return Gates(artefacts)


@lru_cache(maxsize=4096)
def _users(passwd: str, group: str, shadow: str) -> tuple[User, ...]:
    return parse_users(passwd, group, shadow)


def _program(config: str, files: Mapping[str, str]) -> str:
    """Return the name by which a unit starts the sshd of a configuration: its PAM service, unless it is set."""
    for path, text in files.items():
        if path.startswith("/etc/systemd/system/"):
            started = re.search(rf"^ExecStart=(\S+) .*{re.escape(config)}$", text, re.MULTILINE)
            if started:
                return started[1].rpartition("/")[2]
    return "sshd"


def _decides_logins(path: str, text: str) -> bool:
    if path.startswith("/etc/systemd/system/"):
        return "sshd_config" in text
    return path.startswith(_LOGIN_DIRECTORIES)
