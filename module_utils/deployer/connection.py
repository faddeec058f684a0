"""The ssh connection over which this process was started."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DAEMONS = {"sshd", "sshd-session", "dropbear"}
_FIELDS = 4  # sshd(8): SSH_CONNECTION holds client address, client port, server address, server port


class UnknownConnectionError(RuntimeError):
    """Somebody is logged in above this process and it can't be told from where; the text says what to do."""


@dataclass(frozen=True)
class Connection:
    """Both ends of an ssh connection: where the deployer comes from, and the address and port it came to."""

    source: str
    address: str
    port: int


def parse_environment(environment: bytes) -> Connection | None:
    """Return the connection that a process' environment (as in /proc/PID/environ) tells of, None if it tells of none."""
    for entry in environment.split(b"\0"):
        name, _unused, value = entry.partition(b"=")
        if name == b"SSH_CONNECTION":
            return _parse(value.decode("ascii", errors="replace").split())
    return None


def _parse(fields: list[str]) -> Connection | None:
    if len(fields) != _FIELDS or not fields[3].isdigit():
        return None
    try:
        return Connection(_plain(fields[0]), _plain(fields[2]), int(fields[3]))
    except ValueError:
        return None


def _plain(text: str) -> str:
    """Return an address without zone, IPv4 also where it was mapped into IPv6."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def live_connection(proc: Path = Path("/proc")) -> Connection | None:
    """Return the connection this process was started over, None for a local run: no process above is an ssh daemon.

    sudo clears the environment, so the parents are asked: the shell that sshd started still has it. Raises
    UnknownConnectionError where a daemon is above and no process tells the addresses, or where a process can't be read.
    """
    try:
        for name, environment in _ancestors(proc):
            connection = parse_environment(environment)
            if connection is not None:
                return connection
            if name in _DAEMONS:
                raise UnknownConnectionError(
                    f"The deployer came in through {name}, and no process tells from where (SSH_CONNECTION), so nothing was "
                    "changed: log in by plain ssh without a wrapper that hides it, or run on the machine itself"
                )
    except (OSError, IndexError) as error:
        raise UnknownConnectionError(
            f"How the deployer came in can't be read from {proc}, so nothing was changed: run again, as root"
        ) from error
    return None


def _ancestors(proc: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and environment of this process, its parent and so on, without the first of all."""
    pid = "self"
    while pid not in ("0", "1"):
        name, _unused, rest = (proc / pid / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
        yield name, (proc / pid / "environ").read_bytes()
        pid = rest.split()[1]
