"""What sshd, PAM and sudo said on machines of the twin: OpenSSH 9.2 (Debian 12) and 10.0 (Debian 13)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.audit.entries import LONGEST, as_data, entry_of
from module_utils.audit.logins import Login, elevations, logins, refusals

KEY = "SHA256:5Dx76+KQci6qXMmHOxvD7lYHEvKb9u3DG8ANuephx+4"
CA = "SHA256:VyOsmJ2zsJk0S2XhOZAVLBDi3tmXvi8sEhL9dEZ/+LU"
SSHD = ("sshd", "sshd-session")
ID = "aoki via login1 (serial 9) CA ED25519 SHA256:AAAA"


def said_by(text: str, by: str = "sshd", at: int = 1, **more: Any) -> dict[str, str]:
    """An entry of a journal; these are the fields that are looked at."""
    return {
        "MESSAGE": text, "SYSLOG_IDENTIFIER": by, "_PID": "38", "_UID": "0", "_GID": "0", "_BOOT_ID": "48a1",
        "_SYSTEMD_UNIT": "ssh.service", "__REALTIME_TIMESTAMP": str(at), "__MONOTONIC_TIMESTAMP": str(at),
        "_TRANSPORT": "syslog", **more,
    }  # fmt: skip


def entries(*texts: str, by: str = "sshd", host: str = "mdx1", **more: Any) -> list[dict[str, Any]]:
    found = [entry_of(host, said_by(text, by, at, **more)) for at, text in enumerate(texts, 1)]
    return [as_data(entry) for entry in found if entry is not None]


@pytest.mark.parametrize("by", SSHD)
def test_a_login_by_key_with_its_end(by: str) -> None:
    seen = entries(
        'Connection from 192.0.2.70 port 54968 on 192.0.2.101 port 22 rdomain ""',
        f"Accepted publickey for aoki from 192.0.2.70 port 54968 ssh2: ED25519 {KEY}",
        "pam_unix(sshd:session): session opened for user aoki(uid=2001) by (uid=0)",
        "User child is on pid 66",
        "pam_unix(sshd:session): session closed for user aoki",
        by=by,
    )
    assert logins(seen) == [
        Login("aoki", "mdx1", "192.0.2.70", 54968, 2, 5, "ssh", "publickey", KEY, address="192.0.2.101"),
    ]


@pytest.mark.parametrize("by", SSHD)
def test_a_login_by_certificate(by: str) -> None:
    signed = f"ED25519-CERT {KEY} ID {ID} (serial 4711) CA ED25519 {CA}"
    said = f"Accepted publickey for aoki from 2001:db8:0:2102::10 port 51876 ssh2: {signed}"
    found = logins(entries(said, by=by))[0]
    # Whoever chose the id can't make another serial or authority of it.
    assert (found.key, found.certificate, found.serial, found.authority) == (KEY, ID, "4711", CA)
    assert (found.source, found.end) == ("2001:db8:0:2102::10", 0)


@pytest.mark.parametrize("by", SSHD)
def test_a_login_by_key_and_code_names_the_key(by: str) -> None:
    """As sshd said it with ``AuthenticationMethods publickey,keyboard-interactive:pam``."""
    begin = (
        f"Partial publickey for sato from 192.0.2.20 port 46312 ssh2: ED25519 {KEY}",
        "Postponed keyboard-interactive for sato from 192.0.2.20 port 46312 ssh2 [preauth]",
    )
    end = "Accepted keyboard-interactive/pam for sato from 192.0.2.20 port 46312 ssh2"
    assert logins(entries(*begin, by=by)) == []  # a key alone is no login
    [found] = logins(entries(*begin, end, by=by))
    assert (found.user, found.method, found.key) == ("sato", "keyboard-interactive/pam", KEY)
    assert [one.key for one in logins([*entries(*begin, by=by), *entries(end, by=by, _PID="39")])] == [""]
    other = end.replace("46312", "46313")
    assert [one.key for one in logins(entries(*begin, other, by=by))] == [""]


def test_a_login_by_certificate_and_code_names_both() -> None:
    said = f"publickey for aoki from 192.0.2.20 port 5 ssh2: ED25519-CERT {KEY} ID {ID} (serial 4711) CA ED25519 {CA}"
    [found] = logins(entries(f"Partial {said}", "Accepted keyboard-interactive/pam for aoki from 192.0.2.20 port 5 ssh2"))
    assert (found.key, found.certificate, found.serial, found.authority) == (KEY, ID, "4711", CA)


def test_a_login_to_data() -> None:
    said = f"Accepted publickey for sato from 192.0.2.101 port 5 ssh2: ED25519 {KEY}"
    assert logins(entries(said, _SYSTEMD_UNIT="kakehashi-data-sshd.service"))[0].service == "data"
    assert logins(entries(said, _SYSTEMD_UNIT="kakehashi-sign-sshd.service"))[0].service == "sign"
    assert logins(entries(said, by="kakehashi-sign-sshd"))[0].service == "sign"


def test_processes_of_two_hosts_or_boots_are_not_confused() -> None:
    begin, end = (
        f"Accepted publickey for aoki from 192.0.2.70 port 1 ssh2: ED25519 {KEY}",
        "pam_unix(sshd:session): session closed for user aoki",
    )
    mixed = [*entries(begin), *entries(begin, host="mdx2"), *entries(end, host="mdx2", _BOOT_ID="other"), *entries("", end)]
    assert [(n.host, n.end) for n in logins(mixed)] == [("mdx1", 2), ("mdx2", 0)]


REFUSED = [
    (f"Failed publickey for tester from 127.0.0.1 port 51876 ssh2: ED25519 {KEY}", "tester", "127.0.0.1", "key or password"),
    ("User nobody from 127.0.0.1 not allowed because not listed in AllowUsers", "nobody", "127.0.0.1", "not admitted by sshd"),
    ("Invalid user x from 1.2.3.4 port 5 from 127.0.0.1 port 36602", "x from 1.2.3.4 port 5", "127.0.0.1", "no such user"),
    ("pam_access(sshd:account): access denied for user `sato' from `192.0.2.21'", "sato", "192.0.2.21", "not admitted by PAM"),
    (
        "error: maximum authentication attempts exceeded for sato from 192.0.2.21 port 7 ssh2 [preauth]",
        "sato",
        "192.0.2.21",
        "too many attempts",
    ),
    (
        "Connection closed by authenticating user tester 127.0.0.1 port 36590 [preauth]",
        "tester",
        "127.0.0.1",
        "gave up before being let in",
    ),
    (
        "Unable to negotiate with 127.0.0.1 port 39532: no matching cipher found. Their offer: 3des-cbc [preauth]",
        "",
        "127.0.0.1",
        "no common algorithm",
    ),
    (
        "drop connection #0 from [127.0.0.1]:41454 on [127.0.0.1]:2222 penalty: failed authentication",
        "",
        "127.0.0.1",
        "turned away for earlier failures",
    ),
]


@pytest.mark.parametrize(("text", "user", "source", "why"), REFUSED)
def test_refusals(text: str, user: str, source: str, why: str) -> None:
    found = list(refusals(entries(text)))
    assert [(r.user, r.source, r.why) for r in found] == [(user, source, why)]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("error: Certificate invalid: expired", "certificate: expired"),
        ("Certificate invalid: name is not a listed principal", "certificate: name is not a listed principal"),
        (
            "cert: Authentication tried for tester with valid certificate but not from a permitted source address (127.0.0.1).",
            "certificate: not from a permitted source address",
        ),
        ("Postponed", "certificate: of an authority that is not trusted, or refused"),
    ],
)
def test_what_a_certificate_was_refused_for(before: str, why: str) -> None:
    failed = f"Failed publickey for tester from 127.0.0.1 port 36610 ssh2: ED25519-CERT {KEY} ID old (serial 1) CA ED25519 {CA}"
    assert [r.why for r in refusals(entries(before, failed))] == [why]


COMMAND = "    aoki : PWD=/home/aoki ; USER=root ; COMMAND=/bin/sh -c 'id'"
OPENED = "pam_unix(sudo:session): session opened for user root(uid=0) by aoki(uid=2001)"
CALLER = {"_UID": "2001", "_GID": "2001", "_EXE": "/usr/bin/sudo"}
ROOTS = {**CALLER, "_GID": "0"}


def by_sudo(*said: tuple[str, dict[str, str]]) -> list[str]:
    """The commands by which somebody became root, as processes under sudo's name said it one after the other."""
    found = [entry_of("mdx1", said_by(text, "sudo", at, **more)) for at, (text, more) in enumerate(said, 1)]
    return [e.command for e in elevations(as_data(entry) for entry in found if entry is not None)]


