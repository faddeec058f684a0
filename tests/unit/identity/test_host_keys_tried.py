"""A host that replaces its key, asked of a real sshd: ssh learns the next key from it, and knows the host by it afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from module_utils.identity import host_pairs
from module_utils.identity.host_certificates import known_lines, plain
from module_utils.identity.host_pairs import HostPair, exchange, make_next, observe
from module_utils.identity.rooms import swap

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("sshd", path="/usr/sbin") is None, reason="needs root and sshd")
REFUSED = "Host key verification failed"
NAME = "ssh_host_ed25519_key"


class Shown:
    """A host that lets root in by a key, and shows what lies in its directory."""

    def __init__(self, path: Path) -> None:
        """Make its key, an authority, and a user's key."""
        self.path = path
        self.pair = HostPair(path / NAME, path / "second")
        for name in (NAME, "ca", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path / name)], check=True)
        self.configure()

    def configure(self) -> None:
        """Have sshd show the keys that lie here, as the roles do."""
        keys = [self.pair.current, *([self.pair.second] if self.pair.second.exists() else [])]
        certificates = [path for key in keys if (path := key.with_name(f"{NAME}-cert.pub")).exists()]
        lines = [f"HostKey {key}" for key in keys] + [f"HostCertificate {path}" for path in certificates]
        lines += [f"AuthorizedKeysFile {self.path}/user.pub", "StrictModes no", "PermitRootLogin yes", "UsePAM no"]
        (self.path / "sshd_config").write_text("".join(f"{line}\n" for line in lines))

    def certify(self, private: Path) -> None:
        """Have a key certified."""
        words = ["-h", "-s", str(self.path / "ca"), "-I", "mdx1", "-n", "mdx1", "-V", "-1m:+1h", f"{private}.pub"]
        subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)

    def log_in(self, known: Path, *, learns: bool = False) -> subprocess.CompletedProcess[str]:
        """Log in, knowing the host strictly."""
        options = {
            "ProxyCommand": f"/usr/sbin/sshd -i -f {self.path}/sshd_config",
            "UserKnownHostsFile": str(known),
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "yes" if learns else "no",
            "HashKnownHosts": "no",
            "BatchMode": "yes",
            "HostKeyAlias": "mdx1",
            "IdentityAgent": "none",
            "IdentitiesOnly": "yes",
            "IdentityFile": f"{self.path}/user",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return subprocess.run(
            ["ssh", "-v", "-F", "none", *words, "root@host", "true"], capture_output=True, text=True, check=False, timeout=60
        )

    def knows(self, known: Path) -> bool:
        """Whether ssh that has these lines knows the host."""
        done = self.log_in(known)
        assert done.returncode == 0 or REFUSED in done.stderr, done.stderr
        return done.returncode == 0


@pytest.fixture
def host(tmp_path: Path) -> Shown:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return Shown(tmp_path)


def lines(path: Path, *keys: str) -> Path:
    path.write_text("".join(f"mdx1 {key}\n" for key in keys))
    return path


def test_ssh_learns_the_next_key_while_the_old_one_is_used_and_knows_the_host_by_it(host: Shown, tmp_path: Path) -> None:
    first = plain(observe(host.pair).current)
    learns, stays = lines(tmp_path / "learns", first), lines(tmp_path / "stays", first)
    make_next(host.pair)
    host.configure()
    second = plain(observe(host.pair).beside)
    only_next = lines(tmp_path / "next", second)
    done = host.log_in(learns, learns=True)
    assert done.returncode == 0, done.stderr
    assert (first in learns.read_text(), second in learns.read_text()) == (True, True)
    assert (host.knows(stays), host.knows(only_next)) == (True, False), "the first of a kind is the one in use"
    exchange(host.pair)
    assert (host.knows(learns), host.knows(only_next), host.knows(stays)) == (True, True, False)
    host_pairs.forget(host.pair)
    host.configure()
    done = host.log_in(learns, learns=True)
    assert done.returncode == 0, done.stderr
    assert (first in learns.read_text(), second in learns.read_text()) == (False, True), "what is shown no more is forgotten"


def test_without_the_second_line_ssh_learns_nothing(host: Shown, tmp_path: Path) -> None:
    learns = lines(tmp_path / "learns", plain(observe(host.pair).current))
    make_next(host.pair)
    done = host.log_in(learns, learns=True)
    assert done.returncode == 0, done.stderr
    exchange(host.pair)
    assert not host.knows(learns)


@pytest.mark.parametrize("renames", [1, 2])
def test_a_crash_between_the_renames_leaves_a_host_that_is_known(
    host: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    host.certify(host.pair.current)
    make_next(host.pair)
    host.certify(host.pair.second)
    host.configure()
    first, second = plain(observe(host.pair).current), plain(observe(host.pair).beside)
    both, old = lines(tmp_path / "both", first, second), lines(tmp_path / "old", first)
    authority = tmp_path / "authority"
    authority.write_text(known_lines([(tmp_path / "ca.pub").read_text()], ["mdx1"]))
    assert (host.knows(both), host.knows(authority)) == (True, True)
    left = [renames]

    def dying(one: Path, other: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        swap(one, other)

    with monkeypatch.context() as patched:
        patched.setattr(host_pairs, "swap", dying)
        with pytest.raises(KeyboardInterrupt):
            exchange(host.pair)
    assert (host.knows(both), host.knows(authority), host.knows(old)) == (True, True, False)
    assert host_pairs.settle(host.pair)
    assert (host.knows(both), host.knows(authority), host.knows(old)) == (True, True, False)


def test_a_key_that_is_revoked_is_refused_with_its_certificate(host: Shown, tmp_path: Path) -> None:
    host.certify(host.pair.current)
    host.configure()
    authority = tmp_path / "authority"
    text = known_lines([(tmp_path / "ca.pub").read_text()], ["mdx1"])
    authority.write_text(text)
    assert host.knows(authority)
    authority.write_text(f"{text}@revoked * {plain(observe(host.pair).current)}\n")
    done = host.log_in(authority)
    assert (done.returncode, "is marked as revoked" in done.stderr) == (255, True), done.stderr


def test_the_key_in_use_is_certified_too_or_who_knows_it_alone_is_shut_out(host: Shown, tmp_path: Path) -> None:
    old = lines(tmp_path / "old", plain(observe(host.pair).current))
    make_next(host.pair)
    host.certify(host.pair.second)
    host.configure()
    assert not host.knows(old)
    host.certify(host.pair.current)
    host.configure()
    assert host.knows(old)
