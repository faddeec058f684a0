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
    unanswered_data,
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


def result(code: str, address: str = "192.0.2.72", words: str = "", node: str = "mdx1", user: str = "sato") -> dict[str, Any]:
    way = {"account": user, "node": node, "login_server": "login1"}
    return {"__way": way, "made": [["sftp", user, ["data1", address, 2022], None, code, words]]}


def shown(code: str, origin: str = "mdx1") -> dict[str, Any]:
    way = {"account": "sato", "origin": origin}
    return {"__way": way, "made": [["ssh", "sato", ["data1", "192.0.2.72", 2022], None, code, ""]]}


def knocked(answer: str, address: str = "192.0.2.72", origin: str = "mdx1") -> dict[str, Any]:
    return {"__silent": {"origin": origin}, "answers": [{"address": address, "port": 2022, "answer": answer}]}


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


@pytest.mark.parametrize(
    ("code", "tried"),
    [("not-tried", False), ("filtered", False), ("no-route", False), ("admitted", True), ("tcp-reset", True)],
)
def test_who_never_got_to_ask_is_neither_let_in_nor_refused(code: str, tried: bool) -> None:
    assert data_tried([result(code), {"skipped": True}]) is tried
    assert bool(refused_data([result(code)])) is (code == "tcp-reset")


def test_whom_to_ask_whether_silence_was_its_own() -> None:
    results = [result("tcp-timeout"), result("tcp-timeout", "2001:db8::1"), result("admitted"), result("no-route")]
    [asked] = silent_data(results)
    assert asked["origin"] == "mdx1"
    assert asked["targets"] == [{"address": "192.0.2.72", "port": 2022}, {"address": "2001:db8::1", "port": 2022}]
    assert silent_data([{"origin": "x"}, {"unreachable": True}]) == []


@pytest.mark.parametrize("answer", ["silent", "closed"])
def test_silence_is_the_data_servers_where_a_knock_says_that_it_has_the_address(answer: str) -> None:
    results = [result("tcp-timeout"), result("tcp-timeout", "2001:db8::1"), result("admitted")]
    knocks = [knocked("open"), knocked(answer, "2001:db8::1")]
    assert refused_data(results, knocks) == ["sato at 2001:db8::1: no answer to the connect"]
    assert data_tried(results[1:2], knocks)
    assert not data_tried(results[:1], knocks)


@pytest.mark.parametrize(
    "knocks",
    [
        [],
        [knocked("open")],
        [knocked("absent")],
        [{"__silent": {"origin": "mdx1"}, "msg": "192.0.2.72 is on no segment of this host"}],
        [{"__silent": {"origin": "mdx1"}, "unreachable": True}],
        [knocked("silent", origin="mdx2")],
    ],
    ids=["none", "open", "absent", "failed", "unreachable", "of another origin"],
)
def test_silence_that_no_knock_from_there_confirms_is_nothing_that_the_data_server_said(knocks: list[dict[str, Any]]) -> None:
    results = [result("tcp-timeout")]
    assert refused_data(results, knocks) == []
    assert not data_tried(results, knocks)
    assert unanswered_data(results, knocks) == ["from mdx1 to 192.0.2.72: no answer to the connect"]
    assert data_tried([*results, result("admitted", node="mdx2")], knocks)


def test_each_address_is_asked_until_somebody_gets_in_or_is_refused() -> None:
    results = [result("admitted"), result("no-route", "2001:db8::1", "Network is unreachable")]
    assert not data_tried(results)
    assert data_tried([*results, result("admitted", "2001:db8::1", node="mdx2")])
    assert data_tried([*results, result("auth-denied", "2001:db8::1", node="mdx2")])
    assert unanswered_data(results) == ["from mdx1 to 2001:db8::1: there is no route (Network is unreachable)"]


@pytest.mark.parametrize("code", ["dropped", "timeout", "unknown"])
def test_a_doubt_is_a_refusal_unless_the_same_user_gets_as_far_another_way(code: str) -> None:
    doubt = result(code)
    assert not data_tried([doubt])
    assert len(refused_data([doubt])) == 1
    assert refused_data([doubt, result("admitted", node="mdx2")]) == []
    for other in (
        result("admitted", "2001:db8::1", node="mdx2"),
        result("admitted", node="mdx2", user="kato"),
        result("not-tried", node="mdx2"),
        shown(TAKEN),
    ):
        assert len(refused_data([doubt, other])) == 1, other
    assert len(refused_data([shown(code)])) == 1
    assert refused_data([shown(code), shown(TAKEN, "mdx2")]) == []


def test_another_host_key_is_a_refusal_whoever_else_gets_in() -> None:
    results = [result("host-key"), result("admitted", node="mdx2")]
    assert data_tried(results[:1])
    assert len(refused_data(results)) == 1


def test_a_probe_that_broke_off_does_not_pass_for_one_that_is_off() -> None:
    way = result("admitted")["__way"]
    broken = {"__way": way, "failed": False, "msg": "MODULE FAILURE: No start of json\nSee stdout/stderr"}
    assert refused_data([broken]) == [
        "sato from mdx1: the attempt broke off, so that nothing is proved (MODULE FAILURE: No start of json)"
    ]
    assert data_tried([broken]), "there is no more to ask"
    assert refused_data([{"__way": way}, result("admitted")])
    assert refused_data([{"__way": way, "unreachable": True}, {"__way": way, "skipped": True}]) == []


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
