"""What turns an inventory into its twin's: ways in, keys and known hosts. Pure texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from module_utils.fabric.model import Fabric, Host, Switch
from module_utils.fabric.ssh_client import hosts_config
from twin.bootstrap import known_addresses
from twin.plan import OPERATOR_HOSTS


@dataclass(frozen=True)
class Persona:
    """Somebody who may try to log in. ``kind``: operator, account, local_user or initial_user; ``key``: private key file."""

    name: str
    kind: str
    key: str
    public_key: str
    password: str = ""


@dataclass(frozen=True)
class SshFiles:
    """Paths that the ssh settings name."""

    directory: Path
    sockets: Path

    @property
    def config(self) -> Path:
        """The operators' settings."""
        return self.directory / "config"

    @property
    def fresh_config(self) -> Path:
        """The same without shared connections, for proofs that need a fresh login."""
        return self.directory / "config-fresh"

    @property
    def known_hosts(self) -> Path:
        """Host keys of all machines."""
        return self.directory / "known_hosts"


def known_hosts(fabric: Fabric, host_keys: Mapping[str, str]) -> str:
    """The known_hosts file of the whole twin: each machine by its name and by all its addresses."""
    lines = []
    machines: list[Host | Switch] = [*fabric.hosts.values(), *fabric.switches.values()]
    for machine in machines:
        if machine.name in host_keys:
            names = ",".join((machine.name, *known_addresses(machine)))
            lines.append(f"{names} {' '.join(host_keys[machine.name].split()[:2])}")
    return "".join(f"{line}\n" for line in lines)


def ssh_config(fabric: Fabric, files: SshFiles, operator: Persona, *, shared: bool) -> str:
    """The operators' ssh settings: each machine by its name, through the hops that lead there.

    `shared`: hops keep one connection for all that goes through them, so that a play costs each hop one login only.
    """
    sharing = ["    ControlMaster auto", f"    ControlPath {files.sockets}/hop-%C", "    ControlPersist 10m"]
    lines = list(hosts_config(fabric, lambda _hop: sharing if shared else []))
    lines += [
        "Host *",
        f"    User {operator.name}",
        f"    IdentityFile {operator.key}",
        "    IdentitiesOnly yes",
        "    PreferredAuthentications publickey",
        f"    UserKnownHostsFile {files.known_hosts}",
        "    GlobalKnownHostsFile none",
        "    StrictHostKeyChecking yes",
        "    UpdateHostKeys no",
        "    ConnectTimeout 15",
        # What passes here is nobody's secret, and OpenSSH's own first choice costs each client 0.1 s of CPU time.
        "    KexAlgorithms ^curve25519-sha256",
    ]
    return "".join(f"{line}\n" for line in lines)


def inventory(twin: str, fabric: Fabric, files: SshFiles, operator: Persona, personas: Sequence[Persona]) -> str:
    """The overlay inventory, a second source (``-i``) after the one the twin was built from."""
    variables: dict[str, Any] = {
        "ansible_user": operator.name,
        "ansible_ssh_private_key_file": operator.key,
        "ansible_ssh_common_args": f"-F {files.config}",
        "ansible_control_path_dir": str(files.sockets),
        "ansible_python_interpreter": "/usr/bin/python3",
        "twin_name": twin,
        "twin_ssh_config": str(files.config),
        "twin_ssh_config_fresh": str(files.fresh_config),
        "twin_known_hosts": str(files.known_hosts),
        "twin_personas": [asdict(persona) for persona in personas],
        "fabric_key_overrides": [
            {"name": persona.name, "keys": [persona.public_key]}
            for persona in personas
            if persona.kind in ("account", "operator")
        ],
    }
    machines: dict[str, dict[str, str] | None] = dict.fromkeys((*fabric.hosts, *fabric.switches))
    for host in fabric.members(OPERATOR_HOSTS):
        machines[host.name] = {"ansible_connection": "local"}
    # Names read by Ansible are strings of a kind of its own, which YAML would not write as plain ones.
    plain = json.loads(json.dumps({"all": {"vars": variables, "hosts": machines}}))
    return "# Written by `python -m twin up`.\n" + yaml.safe_dump(plain, sort_keys=False)
