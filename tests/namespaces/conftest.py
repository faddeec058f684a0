"""A small real network: an origin, a hop and a target in namespaces of their own, with real sshds."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from module_utils.matrix.attempts import Endpoint
from module_utils.matrix.workspace import Identity

USERS = {"aoki": 2001, "sato": 3001, "kato": 3004, "pamless": 3009}
NODES = ("origin", "hop", "target")


def run(*argv: str, stdin: str = "") -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, input=stdin).stdout


@dataclass
class Net:
    """The network. ``spaces`` are processes that hold one network namespace each."""

    directory: Path
    spaces: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    host_keys: dict[str, str] = field(default_factory=dict)
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_space(self, node: str) -> None:
        holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.stdout.close()
        self.spaces[node] = holder

    def endpoint(self, node: str, family: str = "ipv4", port: int = 22) -> Endpoint:
        number = NODES.index(node) + 1
        return Endpoint(node, f"192.0.2.{number}" if family == "ipv4" else f"2001:db8::{number}", port)

    @property
    def known_hosts(self) -> list[str]:
        return [f"{node} {key}" for node, key in self.host_keys.items()]

    def enter(self, node: str, *argv: str) -> list[str]:
        return ["nsenter", "--target", str(self.spaces[node].pid), "--net", *argv]

    def ruleset(self, node: str, text: str) -> None:
        run(*self.enter(node, "nft", "-f", "-"), stdin=f"flush ruleset\n{text}")


@pytest.fixture(scope="session")
def net() -> Iterator[Net]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    # Not below pytest's own directory: whenever a pytest starts it takes all rights to that from others.
    with tempfile.TemporaryDirectory(prefix="kakehashi-net-") as directory:
        yield from _up(Net(Path(directory)))


def _up(network: Net) -> Iterator[Net]:
    try:
        _cable(network)
        for name in ("aoki", "sato", "wrong", "other"):
            network.identities[name] = Identity(name, _keygen(network.directory / name))
        _start_sshd(network, "hop", "Match User aoki\n  AllowTcpForwarding yes\n  PermitOpen 192.0.2.3:22 [2001:db8::3]:22")
        _start_sshd(network, "target", "AllowUsers *@192.0.2.2 *@2001:db8::2 sato@192.0.2.1 sato@2001:db8::1 pamless")
        yield network
    finally:
        for process in (*network.daemons, *network.spaces.values()):
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def _cable(network: Net) -> None:
    for node in ("switch", *NODES):
        network.add_space(node)
    switch = network.enter("switch", "ip")
    run(*switch, "link", "add", "br0", "type", "bridge")
    run(*switch, "link", "set", "br0", "up")
    for number, node in enumerate(NODES, start=1):
        ip = network.enter(node, "ip")
        holder = str(network.spaces[node].pid)
        run(*ip, "link", "set", "lo", "up")
        run(*switch, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", holder)
        run(*switch, "link", "set", f"p{number}", "master", "br0", "up")
        run(*ip, "address", "add", f"192.0.2.{number}/26", "dev", "eth0")
        run(*ip, "address", "add", f"2001:db8::{number}/64", "dev", "eth0", "nodad")
        run(*ip, "link", "set", "eth0", "up")


def _keygen(path: Path) -> str:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path))
    return path.read_text()


def _start_sshd(network: Net, node: str, more: str) -> None:
    home = network.directory / node
    (home / "keys").mkdir(parents=True)
    for path in (network.directory, home, home / "keys"):
        path.chmod(0o755)  # sshd reads keys as the user who logs in
    _keygen(home / "host_key")
    network.host_keys[node] = (home / "host_key.pub").read_text().rsplit(" ", 1)[0]
    for user, key in (("aoki", "aoki"), ("sato", "sato"), ("kato", "sato"), ("pamless", "sato")):
        (home / "keys" / user).write_text((network.directory / f"{key}.pub").read_text())
    _people(home)
    (home / "access.conf").write_text("+:aoki sato kato:ALL\n-:ALL:ALL\n")
    (home / "pam").write_text(
        f"auth required pam_deny.so\naccount required pam_access.so accessfile={home}/access.conf\n"
        "session required pam_permit.so\n"
    )
    (home / "sshd_config").write_text(
        textwrap.dedent(f"""\
        HostKey {home}/host_key
        PidFile none
        UsePAM yes
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        AuthorizedKeysFile {home}/keys/%u
        AllowTcpForwarding no
        Subsystem sftp internal-sftp
        StrictModes no
        UseDNS no
        """)
        + more
        + "\nMatch User kato\n  ForceCommand internal-sftp\n"
    )
    mounts = " && ".join(
        f"mount --bind {home}/{name} {place}"
        for name, place in (
            ("passwd", "/etc/passwd"),
            ("group", "/etc/group"),
            ("shadow", "/etc/shadow"),
            ("pam", "/etc/pam.d/sshd"),
        )
    )
    script = f"mkdir -p /run/sshd && {mounts} && exec /usr/sbin/sshd -D -f {home}/sshd_config -E {home}/log"
    network.daemons.append(subprocess.Popen(network.enter(node, "unshare", "-m", "sh", "-c", script)))
    address = network.endpoint(node).address
    run(
        *network.enter(
            "origin",
            "sh",
            "-c",
            f"until nc -z {address} 22 2>/dev/null || bash -c '</dev/tcp/{address}/22' 2>/dev/null; do :; done",
        )
    )


def _people(home: Path) -> None:
    system = "root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    system += "nobody:x:65534:65534::/:/usr/sbin/nologin\n"
    (home / "passwd").write_text(system + "".join(f"{n}:x:{u}:{u}::/tmp:/bin/sh\n" for n, u in USERS.items()))
    (home / "group").write_text("root:x:0:\nnogroup:x:65534:\n" + "".join(f"{n}:x:{u}:\n" for n, u in USERS.items()))
    (home / "shadow").write_text("root:*:19000::::::\n" + "".join(f"{n}:*:19000::::::\n" for n in USERS))
