"""What ssh makes of a host's certificate, asked of a real sshd without a network: whether it knows the host by it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from module_utils.identity.host_certificates import known_lines

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("sshd", path="/usr/sbin") is None, reason="needs root and sshd")

KNOWN, REFUSED = "ermission denied", "Host key verification failed"
"""Nobody may log in here: who is asked for a user's key has believed the host's."""


@dataclass(frozen=True)
class Place:
    """A host that is called mdx1, its authority, and another one."""

    path: Path

    def public(self, name: str) -> str:
        return self.path.joinpath(f"{name}.pub").read_text().strip()

    def show(self, *, principals: str = "mdx1,192.0.2.101", validity: str = "-1m:+1h", ca: str = "ca") -> None:
        """Have the host show a certificate."""
        words = ["-h", "-s", str(self.path / ca), "-I", "mdx1", "-n", principals, "-V", validity, str(self.path / "host.pub")]
        subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)

    def said(self, known: str, alias: str = "mdx1") -> str:
        """Return what ssh says that knows these lines and is never to ask."""
        Path(self.path, "known").write_text(known)
        options = {
            "ProxyCommand": f"/usr/sbin/sshd -i -f {self.path}/sshd_config",
            "GlobalKnownHostsFile": str(self.path / "known"),
            "UserKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "HostKeyAlias": alias,
            "IdentityAgent": "none",
            "IdentityFile": "none",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        done = subprocess.run(
            ["ssh", "-F", "none", *words, "nobody@host"], capture_output=True, text=True, check=False, timeout=60
        )
        return done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("host", "ca", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    lines = (
        f"HostKey {tmp_path}/host",
        f"HostCertificate {tmp_path}/host-cert.pub",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
    )
    Path(tmp_path, "sshd_config").write_text("".join(f"{line}\n" for line in lines))
    return Place(tmp_path)


def believed(place: Place, names: Sequence[str] = ("mdx1", "192.0.2.101"), ca: str = "ca") -> str:
    return known_lines([place.public(ca)], names)


@pytest.mark.parametrize("alias", ["mdx1", "192.0.2.101"])
def test_the_authority_is_enough(place: Place, alias: str) -> None:
    place.show()
    assert KNOWN in place.said(believed(place), alias)
    assert REFUSED in place.said("", alias)


def test_another_authority_and_another_name_are_refused_without_a_question(place: Place) -> None:
    place.show(ca="other")
    assert REFUSED in place.said(believed(place))
    assert KNOWN in place.said(believed(place, ca="other"))
    place.show(principals="mdx2")
    assert REFUSED in place.said(believed(place))
    place.show(principals="mdx2,mdx1")
    assert KNOWN in place.said(believed(place))


def test_an_authority_is_believed_for_its_hosts_only(place: Place) -> None:
    place.show()
    assert REFUSED in place.said(believed(place, ["mdx2"]))
    assert KNOWN in place.said(believed(place, ["mdx2", "mdx1"]))


@pytest.mark.parametrize("ended", [{"validity": "-2h:-1h"}, {"ca": "other"}, {"principals": "mdx2"}, {"validity": "+1h:+2h"}])
def test_who_knows_the_key_goes_on_whatever_the_certificate(place: Place, ended: dict[str, str]) -> None:
    place.show(**ended)
    assert REFUSED in place.said(believed(place))
    key = f"mdx1 {' '.join(place.public('host').split()[:2])}\n"
    assert KNOWN in place.said(believed(place) + key)
    assert KNOWN in place.said(key)


def test_a_certificate_that_is_not_there_or_damaged_leaves_the_key(place: Place) -> None:
    key = f"mdx1 {' '.join(place.public('host').split()[:2])}\n"
    assert KNOWN in place.said(believed(place) + key)
    Path(place.path, "host-cert.pub").write_text("damaged\n")
    assert KNOWN in place.said(believed(place) + key)


def test_a_host_that_was_built_anew_is_known_though_its_old_key_is(place: Place) -> None:
    place.show()
    old = f"mdx1 {' '.join(place.public('other').split()[:2])}\n"
    assert KNOWN in place.said(believed(place) + old)
    assert REFUSED in place.said(old)
