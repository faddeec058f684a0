"""The receiver's reading of what a sender says; who gets in at all is tried in tests/twin."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.audit import receiver
from module_utils.audit.receiver import Server, chunks, context, peer_name
from module_utils.certificates import openssl

HEAD = b"POST /upload HTTP/1.1\r\nHost: log1\r\nTransfer-Encoding: chunked\r\n\r\n"


def coded(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
def test_a_body_in_parts(parts: list[bytes]) -> None:
    assert b"".join(chunks(io.BytesIO(coded(parts)))) == b"".join(parts)


@pytest.mark.parametrize("body", [b"", b"zz\r\n", b"5\r\nabc", b"3\r\nabcd\r\n0\r\n\r\n", b"-1\r\n\r\n", b"3\r\nabc\r\n"])
def test_a_body_that_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|went away|longer|shorter"):
        list(chunks(io.BytesIO(body)))


@given(st.binary(max_size=200))
def test_any_bytes_end(body: bytes) -> None:
    try:
        found = b"".join(chunks(io.BytesIO(body)))
    except ValueError:
        return
    assert len(found) <= len(body)


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        ({"subject": ((("commonName", "mdx1"),),)}, "mdx1"),
        ({"subject": ((("organizationName", "x"),), (("commonName", "mdx1"),))}, "mdx1"),
        ({"subject": ((("commonName", "mdx1"),), (("commonName", "mdx2"),))}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_whose_a_certificate_is(certificate: dict[str, Any] | None, name: str) -> None:
    assert peer_name(certificate) == name


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    openssl.make_key(directory / "authority.key")
    authority = openssl.make_authority(directory / "authority.key", "journals-of-log1", 10)
    for name in ("log1", "mdx1", "mdx2"):
        openssl.make_key(directory / f"{name}.key")
        request = openssl.request(directory / f"{name}.key", name)
        text = openssl.sign(directory / "authority.key", authority, request, name, days=1, server=name == "log1")
        (directory / f"{name}.pem").write_text(text)
    (directory / "authority.pem").write_text(authority)
    (directory / "certificate.pem").write_text((directory / "log1.pem").read_text())
    return directory


@pytest.fixture
def server(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A receiver whose writer keeps what it gets as it is."""
    writer = tmp_path / "writer"
    writer.write_text('#!/bin/sh\nexec cat >>"${2#--output=}"\n')
    writer.chmod(0o700)
    monkeypatch.setattr(receiver, "WRITER", str(writer))
    with Server(0, ("mdx1", "mdx2"), tmp_path, context(certificates, certificates / "log1.key")) as found:
        serving = threading.Thread(target=found.serve_forever)
        serving.start()
        yield found
        found.shutdown()
        serving.join()


def connected(server: Server, certificates: Path, name: str) -> ssl.SSLSocket:
    tls = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    tls.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return tls.wrap_socket(
        socket.create_connection(("127.0.0.1", server.socket.getsockname()[1]), timeout=20), server_hostname="log1"
    )


def answered(connection: ssl.SSLSocket) -> int:
    """The status of an answer, which is read to its end."""
    text = b""
    while b"\r\n\r\n" not in text or not text.endswith(b"\n") or text.endswith(b"\r\n\r\n"):
        part = connection.recv(1000)
        assert part, text
        text += part
    return int(text.split()[1])


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it did not come about within 20 s"
        time.sleep(0.01)


def test_a_sender_that_comes_again_does_not_wait_for_its_lost_connection(server: Server, certificates: Path) -> None:
    """A host that lost its power says nothing to its old connection, which holds its file."""
    journal = server.room / "remote-mdx1.journal"
    with connected(server, certificates, "mdx1") as lost, connected(server, certificates, "mdx2") as other:
        for one in (lost, other):
            one.sendall(HEAD + b"5\r\nfirst\r\n")
        until(lambda: journal.exists() and journal.read_bytes() == b"first")
        with connected(server, certificates, "mdx1") as again:
            again.sendall(HEAD + coded([b"second"]))
            assert answered(again) == 202
        assert journal.read_bytes() == b"firstsecond"
        # Nobody else's connection ends with it, and one that is alive may send as often as it likes.
        for words in (b"0\r\n\r\n", HEAD + coded([b"third"])):
            other.sendall(words)
            assert answered(other) == 202
    assert (server.room / "remote-mdx2.journal").read_bytes() == b"firstthird"


def test_the_kernel_asks_whether_a_sender_is_still_there(
    server: Server, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def prefer(_sender: str, connection: socket.socket) -> None:
        seen.append(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        seen.extend(connection.getsockopt(socket.IPPROTO_TCP, option) for option in options)

    monkeypatch.setattr(server, "prefer", prefer)
    with connected(server, certificates, "mdx1") as sender:
        sender.sendall(HEAD + coded([b"any"]))
        assert answered(sender) == 202
    assert seen == [1, 10, 5, 3]
