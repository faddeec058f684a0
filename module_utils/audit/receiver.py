"""The log server's other service: takes journals over TLS from those who show a certificate of this fabric, and from nobody else.

Debian's systemd-journal-remote is built without the check of certificates, so it only writes what has come through here.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any

WRITER = "/usr/lib/systemd/systemd-journal-remote"
CERTIFICATES = Path("/etc/kakehashi/journal")
_HANDSHAKE_SECONDS, _SILENT_SECONDS = 20, 600
_LONGEST_LINE = 1 << 16


def context(certificates: Path, key: Path) -> ssl.SSLContext:
    """Return how this server speaks TLS: nobody without a certificate of the authority gets a word in."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.minimum_version = ssl.TLSVersion.TLSv1_3
    found.verify_mode = ssl.CERT_REQUIRED
    found.load_cert_chain(certificates / "certificate.pem", key)
    found.load_verify_locations(certificates / "authority.pem")
    return found


def peer_name(certificate: Mapping[str, Any] | None) -> str:
    """Return the name in a certificate that was verified, as ``ssl`` gives it."""
    parts = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    names = [value for key, value in parts if key == "commonName"]
    return str(names[0]) if len(names) == 1 else ""


def chunks(body: BufferedIOBase) -> Iterator[bytes]:
    """Yield the parts of a body in HTTP's chunked coding; raise ValueError where it is none."""
    while True:
        size = int(body.readline(_LONGEST_LINE).split(b";")[0].strip(), 16)
        if size < 0:
            raise ValueError("a part is shorter than nothing")
        left = size
        while left:
            part = body.read1(min(left, _LONGEST_LINE))
            if not part:
                raise ValueError("the sender went away in the middle")
            left -= len(part)
            yield part
        if body.readline(_LONGEST_LINE).strip():
            raise ValueError("a part is longer than it says")
        if not size:
            return


class Server(ThreadingHTTPServer):
    """Listens over both families; each sender is served by a thread, and has one file."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def __init__(self, port: int, senders: Sequence[str], room: Path, tls: ssl.SSLContext) -> None:
        """Name who may send, and the directory that holds their journals."""
        self.room, self.locks = room, {name: threading.Lock() for name in senders}
        super().__init__(("::", port), Handler)
        # The handshake is the thread's: one who is slow or silent keeps nobody else waiting.
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        """Listen for IPv4, too, and don't look up a name."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line why a connection ended."""
        del request
        say(f"refused {client_address[0]}: {sys.exc_info()[1]}")


class Handler(BaseHTTPRequestHandler):
    """One connection of a sender."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Learn who it is before anything is read."""
        self.request.settimeout(_HANDSHAKE_SECONDS)
        self.request.do_handshake()
        self.request.settimeout(_SILENT_SECONDS)
        self.sender = peer_name(self.request.getpeercert())
        if self.sender not in self.server.locks:
            raise PermissionError(f"{self.sender or 'a certificate without a name'} is no sender of this log server")
        super().setup()

    def do_POST(self) -> None:
        """Hand a batch of entries to the writer; answer when it has them."""
        if self.path != "/upload" or self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            self._answer(404, "only journals are taken here")
            return
        with self.server.locks[self.sender]:
            taken = self._take(self.server.room / f"remote-{self.sender}.journal")
        if taken:
            self._answer(202, "OK.")
        else:
            self.close_connection = True
            self._answer(400, "no journal")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of what went well."""

    def _take(self, path: Path) -> bool:
        argv = [WRITER, "--split-mode=none", f"--output={path}", "-"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as writer:  # noqa: S603 - words
            whole = True
            try:
                for part in chunks(self.rfile):
                    if writer.stdin is not None:
                        writer.stdin.write(part)
                        writer.stdin.flush()
            except (OSError, ValueError) as error:
                say(f"{self.sender} broke off: {error}")
                whole = False
            _unused, said = writer.communicate()
        if writer.returncode != 0:
            say(f"{self.sender}: {said.decode('utf-8', 'replace').strip()[-300:]}")
        return whole and writer.returncode == 0

    def _answer(self, code: int, words: str) -> None:
        text = f"{words}\n".encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def receive(port: int, senders: Sequence[str], room: Path) -> None:
    """Serve until the process ends."""
    key = Path(os.environ.get("CREDENTIALS_DIRECTORY", str(CERTIFICATES))) / "key.pem"
    with Server(port, senders, room, context(CERTIFICATES, key)) as server:
        server.serve_forever()


def say(text: str) -> None:
    """Tell the log server's own journal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
