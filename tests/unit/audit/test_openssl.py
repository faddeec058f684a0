"""Keys, requests and certificates, by the real openssl."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from module_utils.certificates import openssl
from module_utils.certificates.openssl import CertificateError


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    for name in ("authority", "other", "mdx1"):
        openssl.make_key(directory / name)
        assert (directory / name).stat().st_mode & 0o777 == 0o600
    return directory


@pytest.fixture(scope="module")
def authority(room: Path) -> str:
    return openssl.make_authority(room / "authority", "journals-of-log1", 3650)


def signed(room: Path, authority: str, name: str = "mdx1", days: int = 90) -> str:
    request = openssl.request(room / "mdx1", name)
    return openssl.sign(room / "authority", authority, request, name, days=days, server=False)


def test_a_certificate_says_whose_it_is_and_until_when(room: Path, authority: str) -> None:
    text = signed(room, authority)
    found = openssl.read(text)
    assert (found.name, found.public_key) == ("mdx1", openssl.public_key(room / "mdx1"))
    assert abs(found.until - time.time() - 90 * 86400) < 60
    assert not openssl.due(found, time.time(), 30)
    assert openssl.due(found, time.time() + 61 * 86400, 30)


def test_only_its_own_authority_vouches_for_it(room: Path, authority: str) -> None:
    text = signed(room, authority)
    assert openssl.issued_by(text, authority)
    assert not openssl.issued_by(text, openssl.make_authority(room / "other", "journals-of-log1", 3650))
    assert not openssl.issued_by(signed(room, authority, days=-1), authority)


def test_a_request_for_another_name_is_refused(room: Path, authority: str) -> None:
    request = openssl.request(room / "mdx1", "login1")
    with pytest.raises(CertificateError, match="the request of mdx1 asks for another name"):
        openssl.sign(room / "authority", authority, request, "mdx1", days=1, server=False)


@pytest.mark.parametrize("name", ["", "a/CN=b", "Mdx1", "-a", "a" * 65, "a\nb"])
def test_a_name_that_could_say_more_is_refused(name: str) -> None:
    with pytest.raises(CertificateError, match="is no host name"):
        openssl.checked_name(name)


def test_what_is_no_certificate_is_one_sentence(room: Path) -> None:
    with pytest.raises(CertificateError, match="openssl x509 failed"):
        openssl.read("nothing")
    with pytest.raises(CertificateError, match="openssl pkey failed"):
        openssl.public_key(room / "missing")