def test_who_became_root() -> None:
    """As sudo 1.9.13 and 1.9.16 of Debian say it: the command with the caller's group, that a session began with root's."""
    seen = [*entries(COMMAND, by="sudo", **CALLER), *entries("", OPENED, by="sudo", **ROOTS)]
    assert [(e.user, e.host, e.command, e.at) for e in elevations(seen)] == [("aoki", "mdx1", "/bin/sh -c 'id'", 1)]
    assert by_sudo((COMMAND, {})) == ["/bin/sh -c 'id'"]  # root's own
    assert by_sudo((COMMAND, ROOTS)) == ["/bin/sh -c 'id'"]


@pytest.mark.parametrize(
    "forged",
    [
        # A program of the account's own in sudo's place, in a namespace of its own, or in sudo by LD_PRELOAD.
        [(COMMAND, CALLER)],
        [(COMMAND, CALLER), (OPENED, CALLER)],
        # Beside somebody's real sudo: another process, another's number (as when a process' number comes again), another boot.
        [(COMMAND, {**CALLER, "_PID": "39"}), (OPENED, ROOTS)],
        [(COMMAND, {**CALLER, "_UID": "3001"}), (OPENED, ROOTS)],
        [(COMMAND, {**CALLER, "_BOOT_ID": "other"}), (OPENED, ROOTS)],
        # What comes by another of journald's sockets may be taken late, between what sudo says.
        [(COMMAND, {**CALLER, "_TRANSPORT": "journal"}), (OPENED, ROOTS)],
        # What sudo says when it became another user.
        [(COMMAND, CALLER), (OPENED, {**CALLER, "_GID": "2002"})],
        [(COMMAND, CALLER), ("pam_unix(sudo:session): session closed for user root", ROOTS)],
        [(OPENED, ROOTS), (COMMAND, CALLER)],
    ],
)
def test_who_did_not_become_root_is_not_believed(forged: list[tuple[str, dict[str, str]]]) -> None:
    assert by_sudo(*forged) == []


