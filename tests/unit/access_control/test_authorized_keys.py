from __future__ import annotations

import base64

import pytest

from module_utils.access_control.authorized_keys import KeyLineError, check_key, key_lines

BLOB = base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519" + b"\x00\x00\x00\x20" + bytes(32)).decode()
KEY = f"ssh-ed25519 {BLOB} a comment"


def test_every_line_has_its_origins_and_no_forwarding() -> None:
    text = key_lines([KEY, KEY, f"ssh-ed25519 {BLOB}"], ["192.0.2.70", "2001:db8::10"])
    assert text.splitlines() == [
        f'from="192.0.2.70,2001:db8::10",restrict,pty {KEY}',
        f'from="192.0.2.70,2001:db8::10",restrict,pty ssh-ed25519 {BLOB}',
    ]


def test_forwarding_is_left_to_sshd_only_where_asked() -> None:
    assert ",restrict,pty,port-forwarding ssh" in key_lines([KEY], ["192.0.2.70"], forwarding=True)


def test_certificates_open_from_where_keys_do_and_for_one_name() -> None:
    text = key_lines([KEY], ["192.0.2.70", "2001:db8::10"], forwarding=True, authorities=[KEY, KEY], name="aoki")
    assert text.splitlines() == [
        f'from="192.0.2.70,2001:db8::10",restrict,pty,port-forwarding {KEY}',
        f'from="192.0.2.70,2001:db8::10",restrict,pty,port-forwarding,cert-authority,principals="aoki" {KEY}',
    ]


def test_without_origins_no_key_is_written() -> None:
    assert key_lines([KEY], []) == key_lines([], [], authorities=[KEY], name="aoki") == ""


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (f"{KEY}\nssh-ed25519 {BLOB}", "several lines"),
        (f'from="*" {KEY}', "key type"),
        ("ssh-ed25519", "key type"),
        ("ssh-dss AAAA", "key type"),
        ("ssh-ed25519 A!A", "not base64"),
        (f"ssh-rsa {BLOB}", "another type"),
        (f"ssh-ed25519 {BLOB} bell\x07", "control characters"),
    ],
)
def test_what_is_no_plain_key_is_refused(key: str, words: str) -> None:
    with pytest.raises(KeyLineError, match=words):
        check_key(key)
