"""Whether an account gets to data: by a login from one of its nodes, or, without its key, as far as a public key goes.

The private key stays on the login server. An account's connection to data comes from a node, where there is no key: so ssh runs
on the login server, and its connection begins on the node, by a relay that the account starts there over its own login.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .attempts import Attempt, Endpoint, attempt_to_data
from .classify import Ran, client_outcome, connect_outcome, last_words
from .clients import run_client
from .outcomes import MEANINGS, Outcome

ONWARD = "/etc/kakehashi/onward/{account}/id_ed25519"
"""An account's private key on a login server, which the account may read and nobody else."""
TAKEN = "key-taken"
"""How an attempt ends that shows a public key alone: sshd would let the account in from there, as far as it decides."""
_RELAY = """
import os, select, socket, sys
def say(words):
    sys.stderr.write("kakehashi-relay: " + words + chr(10)); sys.stderr.flush()
say("here")
try:
    far = socket.create_connection(({address!r}, {port}), {seconds})
except OSError as error:
    say("errno " + str(error.errno or {timed_out})); sys.exit(1)
say("connected"); far.settimeout(None)
ends = [0, far]
try:
    while far in ends:
        for end in select.select(ends, [], [])[0]:
            data = os.read(0, 65536) if end == 0 else far.recv(65536)
            if end == 0 and data: far.sendall(data)
            elif end == 0: ends.remove(0); far.shutdown(socket.SHUT_WR)
            elif not data: ends.remove(far)
            while end != 0 and data: data = data[os.write(1, data):]
except OSError: pass
"""
_SAID = re.compile(r"^kakehashi-relay: (?:(here|connected)|errno (\d+))\r?\n?", re.MULTILINE)
_NOTHING = ("not-tried", "filtered")
"""Ends that say nothing of the data server: nobody came as far as to ask it."""
_SILENT = "tcp-timeout"
_AGAIN = ("dropped", "timeout")
_TIMED_OUT = 110
_CONNECT, _ALL = 6, 30
"""Seconds that a connect to data may take, which sees three lost SYNs, and a whole attempt."""
_ENDS = (
    *("-o", "BatchMode=yes", "-o", "PreferredAuthentications=publickey", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
    *("-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no"),
    *("-o", "ControlPath=none", "-o", "ForwardAgent=no", "-o", "ConnectionAttempts=1"),
)


def through_node(account: str, node: str, endpoint: Endpoint, known_hosts: str) -> list[str]:
    """Return what root of a login server runs: sftp of the account, whose connection begins on ``node``."""
    script = _RELAY.format(address=endpoint.address, port=endpoint.port, seconds=_CONNECT, timed_out=_TIMED_OUT)
    program = f'exec(__import__("base64").b64decode("{b64encode(script.encode()).decode()}"))'
    way = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ConnectTimeout=20", node]
    proxy = shlex.join([*way, shlex.join(["python3", "-c", program])]).replace("%", "%%")
    key = ONWARD.format(account=account)
    options = [*_ENDS, "-o", f"UserKnownHostsFile={known_hosts}", "-o", f"IdentityFile={key}", "-o", f"ProxyCommand={proxy}"]
    return ["runuser", "-u", account, "--", "sftp", "-v", "-F", "none", "-b", "-", *options, *_at(account, endpoint, "-P")]


def by_public_key(account: str, endpoint: Endpoint, known_hosts: str, public: str) -> list[str]:
    """Return what anybody may run on an origin: ssh that asks whether ``public``, a file, would be taken, and gets no further."""
    options = [
        *_ENDS,
        "-o",
        f"UserKnownHostsFile={known_hosts}",
        "-o",
        f"IdentityFile={public}",
        "-o",
        f"ConnectTimeout={_CONNECT}",
    ]
    return ["ssh", "-v", "-F", "none", "-T", *options, *_at(account, endpoint, "-p"), "true"]


def _at(account: str, endpoint: Endpoint, port: str) -> list[str]:
    address = f"[{endpoint.address}]" if endpoint.family == "ipv6" and port == "-P" else endpoint.address
    return ["-o", f"HostKeyAlias={endpoint.host}", port, str(endpoint.port), f"{account}@{address}"]


def node_outcome(attempt: Attempt, ran: Ran) -> Outcome:
    """Return what sftp from a node came to. Where nobody got as far as to ask the data server, nothing was tried."""
    told = [match.groups() for match in _SAID.finditer(ran.stderr)]
    # So ssh calls whoever is behind a program that connects for it.
    rest = Ran(ran.status, ran.stdout, _SAID.sub("", ran.stderr).replace("UNKNOWN port 65535", attempt.endpoint.host))
    if ("connected", None) in told:
        return client_outcome(attempt, rest, "")
    failed = [int(number) for _word, number in told if number]
    if failed:
        return connect_outcome(OSError(failed[0], os.strerror(failed[0])))
    return Outcome("not-tried", last_words(rest.stderr) or "the node did not answer")


def key_outcome(attempt: Attempt, ran: Ran) -> Outcome:
    """Return what showing a public key came to."""
    if "Server accepts key" in ran.stderr:
        return Outcome(TAKEN)
    return client_outcome(attempt, ran, "\0")


def try_logins(
    account: str, endpoints: Sequence[Endpoint], host_keys: Iterable[str], *, through: str = "", public_key: str = ""
) -> list[list[Any]]:
    """Try all ``endpoints`` at the same time; return ``[kind, user, [host, address, port], hop, code, words]`` of each.

    With ``through`` from that node, as root of a login server; else with ``public_key`` alone, from here. Nothing stays behind.
    """
    room = Path(tempfile.mkdtemp(prefix="kakehashi-data-"))
    try:
        room.chmod(0o755)  # the account reads what host keys are right, which is no secret
        known, public = room / "known_hosts", room / "key.pub"
        hosts = dict.fromkeys(endpoint.host for endpoint in endpoints)
        known.write_text("".join(f"{host} {' '.join(key.split()[:2])}\n" for host in hosts for key in host_keys))
        known.chmod(0o644)
        public.touch(mode=0o600)
        public.write_text(f"{public_key}\n")

        async def one(endpoint: Endpoint) -> list[Any]:
            if through:
                attempt, argv = Attempt("sftp", endpoint, account), through_node(account, through, endpoint, str(known))
            else:
                attempt, argv = Attempt("ssh", endpoint, account), by_public_key(account, endpoint, str(known), str(public))
            outcome = await _once(attempt, argv)
            if outcome.code in _AGAIN:
                outcome = await _once(attempt, argv)
            return [*attempt_to_data(attempt), outcome.code, outcome.words]

        async def every() -> list[list[Any]]:
            return list(await asyncio.gather(*map(one, endpoints)))

        return asyncio.run(every())
    finally:
        shutil.rmtree(room, ignore_errors=True)


async def _once(attempt: Attempt, argv: Sequence[str]) -> Outcome:
    if attempt.kind == "sftp":
        return node_outcome(attempt, await run_client(argv, b"ls -la\n", _ALL))
    return key_outcome(attempt, await run_client(argv, b"", _ALL))


def refused_data(results: Iterable[Mapping[str, Any]], knocks: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Return in words what a data server refused: address and what was said, by user and address, IPv4 first.

    ``results`` are those of the module ``data_login_probe``, in a loop of tasks. What nobody could ask for is no refusal, nor is
    silence where ``knocks``, results of ``neighbour_knock``, were answered past the origin's own packet filter.
    """
    found = {}
    for _kind, user, (_host, address, _port), _hop, code, words in _asked(results, knocks):
        if code not in ("admitted", TAKEN):
            meaning = MEANINGS[code][2] if code in MEANINGS else code
            found[user, ":" in address, address] = f"{user} at {address}: {meaning}{f' ({words})' if words else ''}"
    return [found[place] for place in sorted(found)]


def silent_data(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return from where nothing answered, as ``{origin, targets}`` for ``neighbour_knock``: its own filter may have been it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        way = result.get("__way", {})
        for _kind, _user, (_host, address, port), _hop, code, _words in result.get("made", ()):
            if code == _SILENT:
                found.setdefault(way.get("node") or way.get("origin", ""), []).append({"address": address, "port": port})
    return [{"origin": origin, "targets": targets} for origin, targets in found.items()]


def data_tried(results: Iterable[Mapping[str, Any]], knocks: Iterable[Mapping[str, Any]] = ()) -> bool:
    """Return whether the data server was asked at all, whatever it said. ``knocks`` are as in ``refused_data``."""
    return bool(_asked(results, knocks))


def _asked(results: Iterable[Mapping[str, Any]], knocks: Iterable[Mapping[str, Any]]) -> list[Sequence[Any]]:
    """Return the rows that say something of the data server."""
    answered = {(row["address"], row["port"]) for knock in knocks for row in knock.get("answers", ()) if row["answer"] == "open"}
    rows: list[Sequence[Any]] = [row for result in results for row in result.get("made", ())]
    return [row for row in rows if row[4] not in _NOTHING and not (row[4] == _SILENT and tuple(row[2][1:]) in answered)]
