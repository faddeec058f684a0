"""Who has which key in a twin: machines, operators, accounts, local users."""

from __future__ import annotations

from functools import cached_property

from module_utils.fabric.model import Fabric
from twin.bootstrap import Access
from twin.definitions import bases
from twin.errors import TwinError
from twin.images import ImageStore
from twin.keys import KeyPair, KeyStore
from twin.overlay import Persona
from twin.paths import Paths
from twin.plan import OPERATOR_HOSTS


class People:
    """The keys of one twin, looked up by what they are for."""

    def __init__(self, paths: Paths, fabric: Fabric, store: ImageStore) -> None:
        self.fabric = fabric
        self.keys = KeyStore(paths.keys)
        self.store = store

    def host_key(self, node: str) -> KeyPair:
        """The ssh host key of a machine."""
        return self.keys.pair(f"host-{node}")

    def host_keys(self) -> dict[str, str]:
        """Public host keys by machine; the operators' own host runs no sshd."""
        elsewhere = {host.name for host in self.fabric.members(OPERATOR_HOSTS)}
        names = [name for name in (*self.fabric.hosts, *self.fabric.switches) if name not in elsewhere]
        return {name: self.host_key(name).public for name in names}

    @cached_property
    def personas(self) -> tuple[Persona, ...]:
        """Everybody who may try to log in."""
        hosts = self.fabric.hosts.values()
        initial = sorted({host.initial_user for host in hosts if host.initial_user})
        local = sorted({name for host in hosts for name in host.local_users})
        return (
            *(self._persona(name, "operator") for name in self.fabric.operators),
            *(self._persona(name, "account") for name in self.fabric.accounts),
            *(self._persona(name, "local_user") for name in local),
            *(self._persona(name, "initial_user", with_password=True) for name in initial),
        )

    def _persona(self, name: str, kind: str, *, with_password: bool = False) -> Persona:
        pair = self.keys.pair(f"{kind}-{name}")
        password = self.keys.password(f"{kind}-{name}") if with_password else ""
        return Persona(name, kind, str(pair.path), pair.public.strip(), password)

    @property
    def operator(self) -> Persona:
        """The operator whom Ansible logs in as: the first one present who is no sealed credential."""
        for person in self.fabric.operators.values():
            if person.state == "present" and not person.break_glass:
                return self._persona(person.name, "operator")
        raise TwinError("fabric_operators names nobody who is present; Ansible needs one to log in as")

    @cached_property
    def access(self) -> Access:
        """What the nodes need to know of people."""
        by_kind: dict[str, dict[str, str]] = {"operator": {}, "local_user": {}, "initial_user": {}, "account": {}}
        for persona in self.personas:
            by_kind[persona.kind][persona.name] = f"{persona.public_key}\n"
        root = next(path for base in bases().values() if (path := self.store.base_path(base)).exists())
        hashes = {name: self.keys.password_hash(f"initial_user-{name}", root) for name in by_kind["initial_user"]}
        return Access(by_kind["operator"], by_kind["local_user"], by_kind["initial_user"], hashes)
