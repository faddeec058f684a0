"""Packets of a knock: a SYN made by hand, an echo request, and what an answer says (RFC 9293, 791, 8200, 792, 4443). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal

Answer = Literal["open", "closed"]
TCP, ECHO_V4, ECHO_V6 = 6, 8, 128
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_V4_HEADER, _V6_HEADER, _TCP_HEADER = 20, 40, 20


@dataclass(frozen=True)
class Knock:
    """One knock: from an own ``source`` address and port at an ``address`` and port."""

    source: str
    source_port: int
    address: str
    port: int
    sequence: int = 0


def syn(knock: Knock) -> bytes:
    """Return an IP packet that begins a TCP connection."""
    source, target = ip_address(knock.source), ip_address(knock.address)
    header = struct.pack("!HHIIBBHHH", knock.source_port, knock.port, knock.sequence, 0, 5 << 4, _SYN, 64240, 0, 0)
    both = source.packed + target.packed
    if isinstance(source, IPv6Address):
        total = checksum(both + struct.pack("!IHBB", len(header), 0, 0, TCP) + header)
        outer = struct.pack("!IHBB", 6 << 28, len(header), TCP, 64) + both
        return outer + _with_checksum(header, total)
    total = checksum(both + struct.pack("!BBH", 0, TCP, len(header)) + header)
    outer = struct.pack("!BBHHHBBH", 0x45, 0, _V4_HEADER + len(header), 0, 0x4000, 64, TCP, 0) + both
    outer = outer[:10] + struct.pack("!H", checksum(outer)) + outer[12:]
    return outer + _with_checksum(header, total)


def answer(packet: bytes, knock: Knock) -> Answer | None:
    """Return what an IP packet answers to a knock, None for one that is no answer to it."""
    source, target, protocol, start = _addresses(packet)
    if (source, target, protocol) != (ip_address(knock.address).packed, ip_address(knock.source).packed, TCP):
        return None
    if len(packet) < start + _TCP_HEADER:
        return None
    from_port, to_port, _sequence, acknowledged, _offset, flags = struct.unpack("!HHIIBB", packet[start : start + 14])
    if (from_port, to_port) != (knock.port, knock.source_port) or acknowledged != (knock.sequence + 1) % 2**32:
        return None
    if flags & _RST:
        return "closed"
    return "open" if flags & _SYN and flags & _ACK else None


def echo_request(address: str) -> bytes:
    """Return an ICMP echo request, by which the kernel learns who has ``address``. That of version 6 it completes itself."""
    if isinstance(ip_address(address), IPv6Address):
        return struct.pack("!BBHHH", ECHO_V6, 0, 0, 0, 1)
    bare = struct.pack("!BBHHH", ECHO_V4, 0, 0, 0, 1)
    return bare[:2] + struct.pack("!H", checksum(bare)) + bare[4:]


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    even = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_checksum(header: bytes, total: int) -> bytes:
    return header[:16] + struct.pack("!H", total) + header[18:]


def _addresses(packet: bytes) -> tuple[bytes, bytes, int, int]:
    """Return source, target, protocol and where the payload begins; of version 6 without extension headers."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= _V4_HEADER:  # noqa: PLR2004 - IP version
        return packet[12:16], packet[16:20], packet[9], (packet[0] & 0x0F) * 4
    if version == 6 and len(packet) >= _V6_HEADER:  # noqa: PLR2004 - IP version
        return packet[8:24], packet[24:40], packet[6], _V6_HEADER
    return b"", b"", 0, 0
