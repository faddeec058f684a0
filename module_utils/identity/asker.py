"""The program by which an account asks for a certificate: ssh runs it before it goes on (ssh_config, ``Match exec``).

Self-contained, because it is installed as one file. Root may name an account. Ends with 0 where there is a new one.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress

SOCKET = "/run/kakehashi-certificate.socket"
_PATIENCE = 75
"""Seconds: longer than a signer that does not answer is waited for."""


def ask(path: str, account: str) -> str:
    """Return the answer: ``ok``, or in words why there is no certificate."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            # Waits its turn where many ask: with a timeout of Python's own it would be turned away there.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE, 0))
            connection.connect(path)
            connection.settimeout(_PATIENCE)
            with suppress(BrokenPipeError):  # who is refused at once hears why all the same
                connection.sendall(f"{account}\n".encode())
            return connection.makefile().readline().strip() or "no answer came"
    except OSError as error:
        return f"certificates can't be had here ({error.strerror or error}); tell the platform's operators"


def main(arguments: Sequence[str]) -> int:
    """Ask, and say why where the answer is no."""
    answer = ask(SOCKET, arguments[0] if arguments else "")
    if answer == "ok":
        return 0
    sys.stderr.write(f"No certificate: {answer}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