def test_who_says_another_command_and_becomes_root_then_is_told_by_the_real_one() -> None:
    real = COMMAND.replace("/bin/sh -c 'id'", "/usr/local/sbin/kakehashi-record")
    assert by_sudo((COMMAND, CALLER), (real, CALLER), (OPENED, ROOTS)) == ["/usr/local/sbin/kakehashi-record"]
    # A session is opened once.
    assert len(by_sudo((real, CALLER), (OPENED, ROOTS), (OPENED, ROOTS))) == 1


@pytest.mark.parametrize(
    ("by", "more", "kept"),
    [
        ("sshd", {"_UID": "3001"}, False),
        ("sshd", {"_UID": None}, False),
        ("sudo", {"_UID": "3001", "_GID": "3001", "_EXE": "/usr/bin/logger"}, False),
        ("sudo", {"_UID": "3001", "_GID": "3001"}, False),
        ("sudo", {"_UID": "2001", "_GID": "0"}, True),
        ("sudo", {"_UID": "2001", "_GID": "0", "_TRANSPORT": "journal"}, False),
        ("sudo", {"_UID": "3001", "_GID": "3001", "_EXE": "/usr/bin/sudo", "_TRANSPORT": "journal"}, False),
        ("kakehashi-left-out", {}, False),
        ("kakehashi-revert", {}, True),
        ("kakehashi-revert", {"_UID": "3001"}, False),
        ("kakehashi-certificate", {}, True),
        ("kakehashi-certificate", {"_UID": "3001"}, False),
        ("kakehashi-sign", {"_UID": "998", "_SYSTEMD_UNIT": "kakehashi-sign-sshd.service"}, True),
        ("kakehashi-sign", {"_UID": "998"}, False),
        ("kakehashi-sign", {}, False),
        ("cron", {}, False),
    ],
)
def test_anybody_may_log_but_not_for_others(by: str, more: dict[str, Any], kept: bool) -> None:
    assert (entry_of("mdx1", said_by("Accepted publickey for aoki from 192.0.2.70 port 1 ssh2", by, **more)) is not None) is kept


def test_what_is_sent_twice_has_one_id_and_what_differs_another() -> None:
    one, again, other = (entry_of("mdx1", said_by("x", at=at)) for at in (1, 1, 2))
    elsewhere = entry_of("mdx2", said_by("x"))
    assert one == again
    assert len({e.id for e in (one, other, elsewhere) if e is not None}) == 3


def test_text_of_any_kind_is_one_printable_said_by() -> None:
    found = entry_of("mdx1", said_by("A\n\x1b\N{REPLACEMENT CHARACTER}B"))
    assert found is not None
    assert found.text == "A??\N{REPLACEMENT CHARACTER}B"
    long = entry_of("mdx1", said_by("x" * 99_999))
    assert long is not None
    assert len(long.text) == LONGEST


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_text_is_read_or_left_out(host: str, text: str) -> None:
    assert entry_of(host, {"MESSAGE": text}) is None
    for by in ("sshd", "sudo"):
        found = entry_of(host, said_by(text, by))
        seen = [as_data(found)] if found is not None else []
        logins(seen)
        list(refusals(seen))
        list(elevations(seen))


@given(
    st.text(min_size=1, max_size=30).filter(lambda t: t.strip() == t and t.isprintable() and " " not in t),
    st.integers(0, 2**64 - 1),
)
def test_a_certificate_with_any_id_is_told(name: str, serial: int) -> None:
    said = (
        f"Accepted publickey for aoki from 192.0.2.70 port 1 ssh2: ED25519-CERT {KEY} ID {name} (serial {serial}) CA ED25519 {CA}"
    )
    found = logins(entries(said))[0]
    assert (found.certificate, found.serial) == (name, str(serial))
