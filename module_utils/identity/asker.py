"""The program by which an account asks for a certificate: ssh runs it before it goes on (ssh_config, ``Match exec``).

Self-contained, because it is installed as one file. Root may name an account. Ends with 0 where there is a new one.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

SOCKET = "/run/kakehashi-certificate.socket"
_PATIENCE = 75
"""Seconds: longer than a signer that does not answer is waited for."""


def ask(path: str, account: str) -> str:
    """Return the answer: ``ok``, or in words why there is no certificate."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(path)
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
