"""The program ``kakehashi-audit`` on a log server.

``receive``, ``record`` and ``alert`` are its services, ``verify`` looks at the chain.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ..sessions import recordings, words
from . import alerts, store
from .chain import ENTRY, KEPT_DAYS, Head, records, seen_at, verify
from .receiver import receive
from .recorder import STATE, Recorder, settings_of

PROGRAM = "/usr/local/sbin/kakehashi-audit"
SETTINGS = "/etc/kakehashi/audit.json"
_HEAD = "CHAIN:NUMBER:DIGEST[:SEEN]"


def main() -> int:
    """Do what the words say; return the exit status."""
    parser = argparse.ArgumentParser(prog="kakehashi-audit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record", help="take what the audit keeps out of the journals, until told to end")
    commands.add_parser("receive", help="take journals over TLS from the senders, until told to end")
    commands.add_parser("alert", help="run the declared command for each use of a sealed credential, until told to end")
    verifying = commands.add_parser("verify", help="say whether a record was changed, removed, moved or cut off")
    verifying.add_argument(
        "--head",
        action="append",
        default=[],
        metavar=_HEAD,
        help="a record as it was seen, and when, as in 2026-12-01 01:00:00 (UTC); may be repeated",
    )
    verifying.add_argument(
        "--kept-days",
        type=int,
        default=KEPT_DAYS,
        metavar="DAYS",
        help="how long records have to be kept (%(default)s); heads seen since then, or at no known time, have to be there",
    )
    listing = commands.add_parser("sessions", help="list the recorded sessions that the chain tells of")
    listing.add_argument("--user", default="", help="only this user's")
    listing.add_argument("--host", default="", help="only those on this host")
    replaying = commands.add_parser("replay", help="show a recorded session as text; say whether it is what was recorded")
    replaying.add_argument("session", help="as `sessions` names it")
    replaying.add_argument("--play", action="store_true", help="as it was shown; your terminal obeys what stands there")
    replaying.add_argument("--speed", type=float, default=1.0, help="how many times as fast, with --play")
    given = parser.parse_args()
    try:
        if given.command == "verify":
            return _verify([_head(text) for text in given.head], given.kept_days)
        if given.command == "sessions":
            return _sessions(given.user, given.host)
        if given.command == "replay":
            return _replay(given.session, given.speed if given.play else 0)
        return {"record": _record, "receive": _receive, "alert": _alert}[given.command]()
    except (store.StoreError, OSError, ValueError) as error:
        sys.stderr.write(f"kakehashi-audit: {error}\n")
        return 2


def _record() -> int:
    settings = settings_of(Path(SETTINGS).read_text(encoding="utf-8"))
    Recorder(settings, store.Store(Path(store.DIRECTORY)), Path(STATE), _recordings()).run()
    return 0


def _alert() -> int:
    settings = settings_of(Path(SETTINGS).read_text(encoding="utf-8"))
    if not settings.alert_command:
        raise ValueError("no command is declared that tells of alerts: set log_server_alert_command")
    alerts.run(Path(STATE, alerts.ROOM), settings.alert_command)
    return 0


def _receive() -> int:
    settings = settings_of(Path(SETTINGS).read_text(encoding="utf-8"))
    receive(settings.port, settings.senders, Path(settings.received))
    return 0


def _verify(heads: list[Head], days: int) -> int:
    verdict = verify(store.lines(Path(store.DIRECTORY)), heads, time.time() - days * 86400)
    told = [str(fault) for fault in verdict.faults]
    if verdict.head is not None:
        told.append(f"head: {verdict.head.chain}:{verdict.head.number}:{verdict.head.digest}")
    told.append("the chain is broken" if verdict.faults else "the chain is whole")
    sys.stdout.write("\n".join([*told, ""]))
    return 1 if verdict.faults else 0


def _recordings() -> recordings.Recordings:
    return recordings.Recordings(Path(recordings.DIRECTORY))


def _told() -> dict[str, words.Told]:
    return words.told(r["data"] for r in records(store.lines(Path(store.DIRECTORY))) if r["kind"] == ENTRY)


def _sessions(user: str, host: str) -> int:
    found = {k: t for k, t in _told().items() if (not user or t.user == user) and (not host or t.host == host)}
    for line in recordings.session_lines(found, _recordings()):
        sys.stdout.write(f"{line}\n")
    return 0


def _replay(session: str, speed: float) -> int:
    told = _told().get(session)
    if told is None:
        raise ValueError(f"the chain tells of no session {session}: name one that `kakehashi-audit sessions` lists")
    shown, wrong = _recordings().read(told)
    if speed > 0:
        recordings.play(shown, speed)
    else:
        sys.stdout.write(f"{recordings.as_lines(shown)}\n")
    end = f"status {told.status}" if told.status else "no end was told yet"
    sys.stderr.write(f"\n{told.session} on {told.host}: {wrong or 'whole'}; {end}\n")
    return 1 if wrong else 0


def _head(text: str) -> Head:
    chain, number, digest, seen = [*text.split(":", 3), "", "", "", ""][:4]
    if not number.isdecimal() or not digest:
        raise ValueError(f"{text} is no head: write {_HEAD}, the first three as verify prints them")
    if seen and seen_at(seen) is None:
        raise ValueError(f"{seen} is no time at which a head was seen: write it as in 2026-12-01 01:00:00, in UTC")
    return Head(chain, int(number), digest, seen)
