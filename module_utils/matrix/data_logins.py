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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
_NOTHING = ("not-tried", "filtered", "no-route")
"""Ends that say nothing of the data server: nobody came as far as to ask it."""
_SILENT = "tcp-timeout"
"""As well, unless a knock says that somebody has the address: the cable may be broken, or a gateway off."""
_DOUBTFUL = ("dropped", "timeout", "unknown")
"""Ends that the way may have made as well as the data server."""
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
    # By root's words for ssh alone: the account's own, in its home, could lead anywhere.
    alone = ("-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ConnectTimeout=20")
    way = ["ssh", "-F", "/etc/ssh/ssh_config", "-T", *alone, node]
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

    ``results`` are those of the module ``data_login_probe``, in a loop of tasks, and ``knocks`` those of ``neighbour_knock``.
    What nobody could ask for is no refusal, nor is silence, unless a knock from there says that the data server has the address.
    What ended in doubt is one unless the same user got as far at this address another way. A probe that broke off proves nothing,
    which must not pass for a machine that is off: those come last.
    """
    results = list(results)
    rows, heard = list(_rows(results)), _confirmed(knocks)
    found = {}
    for row in rows:
        said = _said(row, heard)
        if said == "refused" or (said == "doubtful" and not _settled(row, rows)):
            found[row.user, ":" in row.address, row.address] = f"{row.user} at {row.address}: {row.meaning}"
    return [found[place] for place in sorted(found)] + [_broken_words(result) for result in results if _broke_off(result)]


def silent_data(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return from where nothing answered, as ``{origin, targets}`` for ``neighbour_knock``: its own filter may have been it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(results):
        if row.code == _SILENT:
            found.setdefault(row.origin, []).append({"address": row.address, "port": row.port})
    return [{"origin": origin, "targets": targets} for origin, targets in found.items()]


def data_tried(results: Iterable[Mapping[str, Any]], knocks: Iterable[Mapping[str, Any]] = ()) -> bool:
    """Return whether there is no more to ask: somebody got in at each address that was tried, or was refused at one.

    ``knocks`` are as in ``refused_data``. Where a probe broke off, the change is undone in any case.
    """
    results = list(results)
    rows, heard = list(_rows(results)), _confirmed(knocks)
    said = [(row, _said(row, heard)) for row in rows]
    if any(_broke_off(result) for result in results) or any(word == "refused" for _row, word in said):
        return True
    admitted = {(row.address, row.port) for row, word in said if word == "admitted"}
    return bool(rows) and all((row.address, row.port) in admitted for row in rows)


def unanswered_data(results: Iterable[Mapping[str, Any]], knocks: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Return in words from where the data server was not asked, and why: that is the way's, and nothing that it said."""
    heard = _confirmed(knocks)
    found = [row for row in _rows(results) if _said(row, heard) == "nothing"]
    return list(dict.fromkeys(f"from {row.origin} to {row.address}: {row.meaning}" for row in found))


@dataclass(frozen=True, slots=True)
class _Row:
    """One attempt of a probe, and the machine on which its connection begins."""

    origin: str
    kind: str
    user: str
    address: str
    port: int
    code: str
    words: str

    @property
    def meaning(self) -> str:
        said = MEANINGS[self.code][2] if self.code in MEANINGS else self.code
        return f"{said}{f' ({self.words})' if self.words else ''}"


def _rows(results: Iterable[Mapping[str, Any]]) -> Iterator[_Row]:
    for result in results:
        way = result.get("__way", {})
        for kind, user, (_host, address, port), _hop, code, words in result.get("made", ()):
            yield _Row(way.get("node") or way.get("origin", ""), kind, user, address, port, code, words)


def _confirmed(knocks: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, int]]:
    """Return origin, address and port of knocks by which silence is the data server's own: somebody has the address."""
    return {
        (knock.get("__silent", {}).get("origin", ""), row["address"], row["port"])
        for knock in knocks
        for row in knock.get("answers", ())
        if row["answer"] in ("silent", "closed")
    }


def _said(row: _Row, heard: Collection[tuple[str, str, int]]) -> Literal["admitted", "refused", "doubtful", "nothing"]:
    if row.code in ("admitted", TAKEN):
        return "admitted"
    if row.code in _NOTHING or (row.code == _SILENT and (row.origin, row.address, row.port) not in heard):
        return "nothing"
    return "doubtful" if row.code in _DOUBTFUL else "refused"


def _settled(row: _Row, rows: Iterable[_Row]) -> bool:
    """Return whether the same user got as far another way: a key that would be taken says nothing of what comes after it."""
    enough = ("admitted",) if row.kind == "sftp" else ("admitted", TAKEN)
    return any((o.user, o.address, o.port) == (row.user, row.address, row.port) and o.code in enough for o in rows)


def _broke_off(result: Mapping[str, Any]) -> bool:
    return "made" not in result and not result.get("unreachable") and not result.get("skipped")


def _broken_words(result: Mapping[str, Any]) -> str:
    way = result.get("__way", {})
    origin = way.get("node") or way.get("origin", "")
    why = next(iter(str(result.get("msg") or "").splitlines()), "") or "it said nothing"
    return f"{way.get('account', '')} from {origin}: the attempt broke off, so that nothing is proved ({why})"
