"""Who logged in, and who was refused, out of what sshd and sudo say. Pure.

sshd of OpenSSH 9.2 and the sshd-session of 10.0 use the same words; the process that says them is the login's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..adoption.logins import plain_address
from ..sessions.words import told
from . import data_sets
from .entries import BECOMING_ROOT, DATA_UNIT, SIGN_UNIT, SSHD

DATA = "data"
"""The service of logins to data sets."""
_PEER = r"from (?P<source>\S+) port (?P<port>\d+)"
_CONNECTION = re.compile(rf"Connection {_PEER} on (?P<address>\S+) port (?P<to_port>\d+)")
# OpenSSH, auth.c: auth_log() and format_method_key(). Partial: taken, and more is asked for, as a code after a key.
_ACCEPTED = re.compile(rf"(?P<word>Accepted|Partial) (?P<method>\S+) for (?P<user>.+) {_PEER} ssh2(?:: (?P<key>.+))?$")
# The id of a certificate is its authority's free text, so the last words that fit are sshd's.
_CERTIFICATE = re.compile(
    r"(?P<type>\S+) (?P<fingerprint>SHA256:[A-Za-z0-9+/=]+) ID (?P<id>.*) \(serial (?P<serial>\d+)\) "
    r"CA \S+ (?P<authority>SHA256:[A-Za-z0-9+/=]+)"
)
_KEY = re.compile(r"(?P<type>\S+) (?P<fingerprint>SHA256:[A-Za-z0-9+/=]+)")
_CLOSED = re.compile(r"pam_unix\([^)]*:session\): session closed for user ")
_REFUSED = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (rf"Failed (?P<method>\S+) for (?:invalid user )?(?P<user>.*) {_PEER}", "key or password"),
        (r"User (?P<user>.+) from (?P<source>\S+) not allowed because ", "not admitted by sshd"),
        (rf"Invalid user (?P<user>.*) {_PEER}", "no such user"),
        (r"pam_access\([^)]*\): access denied for user `(?P<user>.+)' from `(?P<source>[^']+)'", "not admitted by PAM"),
        (
            rf"(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?(?P<user>.*) {_PEER}",
            "too many attempts",
        ),
        (
            r"Connection (?:closed|reset) by authenticating user (?P<user>.+) (?P<source>\S+) port (?P<port>\d+)",
            "gave up before being let in",
        ),
        (r"Unable to negotiate with (?P<source>\S+) port (?P<port>\d+)", "no common algorithm"),
        (r"drop connection #\d+ from \[(?P<source>[^]]+)\]:\d+", "turned away for earlier failures"),
    )
)
# What sshd has against a certificate it says in a line of its own, before the one that tells whose it was.
_AGAINST = re.compile(r"Certificate invalid: (?P<why>.+)$|cert: .* (?P<source>not from a permitted source address)")
_SUDO = re.compile(r"\s*(?P<user>\S+) : (?P<rest>.*)$")
_OPENED = re.compile(r"pam_unix\([^)]*:session\): session opened for user ")


@dataclass(frozen=True)
class Login:
    """One login. Times are microseconds since 1970; ``end`` is 0 where none was seen.

    ``host`` is where it led to and ``address`` which of its addresses; ``source`` is an address. ``key`` is the
    fingerprint of the key, also of one after which a code was asked for (the code is then the ``method``); ``certificate``,
    ``serial`` and ``authority`` are empty where it was no certificate's. ``recordings`` names the sessions of it that were
    recorded. ``data_sets`` are those that lay there for a login to data, ``data_sets_missing`` how many more were counted;
    ``None`` where nothing was told, as of other logins.
    """

    user: str
    host: str
    source: str
    port: int
    begin: int
    end: int = 0
    service: str = "ssh"
    method: str = ""
    key: str = ""
    certificate: str = ""
    serial: str = ""
    authority: str = ""
    address: str = ""
    recordings: tuple[str, ...] = ()
    data_sets: tuple[str, ...] | None = None
    data_sets_missing: int = 0


@dataclass(frozen=True)
class Refusal:
    """A login that was refused, as one word of sshd or PAM tells of it; one attempt may give several."""

    user: str
    host: str
    source: str
    why: str
    at: int


@dataclass(frozen=True)
class Elevation:
    """Somebody who became root."""

    user: str
    host: str
    command: str
    at: int


def logins(entries: Iterable[Mapping[str, Any]]) -> list[Login]:
    """Return the logins that entries (plain data of ``entries.Entry``) tell of, oldest first, with their ends."""
    open_ones: dict[tuple[str, str, int], int] = {}
    peers: dict[tuple[str, str, int], tuple[str, int, str]] = {}
    partly: dict[tuple[str, str, int], Login] = {}
    found: list[Login] = []
    entries = list(entries)
    recorded: dict[tuple[str, str, int], list[str]] = {}
    for session in told(entries).values():
        recorded.setdefault((session.host, session.boot, session.login), []).append(session.session)
    lay_there: dict[int, data_sets.Told] = {}
    newest: dict[tuple[str, str, int], int] = {}
    for entry in entries:
        said = data_sets.said_of(entry)
        if said is not None:
            # Also what comes after the end: the newest login of a process is the one that it is of.
            at = newest.get((entry["host"], entry["boot"], said.login), -1)
            if at in lay_there:
                lay_there[at].take(said)
        if entry["by"] not in SSHD:
            continue
        process = (entry["host"], entry["boot"], entry["pid"])
        text = entry["text"]
        connection = _CONNECTION.match(text)
        if connection is not None:
            peers[process] = (plain_address(connection["source"]), int(connection["port"]), plain_address(connection["address"]))
        login, whole = _accepted(entry)
        if login is not None and not whole:
            if login.key:
                partly[process] = login
        elif login is not None:
            login = _by_key(login, partly.pop(process, None))
            source, port, address = peers.get(process, ("", 0, ""))
            open_ones[process] = newest[process] = len(found)
            if login.service == DATA:
                lay_there[len(found)] = data_sets.Told(login.user)
            login = replace(login, recordings=tuple(recorded.get(process, ())))
            found.append(replace(login, address=address) if (source, port) == (login.source, login.port) else login)
        elif _CLOSED.match(text) and process in open_ones:
            at = open_ones.pop(process)
            found[at] = replace(found[at], end=entry["at"])
    for at, those in lay_there.items():
        found[at] = replace(found[at], data_sets=those.data_sets, data_sets_missing=those.missing)
    return sorted(found, key=lambda login: (login.begin, login.host, login.user))


def refusals(entries: Iterable[Mapping[str, Any]]) -> Iterator[Refusal]:
    """Yield what entries tell of refused logins."""
    against: dict[tuple[str, str, int], str] = {}
    for entry in entries:
        if entry["by"] not in SSHD:
            continue
        process = (entry["host"], entry["boot"], entry["pid"])
        text = entry["text"].removeprefix("error: ")
        reason = _AGAINST.match(text)
        if reason is not None:
            against[process] = reason["why"] or reason["source"]
            continue
        for pattern, why in _REFUSED:
            said = pattern.match(text)
            if said is not None:
                parts = said.groupdict()
                if parts.get("method") and "-CERT " in text:
                    told = f"certificate: {against.pop(process, 'of an authority that is not trusted, or refused')}"
                else:
                    told = why
                yield Refusal(parts.get("user") or "", entry["host"], plain_address(parts.get("source") or ""), told, entry["at"])
                break


def elevations(entries: Iterable[Mapping[str, Any]]) -> Iterator[Elevation]:
    """Yield who became root, by what command.

    sudo names the command as its caller, with the caller's group, and so may anybody. What follows, that a session was opened,
    the same process says with root's group, which only becoming root gives. So what it named last before that counts.
    """
    asked: dict[tuple[object, ...], Elevation] = {}
    for entry in entries:
        if entry["by"] not in BECOMING_ROOT:
            continue
        uid, root = entry.get("uid", -1), 0 in (entry.get("uid"), entry.get("gid"))
        process = (entry["by"], entry["host"], entry["boot"], entry["pid"], uid)
        said = _SUDO.match(entry["text"])
        if said is not None and "COMMAND=" in said["rest"]:
            found = Elevation(said["user"], entry["host"], said["rest"].partition("COMMAND=")[2], entry["at"])
            if root:
                yield found
            else:
                asked[process] = found
        elif root and process in asked and _OPENED.match(entry["text"]):
            yield asked.pop(process)


def _by_key(login: Login, before: Login | None) -> Login:
    """Return ``login`` with the key that its process took ``before`` it, where it names none itself."""
    if before is None or login.key or (before.user, before.source, before.port) != (login.user, login.source, login.port):
        return login
    return replace(login, key=before.key, certificate=before.certificate, serial=before.serial, authority=before.authority)


def _accepted(entry: Mapping[str, Any]) -> tuple[Login | None, bool]:
    """Return the login that a line tells of, and whether that is the whole of it: else more was asked for."""
    said = _ACCEPTED.match(entry["text"])
    if said is None:
        return None, False
    whole = said["word"] == "Accepted"
    key = said["key"] or ""
    certificate = _CERTIFICATE.match(key)
    plain = _KEY.match(key)
    by = (entry["unit"], f"{entry['by']}.service")
    service = DATA if DATA_UNIT in by else "sign" if SIGN_UNIT in by else "ssh"
    login = Login(
        said["user"], entry["host"], plain_address(said["source"]), int(said["port"]), entry["at"], 0, service, said["method"]
    )
    if certificate is not None:
        login = replace(
            login,
            key=certificate["fingerprint"],
            certificate=certificate["id"],
            serial=certificate["serial"],
            authority=certificate["authority"],
        )
    elif plain is not None:
        login = replace(login, key=plain["fingerprint"])
    return login, whole
