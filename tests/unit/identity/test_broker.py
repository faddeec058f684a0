"""For whom a login server gets certificates, and how an account asks."""

from __future__ import annotations

import json
import os
import pwd
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from module_utils.identity import asker, broker
from module_utils.identity.broker import Broker, Desk, NoCertificateError, account_of, ask, command, keep

ME, OTHER = os.getuid(), 3001


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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the broker writes into the journal."""
    lines: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda _level, line: lines.append(line))
    return lines


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Who the next connections come from, by uid; this user where none is left. 3000 and below are no accounts."""
    following: list[int] = []

    def name(uid: int) -> pwd.struct_passwd:
        return pwd.struct_passwd((f"u{uid}", "x", uid, uid, "", "/", "/bin/sh"))

    monkeypatch.setattr("pwd.getpwuid", name)
    monkeypatch.setattr(broker, "_uid", lambda _peer: following.pop(0) if following else OTHER)
    return following


@contextmanager
def serving(room: Path, get: Callable[[Mapping[str, Any], str], None], **more: Any) -> Iterator[str]:
    """Run a broker on a real socket until nobody asks any more; yield the socket's path."""
    settings, path = room / "settings", str(room / "socket")
    settings.write_text(json.dumps({"accounts": [f"u{uid}" for uid in range(OTHER, OTHER + 20)]}))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(512)
        server = threading.Thread(target=Broker(settings, get, **more).serve, args=(listener, 0.2))
        server.start()
        yield path
        server.join(10)
        assert not server.is_alive()


def connected(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(path)
    return client


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come about within 10 s"
        time.sleep(0.005)


def test_the_kernel_is_asked_who_asks() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert broker._uid(here) == ME


@pytest.mark.usefixtures("users")
def test_it_serves_and_ends_when_nobody_asks(tmp_path: Path, told: list[str]) -> None:
    got: list[str] = []
    with serving(tmp_path, lambda _settings, account: got.append(account)) as path:
        assert asker.ask(path, "") == "ok"
        assert asker.ask(path, "u3002") == "ok"
    assert got == ["u3001", "u3001"]
    assert told == ["certificate for u3001 (uid 3001): ok"] * 2


def test_300_connections_of_one_leave_the_others_their_way(tmp_path: Path, users: list[int], told: list[str]) -> None:
    users[:] = [OTHER] * 300
    with serving(tmp_path, lambda _settings, _account: None, quick=60) as path:
        many = [connected(path) for _ in range(300)]
        until(lambda: not users)
        users[:] = [OTHER + 1]
        assert asker.ask(path, "") == "ok"
        assert asker.ask(path, "") == "you ask for 32 certificates already; try again when these came"
        answered = 0
        for client in many:
            client.setblocking(False)
            with suppress(BlockingIOError):
                answered += client.recv(256).endswith(b"try again when these came\n")
            client.close()
    assert answered == 300 - 32
    assert [line for line in told if "already" in line] == [
        "certificate for u3001 (uid 3001): you ask for 32 certificates already; try again when these came"
    ]


def test_who_says_nothing_is_dropped_soon(tmp_path: Path, users: list[int], told: list[str]) -> None:
    users[:] = [OTHER] * 32
    with serving(tmp_path, lambda _settings, _account: None, quick=0.1) as path:
        silent = [connected(path) for _ in range(32)]
        assert {client.recv(256) for client in silent} == {b"nothing was asked\n"}
        until(lambda: asker.ask(path, "") == "ok")
        for client in silent:
            client.close()
    assert sum("nothing was asked" in line for line in told) == 1


@pytest.mark.usefixtures("told")
def test_four_of_a_user_are_asked_for_at_once_and_more_wait(tmp_path: Path, users: list[int]) -> None:
    users[:] = [OTHER] * 12
    going, go, most = threading.Semaphore(0), threading.Event(), []
    lock, now = threading.Lock(), [0]

    def get(_settings: Mapping[str, Any], account: str) -> None:
        if account != f"u{OTHER}":
            return
        with lock:
            now[0] += 1
            most.append(now[0])
        going.release()
        go.wait(10)
        with lock:
            now[0] -= 1

    with serving(tmp_path, get) as path:
        clients = [connected(path) for _ in range(12)]
        for client in clients:
            client.sendall(b"\n")
        for _ in range(4):
            assert going.acquire(timeout=10)
        until(lambda: not users)
        users[:] = [OTHER + 1]
        assert asker.ask(path, "") == "ok"
        go.set()
        assert [client.recv(256) for client in clients] == [b"ok\n"] * 12
        for client in clients:
            client.close()
    assert max(most) == 4


def test_who_is_no_account_is_refused_at_once(tmp_path: Path, users: list[int], told: list[str]) -> None:
    users[:] = [33] * 40
    with serving(tmp_path, lambda _settings, _account: None, quick=60) as path:
        strangers = [connected(path) for _ in range(40)]
        assert {client.recv(256) for client in strangers} == {b"u33 is no account that goes on from here\n"}
        assert asker.ask(path, "") == "ok"
        for client in strangers:
            client.close()
    assert sum("(uid 33)" in line for line in told) == 1


@pytest.mark.usefixtures("told")
def test_root_says_for_whom(tmp_path: Path, users: list[int]) -> None:
    got: list[str] = []
    users[:] = [0, 0]
    with serving(tmp_path, lambda _settings, account: got.append(account)) as path:
        assert asker.ask(path, "u3002") == "ok"
        assert asker.ask(path, "") == "nobody is no account that goes on from here"
    assert got == ["u3002"]


@pytest.mark.usefixtures("told", "users")
def test_what_fails_for_one_request_ends_that_alone(tmp_path: Path) -> None:
    def get(_settings: Mapping[str, Any], _account: str) -> None:
        raise FileNotFoundError

    with serving(tmp_path, get) as path:
        for _ in range(2):
            assert asker.ask(path, "") == "certificates can't be had here (FileNotFoundError); tell the platform's operators"
        Path(tmp_path / "settings").write_text("{")
        assert asker.ask(path, "") == "certificates can't be had here (JSONDecodeError); tell the platform's operators"


@pytest.mark.usefixtures("told", "users")
def test_without_a_thread_to_be_had_the_place_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    desk = Desk()
    with serving(tmp_path, lambda _settings, _account: None, desk=desk) as path:
        with monkeypatch.context() as patch:
            patch.setattr("threading.Thread", NoThread)
            assert asker.ask(path, "") == "certificates can't be had here (RuntimeError); tell the platform's operators"
        assert desk.empty
        assert asker.ask(path, "") == "ok"


def test_a_full_queue_is_waited_in(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        first = connected(path)
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(asker.ask(path, "")))
        thread.start()
        for _ in range(2):
            with listener.accept()[0] as peer:
                peer.sendall(b"ok\n")
        thread.join(10)
        first.close()
    assert answers == ["ok"]
