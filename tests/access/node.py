"""A node of a running twin, reached as operators reach it. Needs `python -m twin --name <name> up` and a converged node.

The name of the twin is in the environment variable KAKEHASHI_MOLECULE_TWIN, its state below KAKEHASHI_STATE. Commands
run in the operators' place, the namespace from which nothing but the twin can be reached.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

TWIN = os.environ.get("KAKEHASHI_MOLECULE_TWIN", "molecule")
STATE = Path(os.environ.get("KAKEHASHI_STATE", "/var/lib/kakehashi")) / TWIN
QUICK = "^curve25519-sha256"  # a key exchange that costs a client a tenth of the CPU time of its own first choice
PATIENCE = 120  # seconds that a command may take on a machine that is busy with other tests


def have_read(service: str, pid_file: str) -> str:
    """Return a shell command that has an sshd read its configuration, and ends once it has.

    systemd only sends the signal; until sshd has acted on it, logins go by the rules of before.
    """
    mark = f"{pid_file}.before"
    until = f'until [ "{pid_file}" -nt "{mark}" ]; do sleep 0.1; done'
    return f"touch {mark}; systemctl reload {service}; timeout {PATIENCE} sh -c '{until}'; rm {mark}"


@cache
def overlay() -> dict[str, str]:
    """Return the variables by which a twin tells how to reach it."""
    text = (STATE / "overlay" / "hosts.yml").read_text()
    found: dict[str, str] = yaml.safe_load(text)["all"]["vars"]
    return found


def in_operators_place(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command on the operators' own host."""
    inside = "oper0" in {name for _, name in socket.if_nameindex()}
    prefix = [] if inside else ["nsenter", f"--net=/run/netns/kakehashi.{TWIN}.operator", "--"]
    return subprocess.run([*prefix, *command], input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE)


@dataclass(frozen=True)
class Node:
    """A host of the twin."""

    name: str

    def run(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a shell script as root, with ``stdin`` as its input."""
        command = shlex.join(["sudo", "sh", "-euc", script])
        key = overlay()["ansible_ssh_private_key_file"]
        who = f"{overlay()['ansible_user']}@{self.name}"
        return in_operators_place("ssh", "-F", overlay()["twin_ssh_config"], "-i", key, who, command, stdin=stdin)

    def out(self, script: str, stdin: str = "") -> str:
        """Run a shell script as root and return what it printed; fail when it failed."""
        result = self.run(script, stdin)
        assert result.returncode == 0, f"{self.name}: {result.stderr}"
        return result.stdout

    def effective(self, user: str, address: str, config: str = "/etc/ssh/sshd_config") -> dict[str, str]:
        """Return what sshd says is in force for a connection; values of repeated keywords are joined."""
        who = f"user={user},host={address},addr={address},laddr={address},lport=22"
        found: dict[str, str] = {}
        for line in self.out(f"/usr/sbin/sshd -T -f {config} -C {who}").splitlines():
            keyword, _, value = line.partition(" ")
            found[keyword] = f"{found[keyword]} {value}" if keyword in found else value
        return found

    @contextmanager
    def put_back(self, *paths: str, after: str) -> Iterator[None]:
        """Put files back as they were at the end, with mode and owner, then run ``after``."""
        files = " ".join(path.lstrip("/") for path in paths)
        self.out(f"tar -C / -cpf /run/kept.tar {files}")
        try:
            yield
        finally:
            self.out(f"tar -C / -xpf /run/kept.tar; rm /run/kept.tar; {after}")


def attempt(origin: Node, user: str, target: str, *, by: str, bind: str, port: int = 22, sftp: bool = False) -> str:
    """Log in for real from ``origin`` as ``user`` with the onward key of ``by``; return the user's name there, or ``""``.

    ``bind`` is the address that the target sees. Where ``by`` gets a certificate of the key, it is shown too.
    """
    origin.run(f"command -v kakehashi-certificate >/dev/null && sudo -u {by} kakehashi-certificate")
    options = (
        f"-F none -i /etc/kakehashi/onward/{by}/id_ed25519 -o CertificateFile=/run/kakehashi-certificates/{by}-cert.pub "
        f"-b {bind} -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=10 -o KexAlgorithms={QUICK} "
        "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    )
    if sftp:
        options = options.replace("-b ", "-o BindAddress=")
        script = f"echo pwd | sudo -u {by} sftp -q -P {port} {options} -b - {user}@{target} >/dev/null 2>&1 && echo {user}"
        script = script.replace(f"{user}@{target}", f"{user}@[{target}]" if ":" in target else f"{user}@{target}")
    else:
        script = f"sudo -u {by} ssh -n -p {port} {options} {user}@{target} id -un"
    return origin.run(script).stdout.strip()
