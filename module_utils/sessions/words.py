"""What is said in the journal of a recorded session: its begin and its end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

SAYS = "kakehashi-session"
"""Under this name begin and end are told, and are kept in the audit's chain."""
HOLDS = "kakehashi-session-data"
"""Under this name what was recorded goes to the log server."""
UNIT = re.compile(r"kakehashi-sessions@[^/]*\.service")
SESSION = re.compile(r"(?P<month>[0-9]{4}-[0-9]{2})-[0-9]{2}T[0-9]{6}Z-[a-z_][a-z0-9_-]{0,31}-[0-9a-f]{12}")
_COMMAND = 1024
"""Characters of a command that are told; all of it is in the recording."""
_BEGIN = re.compile(
    r"begin (?P<session>\S+) user=(?P<user>\S+) kind=(?P<kind>\w+) login=(?P<login>\d+) "
    r"from=(?P<source>\S*) command=(?P<command>.*)"
)
_END = re.compile(
    r"end (?P<session>\S+) status=(?P<status>\S+) chunks=(?P<chunks>\d+) bytes=(?P<bytes>\d+) sha256=(?P<digest>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Told:
    """What the journal tells of one session.

    ``login`` is the process of sshd that admitted the user, ``began`` the time in microseconds since 1970. ``status`` is the exit
    status, or in a word why there is none; empty while the end was not told. ``digest`` is over all that was recorded.
    """

    session: str
    host: str
    boot: str
    user: str
    kind: str
    login: int
    source: str
    command: str
    began: int
    ended: int = 0
    status: str = ""
    chunks: int = 0
    bytes: int = 0
    digest: str = ""


def begin(session: str, user: str, kind: str, login: int, source: str, command: str) -> str:
    """Return the line that tells a begin."""
    shown = "".join(c if c.isprintable() else "?" for c in command)[:_COMMAND]
    origin = re.sub(r"[^0-9A-Fa-f.:%]", "", source.partition(" ")[0])
    return f"begin {session} user={user} kind={kind} login={login} from={origin} command={shown}"


def end(session: str, status: str, chunks: int, size: int, digest: str) -> str:
    """Return the line that tells an end."""
    return f"end {session} status={status} chunks={chunks} bytes={size} sha256={digest}"


def told(entries: Iterable[Mapping[str, Any]]) -> dict[str, Told]:
    """Return what entries of the audit (plain data) tell of recorded sessions, by session.

    A session belongs to the host that told its begin: another host can't tell its end.
    """
    found: dict[str, Told] = {}
    for entry in entries:
        if entry["by"] != SAYS or not UNIT.fullmatch(entry["unit"]):
            continue
        said = _BEGIN.fullmatch(entry["text"])
        if said is not None and SESSION.fullmatch(said["session"]) and said["session"] not in found:
            found[said["session"]] = Told(
                said["session"],
                entry["host"],
                entry["boot"],
                said["user"],
                said["kind"],
                int(said["login"]),
                said["source"],
                said["command"],
                entry["at"],
            )
        last = _END.fullmatch(entry["text"])
        known = found.get(last["session"]) if last is not None else None
        if last is not None and known is not None and known.host == entry["host"] and not known.status:
            found[known.session] = replace(
                known,
                ended=entry["at"],
                status=last["status"],
                chunks=int(last["chunks"]),
                bytes=int(last["bytes"]),
                digest=last["digest"],
            )
    return found
