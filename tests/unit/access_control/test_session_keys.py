from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from module_utils.access_control.session_keys import (
    Began,
    Taken,
    began,
    by_withdrawn_keys,
    certifying,
    fingerprints,
    key_files,
    replaced,
    unknown,
)
from module_utils.access_control.sessions import Session
from module_utils.access_control.sessions_host import replaced_keys, taken
from module_utils.identity.krl import build
from plugin_utils.render import stand_in

# `ssh-keygen -l` says the same of this key.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEyeQlvICB1rVkd7OdmSZ3MuebbGP/EGzAWdq6SFe/tN"
PRINT = "SHA256:3wdlXWj3Ox6rYBY51jkx2a1hFc6sLbOFsowfpXG/wyY"
SATO = Session(605, "sato", "192.0.2.21")
CA = "SHA256:authority"


def line(pid: int, message: object) -> str:
    return json.dumps({"_PID": str(pid), "MESSAGE": message})


def test_the_newest_line_of_a_process_tells_how_it_began() -> None:
    journal = "\n".join(
        [
            line(605, "Accepted publickey for kato from 192.0.2.21 port 50010 ssh2: ED25519 SHA256:older"),
            line(605, "Connection from 192.0.2.21 port 50012 on 192.0.2.70 port 22"),
            line(605, "Accepted publickey for sato from ::ffff:192.0.2.21 port 50012 ssh2: ED25519 SHA256:newer"),
            line(606, [1, 2, 3]),
            line(
                705,
                "Accepted publickey for kato from 2001:db8:0:2101::21 port 50014 ssh2: "
                "ED25519-CERT SHA256:key ID kato@login1 (serial 7) CA ED25519 SHA256:authority",
            ),
        ]
    )
    assert began(journal) == {
        605: Began("sato", "192.0.2.21", "SHA256:newer"),
        705: Began("kato", "2001:db8:0:2101::21", "SHA256:key", CA, "kato@login1"),
    }


@pytest.mark.parametrize(
    ("logged", "name"),
    [
        (r"\351\235\222\346\234\250-2026-11-30", "青木-2026-11-30"),
        (r"aoki\\lab", r"aoki\lab"),
        (r"aoki\\351 (serial 1) CA", r"aoki\351 (serial 1) CA"),
        (r"\377", "\ufffd"),
    ],
)
def test_a_certificates_name_is_told_as_it_was_before_sshd_wrote_it(logged: str, name: str) -> None:
    said = f"ED25519-CERT SHA256:key ID {logged} (serial 7) CA ED25519 SHA256:authority"
    found = began(line(705, f"Accepted publickey for aoki from 192.0.2.70 port 50014 ssh2: {said}"))
    assert found == {705: Began("aoki", "192.0.2.70", "SHA256:key", CA, name)}


def test_a_session_for_which_a_code_was_asked_too_began_by_its_key() -> None:
    journal = "\n".join(
        [
            line(605, "Partial publickey for sato from 192.0.2.21 port 50396 ssh2: ED25519 SHA256:lost"),
            line(605, "Accepted keyboard-interactive/pam for sato from 192.0.2.21 port 50396 ssh2"),
        ]
    )
    assert began(journal) == {605: Began("sato", "192.0.2.21", "SHA256:lost")}
    assert by_withdrawn_keys([SATO], began(journal), lambda _session: Taken(frozenset({PRINT}), frozenset())) == [SATO]


def test_sessions_of_which_the_journal_is_silent_are_told() -> None:
    others = Session(606, "kato", "192.0.2.22")
    seen = {605: Began("sato", "192.0.2.21", PRINT), 606: Began("sato", "192.0.2.22", PRINT)}
    assert unknown([SATO, others, Session(607, "mori", "192.0.2.23")], seen) == [others, Session(607, "mori", "192.0.2.23")]


@pytest.mark.parametrize("text", [KEY, f"{KEY} sato@desk", f'restrict,from="192.0.2.21",command="a b" {KEY}\n', f"\n# x\n{KEY}"])
def test_a_key_is_known_by_its_fingerprint_whatever_stands_beside_it(text: str) -> None:
    assert fingerprints(text) == {PRINT}


@pytest.mark.parametrize("text", ["", f"# {KEY}", "ssh-ed25519 not-base64!", "ssh-ed25519"])
def test_what_is_no_key_has_no_fingerprint(text: str) -> None:
    assert fingerprints(text) == set()


@pytest.mark.parametrize(
    ("by", "now", "ends"),
    [
        (Began("sato", "192.0.2.21", PRINT), Taken(frozenset({PRINT}), frozenset()), False),
        (Began("sato", "192.0.2.21", PRINT), Taken(frozenset(), frozenset()), True),
        # A certificate's key stands in no file.
        (Began("sato", "192.0.2.21", PRINT, CA, "lost"), Taken(frozenset(), frozenset({CA}), frozenset({"lost"})), True),
        (Began("sato", "192.0.2.21", PRINT, CA, "found"), Taken(frozenset(), frozenset({CA}), frozenset({"lost"})), False),
        (Began("sato", "192.0.2.21", PRINT, CA), Taken(frozenset(), frozenset({CA})), False),
        (Began("sato", "192.0.2.21", PRINT, CA), Taken(frozenset({PRINT}), frozenset()), True),
        # In doubt nobody is cut off: the number was another process's, the journal is silent, files don't tell.
        (Began("kato", "192.0.2.21", PRINT), Taken(frozenset(), frozenset()), False),
        (Began("sato", "192.0.2.22", PRINT), Taken(frozenset(), frozenset()), False),
        (None, Taken(frozenset(), frozenset()), False),
        (Began("sato", "192.0.2.21", PRINT), None, False),
    ],
)
def test_a_session_ends_with_its_key(by: Began | None, now: Taken | None, ends: bool) -> None:
    seen = {} if by is None else {SATO.pid: by}
    assert by_withdrawn_keys([SATO], seen, lambda _session: now) == ([SATO] if ends else [])


