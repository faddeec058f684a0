"""The program ``kakehashi-audit`` on a log server: ``receive`` and ``record`` are its services, ``verify`` looks at the chain."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import store
from .chain import Head, verify
from .receiver import receive
from .recorder import STATE, Recorder, settings_of

PROGRAM = "/usr/local/sbin/kakehashi-audit"
SETTINGS = "/etc/kakehashi/audit.json"


def main() -> int:
    """Do what the words say; return the exit status."""
    parser = argparse.ArgumentParser(prog="kakehashi-audit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record", help="take what the audit keeps out of the journals, until told to end")
    commands.add_parser("receive", help="take journals over TLS from the senders, until told to end")
    verifying = commands.add_parser("verify", help="say whether a record was changed, removed, moved or cut off")
    verifying.add_argument(
        "--head", action="append", default=[], metavar="CHAIN:NUMBER:DIGEST", help="a record as it was seen; may be repeated"
    )
    words = parser.parse_args()
    try:
        if words.command == "verify":
            return _verify([_head(text) for text in words.head])
        return _record() if words.command == "record" else _receive()
    except (store.StoreError, OSError, ValueError) as error:
        sys.stderr.write(f"kakehashi-audit: {error}\n")
        return 2


def _record() -> int:
    settings = settings_of(Path(SETTINGS).read_text(encoding="utf-8"))
    Recorder(settings, store.Store(Path(store.DIRECTORY)), Path(STATE)).run()
    return 0


def _receive() -> int:
    settings = settings_of(Path(SETTINGS).read_text(encoding="utf-8"))
    receive(settings.port, settings.senders, Path(settings.received))
    return 0


def _verify(heads: list[Head]) -> int:
    verdict = verify(store.lines(Path(store.DIRECTORY)), heads)
    told = [str(fault) for fault in verdict.faults]
    if verdict.head is not None:
        told.append(f"head: {verdict.head.chain}:{verdict.head.number}:{verdict.head.digest}")
    told.append("the chain is broken" if verdict.faults else "the chain is whole")
    sys.stdout.write("\n".join([*told, ""]))
    return 1 if verdict.faults else 0


def _head(text: str) -> Head:
    parts = text.split(":")
    if len(parts) != len(("chain", "number", "digest")) or not parts[1].isdigit():
        raise ValueError(f"{text} is no head: write CHAIN:NUMBER:DIGEST, as verify prints it")
    return Head(parts[0], int(parts[1]), parts[2])
