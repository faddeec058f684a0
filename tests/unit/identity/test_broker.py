"""For whom a login server gets certificates, and how an account asks."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from module_utils.identity import asker
from module_utils.identity.broker import NoCertificateError, account_of, ask, command, keep


@pytest.mark.parametrize(
    ("uid", "name", "said", "account"), [(3001, "sato", "", "sato"), (3001, "sato", "kato", "sato"), (0, "root", "kato", "kato")]
)
def test_the_kernel_says_who_asks(uid: int, name: str, said: str, account: str) -> None:
    assert account_of(uid, name, said, ["sato", "kato"]) == account


@pytest.mark.parametrize(
    ("uid", "name", "said"), [(2001, "aoki", "sato"), (0, "root", ""), (0, "root", "../etc"), (3009, "suzuki", "")]
)
def test_who_is_no_account_gets_none(uid: int, name: str, said: str) -> None:
    with pytest.raises(NoCertificateError):
        account_of(uid, name, said, ["sato", "kato"])


def test_a_signer_is_asked_by_its_host_key_alone() -> None:
    signer = {"name": "ca1", "port": 2200, "user": "kakehashi-sign"}
    words = command(signer, "192.0.2.207", "/key", "/known")
    assert words[-1] == "kakehashi-sign@192.0.2.207"
    assert {"StrictHostKeyChecking=yes", "HostKeyAlias=ca1", "BatchMode=yes", "UserKnownHostsFile=none"} <= set(words)


def test_without_a_signer_the_account_is_told() -> None:
    with pytest.raises(NoCertificateError, match="there is no signer; try again, or tell the platform's operators"):
        ask({"signers": []}, "sato", "ssh-ed25519 AAAA")


def test_a_certificate_comes_into_place_whole(tmp_path: Path) -> None:
    keep(tmp_path / "room", "sato", "first")
    keep(tmp_path / "room", "sato", "second")
    assert [p.name for p in (tmp_path / "room").iterdir()] == ["sato-cert.pub"]
    assert (tmp_path / "room" / "sato-cert.pub").read_text() == "second\n"


@pytest.mark.parametrize(("answer", "told"), [(b"ok\n", "ok"), (b"", "no answer came"), (b"no signer\n", "no signer")])
def test_an_account_hears_the_answer(tmp_path: Path, answer: bytes, told: str) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                connection.recv(256)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert asker.ask(path, "") == told
        thread.join()


def test_where_nobody_listens_a_sentence_says_so(tmp_path: Path) -> None:
    assert asker.ask(str(tmp_path / "none"), "") == (
        "certificates can't be had here (No such file or directory); tell the platform's operators"
    )