OTHER = "SHA256:other"


@pytest.mark.parametrize(
    ("by", "now", "spared", "ends"),
    [
        (Began("sato", "192.0.2.21", PRINT), Taken(frozenset({OTHER}), frozenset()), {PRINT}, False),
        (Began("sato", "192.0.2.21", PRINT), Taken(frozenset({OTHER}), frozenset()), set(), True),
        (Began("sato", "192.0.2.21", PRINT), Taken(frozenset({OTHER}), frozenset()), {OTHER}, True),
        (Began("sato", "192.0.2.21", PRINT, CA), Taken(frozenset(), frozenset({OTHER})), {CA}, False),
        (Began("sato", "192.0.2.21", PRINT, CA), Taken(frozenset(), frozenset({OTHER})), set(), True),
        # The certificate's own key decides nothing.
        (Began("sato", "192.0.2.21", PRINT, CA), Taken(frozenset(), frozenset({OTHER})), {PRINT}, True),
        # An account that was removed has no key any more, and the host no authority.
        (Began("sato", "192.0.2.21", PRINT), Taken(frozenset(), frozenset({OTHER})), {PRINT}, True),
        (Began("sato", "192.0.2.21", PRINT, CA), Taken(frozenset({OTHER}), frozenset()), {CA}, True),
    ],
)
def test_a_session_outlives_a_key_that_was_replaced_but_not_one_that_was_withdrawn(
    by: Began, now: Taken, spared: set[str], ends: bool
) -> None:
    assert by_withdrawn_keys([SATO], {SATO.pid: by}, lambda _session: now, spared) == ([SATO] if ends else [])


@pytest.mark.parametrize(
    ("time", "days", "holds"),
    [
        ("2026-01-16T12:00:00Z", 15, True),
        ("2026-01-16T11:59:59Z", 15, False),
        ("2026-01-31T12:00:01Z", 15, True),
        ("2126-01-31T12:00:00Z", 15, False),
        ("2026-01-31T12:00:00Z", 0, True),
        ("2026-01-31T11:59:59Z", 0, False),
        ("yesterday", 15, False),
        ("", 15, False),
    ],
)
def test_a_replaced_key_spares_for_a_time(time: str, days: int, holds: bool) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert replaced(f"\n# x\n{PRINT} {time}\n", now, days) == ({PRINT} if holds else set())


def test_the_file_tells_which_keys_were_replaced_and_without_it_none_was(tmp_path: Path) -> None:
    file = tmp_path / "replaced"
    assert replaced_keys(str(file), 15) == set()
    file.write_text(f"{PRINT} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{OTHER} 2020-01-31T12:00:00Z\n")
    assert replaced_keys(str(file), 15) == {PRINT}


@pytest.mark.parametrize(
    ("line", "certifies"),
    [
        (KEY, False),
        (f"{KEY} cert-authority", False),
        (f'from="192.0.2.21",restrict,pty {KEY}', False),
        (f'command="a,cert-authority,b c" {KEY}', False),
        (f'command="say \\"cert-authority,\\"",pty {KEY}', False),
        (f"# cert-authority {KEY}", False),
        (f'from="192.0.2.21",restrict,pty,cert-authority,principals="sato" {KEY}', True),
        (f'principals="a b",Cert-Authority {KEY}', True),
        (f"  cert-authority {KEY}", True),
    ],
)
def test_an_authority_among_keys_is_no_key(line: str, certifies: bool) -> None:
    keys, authorities = certifying(f"{line}\n")
    assert (authorities, keys) == ((line, "") if certifies else ("", line))


def test_what_a_file_of_keys_and_the_list_of_revoked_take_now(tmp_path: Path) -> None:
    other = stand_in("another")
    (tmp_path / "sato").write_text(f'from="192.0.2.21" {other}\nfrom="192.0.2.21",cert-authority,principals="sato" {KEY}\n')
    (tmp_path / "revoked").write_bytes(build([KEY], ["lost"]))
    (tmp_path / "sshd_config").write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/%u\nRevokedKeys {tmp_path}/revoked\n"
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "host")], check=True)

    def now() -> Taken | None:
        return taken("/usr/sbin/sshd", str(tmp_path / "sshd_config"), SATO)

    assert now() == Taken(fingerprints(other), frozenset({PRINT}), frozenset({"lost"}))
    (tmp_path / "revoked").write_bytes(b"of somebody else's make")
    assert now() == Taken(fingerprints(other), frozenset({PRINT}))
    (tmp_path / "sato").unlink()
    assert now() == Taken(frozenset(), frozenset())


def test_files_of_roots_tell_what_is_taken() -> None:
    effective = {
        "authorizedkeysfile": ("/etc/ssh/authorized_keys.d/%u none",),
        "trustedusercakeys": ("/etc/ssh/authorities",),
        "authorizedkeyscommand": ("none",),
    }
    assert key_files(effective, "sato") == (["/etc/ssh/authorized_keys.d/sato"], ["/etc/ssh/authorities"])


@pytest.mark.parametrize(
    "effective",
    [
        {"authorizedkeysfile": (".ssh/authorized_keys",)},
        {"authorizedkeysfile": ("/home/%h/keys",)},
        {"authorizedkeysfile": ("/keys/%u",), "authorizedkeyscommand": ("/usr/bin/ask",)},
    ],
)
def test_what_files_dont_tell_is_not_known(effective: dict[str, tuple[str, ...]]) -> None:
    assert key_files(effective, "sato") is None
