"""How it is tried whether an account gets to data, and what is made of the answers."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from module_utils.matrix import data_logins
from module_utils.matrix.attempts import Attempt, Endpoint
from module_utils.matrix.classify import Ran
from module_utils.matrix.data_logins import (
    TAKEN,
    by_public_key,
    data_tried,
    key_outcome,
    node_outcome,
    refused_data,
    silent_data,
    through_node,
    try_logins,
)

PLACE = Endpoint("data1", "192.0.2.72", 2022)
LISTING = Attempt("sftp", PLACE, "sato")
HERE, THERE = "kakehashi-relay: here\n", "kakehashi-relay: connected\n"
LISTED = "sftp> ls -la\ndrwxr-xr-x    2 root     root         4096 Nov 30 00:00 .\n"


def relayed(endpoint: Endpoint) -> list[str]:
    """What a node runs, out of what ssh is given."""
    argv = through_node("sato", "mdx1", endpoint, "/known")
    [proxy] = [word.removeprefix("ProxyCommand=") for word in argv if word.startswith("ProxyCommand=")]
    assert "%" not in proxy.replace("%%", "")
    program = shlex.split(shlex.split(proxy)[-1])
    assert program[0] == "python3"
    return [sys.executable, *program[1:]]


def test_what_is_said_over_the_relay_arrives_on_both_sides_whole() -> None:
    sent = bytes(range(256)) * 4096
    got = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _address = server.accept()
            with connection:
                while part := connection.recv(65536):
                    got.extend(part)
                connection.sendall(sent[::-1])

        thread = threading.Thread(target=answer)
        thread.start()
        argv = relayed(Endpoint("data1", "127.0.0.1", server.getsockname()[1]))
        done = subprocess.run(argv, input=sent, capture_output=True, check=True, timeout=60)
        thread.join(60)
    assert bytes(got) == sent
    assert done.stdout == sent[::-1]
    assert done.stderr.decode() == HERE + THERE


def test_a_port_that_is_closed_is_told_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    argv = relayed(Endpoint("data1", "127.0.0.1", port))
    done = subprocess.run(argv, input=b"", capture_output=True, check=False, timeout=60)
    assert node_outcome(LISTING, Ran(255, "", done.stderr.decode())).code == "tcp-reset"


def test_the_private_key_is_named_and_read_by_the_account_alone() -> None:
    argv = through_node("sato", "mdx1", Endpoint("data1", "2001:db8::1", 2022), "/known")
    assert argv[:4] == ["runuser", "-u", "sato", "--"]
    assert "IdentityFile=/etc/kakehashi/onward/sato/id_ed25519" in argv
    assert argv[-3:] == ["-P", "2022", "sato@[2001:db8::1]"]
    assert by_public_key("sato", PLACE, "/known", "/key.pub")[-4:] == ["-p", "2022", "sato@192.0.2.72", "true"]


@pytest.mark.parametrize(
    ("stdout", "stderr", "status", "code"),
    [
        (LISTED, HERE + THERE, 0, "admitted"),
        ("", HERE + THERE + "sato@192.0.2.72: Permission denied (publickey).\n", 255, "auth-denied"),
        ("", HERE + THERE + "Host key verification failed.\n", 255, "host-key"),
        ("", HERE + THERE + "debug1: Server accepts key: /x\nConnection closed by 192.0.2.72 port 2022\n", 255, "account-denied"),
        ("", HERE + THERE + "debug1: Authenticated to data1\nclient_loop: send disconnect: Broken pipe\n", 255, "session-denied"),
        ("", HERE + "kakehashi-relay: errno 110\n", 255, "tcp-timeout"),
        ("", HERE + "kakehashi-relay: errno 111\n", 255, "tcp-reset"),
        ("", HERE + "kakehashi-relay: errno 1\n", 255, "filtered"),
        # The node let nobody in: that says nothing of the data server, whatever its words look like.
        ("", "sato@mdx1: Permission denied (publickey).\n", 255, "not-tried"),
        ("", "ssh: connect to host mdx1 port 22: No route to host\n", 255, "not-tried"),
        ("", "", None, "not-tried"),
    ],
)
def test_only_what_the_data_server_did_counts(stdout: str, stderr: str, status: int | None, code: str) -> None:
    outcome = node_outcome(LISTING, Ran(status, stdout, stderr))
    assert outcome.code == code
    assert "relay" not in outcome.words


def test_who_hung_up_is_called_by_name() -> None:
    stderr = HERE + THERE + "debug1: Server accepts key: /x\nConnection closed by UNKNOWN port 65535\n"
    assert node_outcome(LISTING, Ran(255, "", stderr)).words == "Connection closed by data1"


def test_a_public_key_is_taken_or_not() -> None:
    attempt = Attempt("ssh", PLACE, "sato")
    denied = "sato@192.0.2.72: Permission denied (publickey).\n"
    assert key_outcome(attempt, Ran(255, "", "debug1: Server accepts key: /key.pub ED25519\n" + denied)).code == TAKEN
    assert key_outcome(attempt, Ran(255, "", denied)).code == "auth-denied"
    assert key_outcome(attempt, Ran(255, "", "Host key verification failed.\n")).code == "host-key"


def result(code: str, address: str = "192.0.2.72", words: str = "") -> dict[str, Any]:
    way = {"node": "mdx1", "login_server": "login1"}
    return {"__way": way, "made": [["sftp", "sato", ["data1", address, 2022], None, code, words]]}


def test_refusals_are_told_in_words() -> None:
    results = [
        result("auth-denied", "2001:db8::1", "no"),
        result("tcp-reset"),
        result("admitted"),
        {"unreachable": True},
        result(TAKEN),
    ]
    assert refused_data(results) == [
        "sato at 192.0.2.72: the port is closed",
        "sato at 2001:db8::1: sshd took none of the keys (no)",
    ]


@pytest.mark.parametrize(("code", "tried"), [("not-tried", False), ("filtered", False), ("admitted", True), ("tcp-reset", True)])
def test_who_never_got_to_ask_is_neither_let_in_nor_refused(code: str, tried: bool) -> None:
    assert data_tried([result(code), {"skipped": True}]) is tried
    assert bool(refused_data([result(code)])) is (code == "tcp-reset")


def test_silence_is_the_data_servers_unless_a_knock_past_the_nodes_own_filter_is_answered() -> None:
    results = [result("tcp-timeout"), result("tcp-timeout", "2001:db8::1"), result("admitted")]
    [asked] = silent_data(results)
    assert asked["origin"] == "mdx1"
    assert asked["targets"] == [{"address": "192.0.2.72", "port": 2022}, {"address": "2001:db8::1", "port": 2022}]
    answers = [
        {"address": "192.0.2.72", "port": 2022, "answer": "open"},
        {"address": "2001:db8::1", "port": 2022, "answer": "silent"},
    ]
    assert refused_data(results, [{"answers": answers}]) == ["sato at 2001:db8::1: no answer to the connect"]
    assert len(refused_data(results, [{"unreachable": True}])) == 2
    assert data_tried(results[:1])
    assert not data_tried(results[:1], [{"answers": answers}])
    assert silent_data([{"origin": "x"}, {"unreachable": True}]) == []


def test_what_was_dropped_is_tried_again_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that the server hangs up on once."""
    script = f"""#!/bin/sh
if mkdir {tmp_path}/first 2>/dev/null; then echo 'kex_exchange_identification: Connection closed by remote host' >&2; exit 255; fi
for word; do
  case $word in
    UserKnownHostsFile=*) cat "${{word#*=}}" >{tmp_path}/known ;;
    IdentityFile=*) cat "${{word#*=}}" >{tmp_path}/key ;;
  esac
done
echo 'debug1: Server accepts key: x' >&2; exit 255
"""
    program = tmp_path / "ssh"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setattr(data_logins, "by_public_key", lambda *words: [str(program), *by_public_key(*words)[1:]])
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    made = try_logins("sato", [PLACE], ["ssh-ed25519 AAAA host"], public_key="ssh-ed25519 BBBB sato")
    assert made == [["ssh", "sato", ["data1", "192.0.2.72", 2022], None, TAKEN, ""]]
    assert (tmp_path / "known").read_text() == "data1 ssh-ed25519 AAAA\n"
    assert (tmp_path / "key").read_text() == "ssh-ed25519 BBBB sato\n"
    assert list(room.iterdir()) == []
