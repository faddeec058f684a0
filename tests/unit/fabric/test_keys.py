from __future__ import annotations

import base64

import pytest

from module_utils.fabric import keys


def _line(kind: str, *fields: bytes) -> str:
    blob = b"".join(len(f).to_bytes(4, "big") + f for f in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(blob).decode()} someone@example.org"


@pytest.mark.parametrize(
    "line",
    [
        _line("ssh-ed25519", bytes(32)),
        _line("ssh-rsa", b"\x01\x00\x01", b"\x80" + bytes(383)),
        _line("ecdsa-sha2-nistp256", b"nistp256", bytes(65)),
        _line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
    ],
)
def test_good_keys(line: str) -> None:
    assert keys.fault(line) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no OpenSSH public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("ssh-ed25519", "no whole"),
        ("ssh-ed25519 AAAA=A", "no whole"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "holds no"),
        (_line("ssh-ed25519", bytes(31)), "no whole"),
        (_line("ssh-rsa", b"\x01\x00\x01", b"\x80" + bytes(255)), "less than 3072 bits"),
        (_line("ssh-rsa"), "less than 3072 bits"),
        (_line("ssh-ed25519", bytes(32)).replace("ssh-ed25519", "ssh-rsa"), "another type"),
        ('from="192.0.2.1" ' + _line("ssh-ed25519", bytes(32)), "options before"),
        ("ssh-dss AAAA", "no OpenSSH public key"),
    ],
)
def test_bad_keys(line: str, words: str) -> None:
    fault = keys.fault(line)
    if words == "holds no":
        assert fault == keys.INCOMPLETE
    else:
        assert fault is not None
        assert words in fault


def test_the_comment_is_no_part_of_a_key() -> None:
    line = _line("ssh-ed25519", bytes(32))
    assert keys.material(line) == keys.material(line.replace("someone", "other"))
