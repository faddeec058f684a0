"""What is wrong with a certificate that a signer gave, from a real ssh-keygen's words."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from module_utils.identity.certificate import faults, fingerprint_of

RIGHT = ("-n", "sato", "-O", "source-address=192.0.2.70/32", "-V", "-1m:+10m")


def keygen(*words: object) -> str:
    return subprocess.run(["env", "TZ=UTC", "ssh-keygen", *map(str, words)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("keys")
    for name in ("authority", "other", "key"):
        keygen("-q", "-t", "ed25519", "-N", "", "-f", found / name)
    return found


def wrong(room: Path, *options: str, authority: str = "authority", later: timedelta = timedelta()) -> list[str]:
    keygen("-q", "-s", room / authority, "-I", "sato@login1", *options, room / "key.pub")
    told = keygen("-L", "-f", room / "key-cert.pub")
    key, expected = (fingerprint_of(keygen("-l", "-f", room / f"{name}.pub")) for name in ("key", "authority"))
    return list(faults(told, "sato", key, expected, datetime.now(UTC) + later))


def test_one_as_it_should_be(room: Path) -> None:
    assert wrong(room, *RIGHT) == []


def test_one_by_another_authority(room: Path) -> None:
    assert wrong(room, *RIGHT, authority="other") == ["it is not by this signer's authority"]


def test_one_that_is_expired_or_not_good_yet(room: Path) -> None:
    for later in (timedelta(hours=1), -timedelta(hours=1)):
        [words] = wrong(room, *RIGHT, later=later)
        assert words.startswith("it is good from ")
        assert words.endswith("(UTC)")


def test_one_for_somebody_else_from_everywhere_without_end(room: Path) -> None:
    assert wrong(room, "-n", "kato") == ["it is for kato, not for sato", "it is good from every address", "it has no end"]
    assert "it is for everybody, not for sato" in wrong(room, "-V", "-1m:+10m")


def test_one_for_a_host(room: Path) -> None:
    assert "it is no user certificate" in wrong(room, "-h", "-n", "sato", "-V", "-1m:+10m")


def test_no_certificate_at_all() -> None:
    assert fingerprint_of("no such file") == ""
    assert "it is no user certificate" in list(faults("", "sato", "SHA256:a", "SHA256:b", datetime.now(UTC)))
