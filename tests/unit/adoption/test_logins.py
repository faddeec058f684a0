from __future__ import annotations

import json
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.adoption.logins import Login, accepted, from_journal, from_syslog, from_wtmp, merged, plain_address, summed

LINE = "Accepted publickey for sato from 192.0.2.70 port 50022 ssh2: ED25519 SHA256:abcDEF+/123"


def entry(message: str, *, uid: str = "0", unit: str = "ssh.service", at: int = 1_000) -> str:
    return json.dumps({"MESSAGE": message, "_UID": uid, "_SYSTEMD_UNIT": unit, "__REALTIME_TIMESTAMP": str(at * 1_000_000 + 7)})


def record(user: str, source: bytes = b"", host: str = "", line: str = "pts/0", kind: int = 7, at: int = 1_000) -> bytes:
    """A record as utmp(5) lays it out, made the long way round."""
    head = struct.pack("<hxxi32s4s", kind, 42, line.encode(), b"ts/0")
    return head + struct.pack("<32s256shhiii16s20x", user.encode(), host.encode(), 0, 0, 0, at, 0, source)


def test_an_accepted_line_tells_user_source_method_and_key() -> None:
    assert accepted(LINE, 5, "journal") == Login(
        5, "sato", "192.0.2.70", 50022, "publickey", "SHA256:abcDEF+/123", "ssh", "journal"
    )


def test_of_a_certificate_the_authority_is_told() -> None:
    line = LINE.replace("ED25519 SHA256:abcDEF+/123", "ED25519-CERT SHA256:key ID a CA b (serial 7) CA ED25519 SHA256:authority")
    found = accepted(line, 5, "journal")
    assert found is not None
    assert found.key == "SHA256:authority"


def test_a_password_login_has_no_key() -> None:
    login = accepted("Accepted password for root from 2001:db8::1 port 7 ssh2", 5, "journal")
    assert login is not None
    assert (login.method, login.key, login.source) == ("password", "", "2001:db8::1")


@pytest.mark.parametrize(
    "line", ["Failed password for root from 192.0.2.1 port 2 ssh2", "", "xAccepted publickey for a from b port 1"]
)
def test_other_lines_are_no_logins(line: str) -> None:
    assert accepted(line, 5, "journal") is None


@pytest.mark.parametrize(
    ("given_text", "plain"),
    [
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("host.example.org", "host.example.org"),
    ],
)
def test_addresses_are_made_plain(given_text: str, plain: str) -> None:
    assert plain_address(given_text) == plain


def test_a_journal_line_that_a_user_wrote_is_left_out() -> None:
    lines = [entry(LINE, uid="3001"), "no json", json.dumps([1]), json.dumps({"MESSAGE": [65], "_UID": "0"}), entry(LINE)]
    assert [login.time for login in from_journal(lines)] == [1_000]


def test_the_data_servers_own_daemon_is_told_apart() -> None:
    assert next(from_journal([entry(LINE, unit="kakehashi-data-sshd.service")])).service == "data"


def test_auth_log_without_a_year_is_the_last_such_day() -> None:
    now = int(time.mktime(time.strptime("2026 Jan 3 12:00:00", "%Y %b %d %H:%M:%S")))
    old, young = from_syslog(
        [f"Dec 31 23:59:58 mdx1 sshd[12]: {LINE}", "noise", f"Jan  2 00:00:01 mdx1 sshd-session[13]: {LINE}"],
        now,
    )
    assert time.localtime(old.time).tm_year == 2025
    assert time.localtime(young.time).tm_year == 2026


def test_auth_log_with_a_zone_is_read_as_it_says() -> None:
    (login,) = from_syslog([f"2026-11-23T16:00:00.123456+09:00 mdx1 sshd[1]: {LINE}"], 0)
    assert login.time == 1795417200


def test_a_leap_day_or_a_wrong_stamp_ends_nothing() -> None:
    now = int(time.mktime(time.strptime("2026 Mar 3 12:00:00", "%Y %b %d %H:%M:%S")))
    assert list(from_syslog([f"Feb 29 00:00:00 m sshd[1]: {LINE}", f"2026-13-99T00:00:00 m sshd[1]: {LINE}"], now)) == []


def test_wtmp_gives_user_and_source_of_both_families() -> None:
    data = record("sato", bytes([192, 0, 2, 70]) + bytes(12)) + record("kato", bytes.fromhex("20010db8000000000000000000000001"))
    assert [(x.user, x.source) for x in from_wtmp(data)] == [("sato", "192.0.2.70"), ("kato", "2001:db8::1")]


def test_wtmp_consoles_have_no_source_and_other_records_are_skipped() -> None:
    data = (
        record("root", line="tty1") + record("", kind=8) + record("reboot", kind=2) + record("sato", host="192.0.2.9") + b"torn"
    )
    assert [(x.user, x.source, x.service) for x in from_wtmp(data)] == [("root", "", "console"), ("sato", "192.0.2.9", "ssh")]


def test_one_login_in_two_records_counts_once() -> None:
    told = Login(1_000, "sato", "192.0.2.70", 50022, "publickey")
    again = [Login(1_003, "sato", "192.0.2.70", seen_in="wtmp"), Login(1_500, "sato", "192.0.2.70", seen_in="wtmp")]
    assert [x.time for x in merged([told], again)] == [1_000, 1_500]


def test_two_logins_at_once_by_different_ports_are_two() -> None:
    one, two = (Login(1_000, "sato", "192.0.2.70", p, seen_in=s) for p, s in ((1, "journal"), (2, "auth.log")))
    assert len(merged([one], [two])) == 2


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("abc"), st.sampled_from(["192.0.2.1", "192.0.2.2"]))))
def test_sums_lose_no_login_and_bound_each_row(raw: list[tuple[int, str, str]]) -> None:
    logins = [Login(*item) for item in raw]
    rows = summed(logins, 100)
    assert sum(row["count"] for row in rows) == sum(login.time >= 100 for login in logins)
    assert all(row["first"] <= row["last"] for row in rows)
    assert len({(row["user"], row["source"]) for row in rows}) == len(rows)


@given(st.binary(max_size=1_200))
def test_any_bytes_are_read_as_wtmp_without_a_fault(data: bytes) -> None:
    list(from_wtmp(data))
