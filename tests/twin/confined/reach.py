"""Tries from within a host, as the user who runs it, to reach the places named, all at once.

Each is named as protocol,address,port,seconds: an answer is waited for so long at most.
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def reach(place: str) -> str:
    """Return ``open`` or ``answered`` (somebody was reached), ``sent`` (no answer is waited for) or ``blocked``."""
    protocol, address, port, seconds = place.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        if protocol in ("tcp", "mptcp"):
            # The kernel itself opens the connections below one of MPTCP; they are its user's all the same.
            with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_MPTCP if protocol == "mptcp" else 0) as client:
                client.settimeout(float(seconds))
                client.connect((address, int(port)))
            return "open"
        # A protocol number that nobody holds (RFC 3692) stands for all others.
        kind, number = (socket.SOCK_DGRAM, 0) if protocol == "udp" else (socket.SOCK_RAW, 253)
        with socket.socket(family, kind, number) as client:
            client.sendto(b"data", (address, int(port) if protocol == "udp" else 0))
    except ConnectionRefusedError:
        return "answered"
    except (PermissionError, TimeoutError):
        return "blocked"
    return "sent"


with ThreadPoolExecutor(32) as pool:
    names = [place.rpartition(",")[0] for place in sys.argv[1:]]
    print(json.dumps(dict(zip(names, pool.map(reach, sys.argv[1:]), strict=True))))
