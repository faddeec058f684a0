"""Knocks at a port of a neighbour past this host's own packet filter, which else would answer for the neighbour's."""

from __future__ import annotations

import json
import secrets
import select
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Literal, Union

from .frames import Answer, Knock, answer, echo_request, syn

Outcome = Literal["open", "closed", "silent", "absent"]
_ETHER = {False: 0x0800, True: 0x86DD}
_USABLE = {"REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP"}
_POLL = 0.05  # seconds


class KnockError(RuntimeError):
    """This host can't knock; the text says why."""


@dataclass(frozen=True)
class Neighbour:
    """Where packets to an address go: the interface, the source address taken, and the hardware address behind it."""

    interface: str
    source: str
    hardware: bytes


def knock(address: str, port: int, *, patience: float = 2.0) -> Outcome:
    """Return how ``address`` answers a SYN: ``open``, ``closed`` (a reset), ``silent``, or ``absent`` (nobody has the address).

    Raises KnockError without the rights, and where ``address`` is not on a segment of this host.
    """
    try:
        found = _neighbour(address, patience)
        return "absent" if found is None else _knock(address, port, found, patience)
    except PermissionError as error:
        raise KnockError(f"knocking at {address} needs root: {error}") from error


def _knock(address: str, port: int, at: Neighbour, patience: float) -> Outcome:
    ether = _ETHER[_is_six(address)]
    packet = Knock(at.source, 32768 + secrets.randbelow(28000), address, port, secrets.randbelow(2**32))
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ether)) as wire:
        wire.bind((at.interface, ether))
        end = time.monotonic() + patience
        for again in (end - patience / 2, end):  # once more, since one packet may be lost
            wire.sendto(syn(packet), (at.interface, ether, 0, 0, at.hardware))
            heard = _hear(wire, packet, again)
            if heard is not None:
                return heard
    return "silent"


def _hear(wire: socket.socket, packet: Knock, end: float) -> Union[Answer, None]:
    while (left := end - time.monotonic()) > 0:
        if select.select([wire], [], [], left)[0]:
            heard = answer(wire.recv(65535), packet)
            if heard is not None:
                return heard
    return None


def _neighbour(address: str, patience: float) -> Union[Neighbour, None]:
    """Have the kernel find who has ``address``; None if nobody answers."""
    [route, *_more] = _ip("route", "get", address) or [{}]
    if "dev" not in route or "gateway" in route or "prefsrc" not in route:
        raise KnockError(f"{address} is on no segment of this host, so nothing can be tried at it from here")
    _ask_for(address)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        for row in _ip("neighbour", "show", "to", address, "dev", route["dev"]):
            if "lladdr" in row and _USABLE & set(row.get("state", ())):
                return Neighbour(route["dev"], route["prefsrc"], bytes.fromhex(row["lladdr"].replace(":", "")))
        time.sleep(_POLL)  # until it is known or the time is over
    return None


def _ask_for(address: str) -> None:
    six = _is_six(address)
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    with socket.socket(family, socket.SOCK_RAW, protocol) as icmp:
        try:
            icmp.sendto(echo_request(address), (address, 0))
        except PermissionError:
            raise
        except OSError as error:
            raise KnockError(f"{address} can't be asked for from here: {error.strerror}") from error


def _is_six(address: str) -> bool:
    return isinstance(ip_address(address), IPv6Address)


def _ip(*words: str) -> Sequence[dict[str, Any]]:
    done = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 - words, no shell
    if done.returncode:
        raise KnockError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found
