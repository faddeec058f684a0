"""Prints the VLAN of each frame that comes in by an interface, until a number of them is reached. Run inside a node."""

from __future__ import annotations

import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL, OUTGOING = 263, 8, 3, 4
TAG_VALID = 0x10


def main(interface: str, count: int) -> None:
    """Read `count` frames. The kernel takes the tag out of a frame and reports it beside it (packet(7))."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        sock.bind((interface, ETH_P_ALL))
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        print("ready", flush=True)
        while count:
            _frame, extra, _flags, address = sock.recvmsg(128, 256)
            if address[2] == OUTGOING:
                continue
            status, *_lengths, vlan, _protocol = struct.unpack("IIIHHHH", extra[0][2][:20])
            print(vlan if status & TAG_VALID else "untagged", flush=True)
            count -= 1


main(sys.argv[1], int(sys.argv[2]))
