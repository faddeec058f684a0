"""A host's key and its next one are exchanged so that a crash leaves no moment without a key, and nothing mixed up for long."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from module_utils.identity import host_pairs
from module_utils.identity.host_certificates import plain, read
from module_utils.identity.host_pairs import HostPair, observe
from module_utils.identity.rooms import swap
from tests.support.modules import call

NAME = "ssh_host_ed25519_key"


def keygen(*words: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)


@pytest.fixture
def pair(tmp_path: Path) -> HostPair:
    room = tmp_path / "ssh"
    room.mkdir()
    (room / "moduli").touch()
    keygen("-t", "ed25519", "-N", "", "-C", "root@mdx1", "-f", str(room / NAME))
    keygen("-t", "ed25519", "-N", "", "-f", str(tmp_path / "ca"))
    return HostPair(room / NAME, room / "second")


def certify(path: Path, ca: Path) -> None:
    keygen("-h", "-s", str(ca), "-I", "mdx1", "-n", "mdx1", "-V", "-1m:+1h", f"{path}.pub")


def turn(pair: HostPair, state: str, *, check: bool = False) -> Mapping[str, Any]:
    pairs = [{"subject": "mdx1", "path": str(pair.current), "second": str(pair.room)}]
    return call("key_turnover", {"pairs": pairs, "state": state}, check=check)


def parts(path: Path) -> list[str]:
    """Whose the private half, the public one and the certificate are (nothing where there is none)."""
    derived = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], check=True, capture_output=True, text=True).stdout
    public, certificate = (path.with_name(f"{NAME}{suffix}") for suffix in (".pub", "-cert.pub"))
    found = read(certificate.read_text()).key if certificate.exists() else ""
    return [plain(derived), plain(public.read_text()) if public.exists() else "", found]


def test_a_key_is_replaced_step_by_step_and_each_step_can_be_repeated(pair: HostPair, tmp_path: Path) -> None:
    first = plain(observe(pair).current)
    certify(pair.current, tmp_path / "ca")
    assert turn(pair, "next", check=True)["steps"] == ["make a next key of mdx1"]
    assert not pair.room.exists()
    assert turn(pair, "next")["changed"]
    second = plain(observe(pair).beside)
    assert (observe(pair).following, first != second) == (True, True)
    assert [(path.name, path.stat().st_mode & 0o777) for path in sorted(pair.room.iterdir())] == [
        (NAME, 0o600),
        (f"{NAME}.pub", 0o644),
    ]
    assert observe(pair).beside.split()[2:] == ["root@mdx1"]
    assert not turn(pair, "next")["changed"]
    assert not turn(pair, "forgotten")["changed"], "the next key is not the one before"
    certify(pair.second, tmp_path / "ca")
    assert turn(pair, "switched")["changed"]
    assert (parts(pair.current), parts(pair.second)) == ([second] * 3, [first] * 3)
    assert not turn(pair, "switched")["changed"]
    assert turn(pair, "back")["found"][0]["following"] is True
    assert parts(pair.current) == [first] * 3
    turn(pair, "switched")
    assert turn(pair, "forgotten")["public_keys"] == [observe(pair).current]
    assert not turn(pair, "forgotten")["changed"]
    assert parts(pair.current) == [second] * 3
    assert sorted(path.name for path in pair.current.parent.iterdir()) == ["moduli", NAME, f"{NAME}-cert.pub", f"{NAME}.pub"]


def test_which_is_newer_does_not_hang_on_the_clock(pair: HostPair) -> None:
    os.utime(pair.current, (4102444800, 4102444800))
    turn(pair, "next")
    assert observe(pair).following


@pytest.mark.parametrize("renames", [1, 2, 3])
@pytest.mark.parametrize("goes_on", ["settle", "forget"])
def test_a_run_that_dies_between_the_renames_is_put_right_by_the_next(
    pair: HostPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int, goes_on: str
) -> None:
    certify(pair.current, tmp_path / "ca")
    turn(pair, "next")
    certify(pair.second, tmp_path / "ca")
    first, second = plain(observe(pair).current), plain(observe(pair).beside)
    left = [renames]

    def dying(one: Path, other: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        swap(one, other)

    with monkeypatch.context() as patched:
        patched.setattr(host_pairs, "swap", dying)
        try:
            host_pairs.exchange(pair)
        except KeyboardInterrupt:
            assert renames < 3
    now = observe(pair)
    assert (plain(now.current), plain(now.beside), now.following) == (second, first, False), "sshd goes by the private half"
    getattr(host_pairs, goes_on)(pair)
    assert parts(pair.current) == [second] * 3
    if goes_on == "settle":
        assert parts(pair.second) == [first] * 3
        assert host_pairs.settle(pair) is False
    else:
        assert not pair.room.exists()


def test_without_certificates_only_the_halves_move(pair: HostPair) -> None:
    turn(pair, "next")
    first, second = plain(observe(pair).current), plain(observe(pair).beside)
    turn(pair, "switched")
    assert (parts(pair.current), parts(pair.second)) == ([second, second, ""], [first, first, ""])


def test_a_certificate_of_the_key_before_does_not_stay_beside_the_new_one(pair: HostPair, tmp_path: Path) -> None:
    certify(pair.current, tmp_path / "ca")
    turn(pair, "next")
    first, second = plain(observe(pair).current), plain(observe(pair).beside)
    turn(pair, "switched")
    assert (parts(pair.current), parts(pair.second)) == ([second, second, ""], [first] * 3)


def test_a_next_key_that_is_half_made_is_made_anew(pair: HostPair) -> None:
    turn(pair, "next")
    pair.second.write_text("")
    assert observe(pair).beside == ""
    assert turn(pair, "next")["changed"]
    assert observe(pair).following


def test_a_key_that_can_not_be_read_is_named(pair: HostPair) -> None:
    pair.current.chmod(0o600)
    pair.current.write_text("damaged\n")
    said = turn(pair, "next")
    assert said["failed"]
    assert said["msg"].startswith(f"ssh-keygen can't tell the public half of {pair.current}: ")
    assert not pair.room.exists()
