"""The declaration in the proof's shape: paths by the hosts they touch, and who may log in by each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..fabric import access
from ..fabric.access import DATA, SIGN, SIGNING_USER
from ..fabric.model import ACCOUNTS, OPERATORS, Fabric, Host
from ..fabric.paths import SSH, Path, all_paths

Users = frozenset[str]


@dataclass(frozen=True, slots=True)
class Way:
    """A declared path for logins, and the users it is for."""

    path: Path
    users: Users


class Declaration:
    """All declared paths of a fabric, indexed by the host they end at, begin at, and are routed by."""

    def __init__(self, fabric: Fabric) -> None:
        """Compute every path once."""
        self.fabric = fabric
        self.paths: tuple[Path, ...] = tuple(all_paths(fabric))
        self.to: Mapping[str, list[Path]] = _indexed(self.paths, "target")
        self.by: Mapping[str, list[Path]] = _indexed(self.paths, "origin")
        self.through: Mapping[str, list[Path]] = _indexed(self.paths, "gateway")
        self.operators: Users = frozenset(o.name for o in access.present_operators(fabric))
        self._accounts: dict[frozenset[str], Users] = {}
        self._readers: dict[tuple[frozenset[str], frozenset[str]], Users] = {}
        people = {*fabric.accounts, *fabric.operators, "root", "somebody-else"}
        initial = {h.initial_user for h in fabric.hosts.values() if h.initial_user}
        local = {u for h in fabric.hosts.values() for u in h.local_users}
        self.everybody: tuple[str, ...] = tuple(sorted(people | initial | local))

    def port(self, service: str) -> int:
        """Return the port of a service."""
        return self.fabric.services[service].port

    def logins(self, target: Host) -> Iterator[Way]:
        """Yield the declared ways to log in to a managed host, over ssh, the data service, and a signer's."""
        for path in self.to.get(target.name, ()):
            users = self._users(path, target)
            if users:
                yield Way(path, users)

    def _users(self, path: Path, target: Host) -> Users:
        if path.flow.service == SSH:
            accounts = self._accounts_on(target) if ACCOUNTS in path.flow.users else frozenset()
            return accounts | (self.operators if OPERATORS in path.flow.users else frozenset())
        if path.flow.service == DATA and access.is_data_server(self.fabric, target):
            return self._readers_of(target, self.fabric.hosts.get(path.origin))
        if path.flow.service == SIGN and access.is_signer(self.fabric, target):
            return frozenset({SIGNING_USER})
        return frozenset()

    def _accounts_on(self, target: Host) -> Users:
        if target.groups not in self._accounts:
            self._accounts[target.groups] = frozenset(a.name for a in access.accounts_on(self.fabric, target))
        return self._accounts[target.groups]

    def _readers_of(self, target: Host, origin: Host | None) -> Users:
        if origin is None:
            return frozenset()
        key = (target.groups, origin.groups)
        if key not in self._readers:
            self._readers[key] = frozenset(
                account.name
                for account in access.data_accounts_on(self.fabric, target)
                if access.computes_on(self.fabric, account, origin)
            )
        return self._readers[key]


def _indexed(paths: Iterable[Path], key: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        name = getattr(path, key)
        if name is not None:
            found.setdefault(name, []).append(path)
    return found
