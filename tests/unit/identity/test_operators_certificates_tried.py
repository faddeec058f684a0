"""What the real sshd makes of operators' certificates with the configuration and the keys that role login_restriction writes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from module_utils.access_control.role_files import authority_lines, authorized_keys_files
from module_utils.access_control.ssh_version import parse_version
from module_utils.identity.krl import build
from module_utils.identity.session_certificate import first_to_end, refusal
from tests.support.modules import call

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "login_restriction"
SSHD = "/usr/sbin/sshd"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path(SSHD).exists() or shutil.which("unshare") is None, reason="needs root, sshd and unshare"
)

# What lies below is root's alone up to the root directory, as sshd wants it of files of keys.
PLACE = "/run/tried"
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
NOT_WILD = (10, 3)
"""Since then a certificate for nobody is for nobody, whatever a file of keys says."""
VERSION = parse_version(subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr) or (0, 0)


@dataclass
class Host:
    """A host with an operator, a sealed one and an account, and an authority for each kind of user."""

    path: Path
    port: int
    sources: tuple[str, ...] = (HERE,)
    daemon: subprocess.Popen[bytes] | None = None
    authorities: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"aoki": ("operators",)})

    def public(self, name: str) -> str:
        return (self.path / f"{name}.pub").read_text().strip()

    def users(self) -> list[dict[str, Any]]:
        kinds = {"aoki": "operator", "sealed": "operator", "sato": "account"}
        keys = {"sealed": [self.public("sealed")]}
        signed = {name: [self.public(ca) for ca in of] for name, of in self.authorities.items()}
        common = {"sources": list(self.sources)}
        return [
            {"name": name, "kind": kind, "keys": keys.get(name, []), "authorities": signed.get(name, []), **common}
            for name, kind in kinds.items()
        ]

    def config(self, **more: Any) -> str:
        """Return sshd_config as the role's template makes it."""
        defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
        values = {
            **defaults,
            "login_restriction_users": self.users(),
            "login_restriction_authorities": [self.public("signers")],
            "login_restriction_host_keys": [f"{PLACE}/host"],
            "login_restriction_keys_directory": f"{PLACE}/keys.d",
            "__login_restriction_authorities_file": f"{PLACE}/signers-file",
            "__login_restriction_revoked_file": f"{PLACE}/revoked",
            "__login_restriction_openssh": list(VERSION),
            **more,
        }
        loader = jinja2.FileSystemLoader(ROLE / "templates")
        environment = jinja2.Environment(  # noqa: S701 - configuration, not HTML
            loader=loader, trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
        )
        text = environment.get_template("sshd_config.j2").render(values)
        # PAM is the machine's own here, and not what is tried.
        return text.replace("Port 22\n", f"Port {self.port}\nListenAddress 127.0.0.1\n").replace("UsePAM yes", "UsePAM no")

    def write_keys(self) -> None:
        directory = self.path / "keys.d"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o755)
        for item in authorized_keys_files(self.users(), str(directory)):
            Path(item["path"]).write_text(item["content"])

    def revoke(self, *names: str) -> None:
        (self.path / "revoked").write_bytes(build([self.public("signers"), self.public("operators")], names))

    def start(self, config: str = "") -> None:
        """Have sshd run by a configuration: the role's, unless another is given."""
        self.stop()
        (self.path / "sshd_config").write_text(config or self.config())
        users = [("aoki", 61001), ("sealed", 61002), ("sato", 61003)]
        for name, line in (("passwd", "{0}:x:{1}:{1}::/:/bin/sh"), ("shadow", "{0}:*:19000:0:99999:7:::")):
            lines = "".join(f"{line.format(*user)}\n" for user in users)
            (self.path / name).write_text(Path("/etc", name).read_text() + lines)
        script = (
            f'mount -t tmpfs -o mode=755 none /run && mkdir -m 755 /run/sshd {PLACE} && mount --bind "$1" {PLACE} && '
            f'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow && '
            f"exec {SSHD} -D -e -f {PLACE}/sshd_config"
        )
        with (self.path / "log").open("ab") as log:
            argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(self.path)]
            self.daemon = subprocess.Popen(argv, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((HERE, self.port), timeout=5).close()
            except ConnectionRefusedError:
                assert self.daemon.poll() is None, (self.path / "log").read_text()
                assert time.monotonic() < deadline, "sshd does not listen"
                time.sleep(0.02)  # until it listens or the time is over
            else:
                return

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.terminate()
            self.daemon.wait(timeout=30)
            self.daemon = None

    def log_in(self, user: str, key: str = "key", command: str = "echo in", source: str = HERE) -> str:
        """Return what a command says in a session of a user; nothing where there is none."""
        options = {
            "Port": str(self.port),
            "BindAddress": source,
            "IdentityFile": str(self.path / key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "ControlPath": "none",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        argv = ["ssh", "-n", "-T", "-F", "none", *words, f"{user}@{HERE}", command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
        return done.stdout.strip()

    def gets_in(self, user: str, ca: str = "operators", source: str = HERE, **certificate: str) -> bool:
        """Return whether a user gets in by a certificate of an authority."""
        self.certify(ca, **{"principals": user, **certificate})
        return self.log_in(user, source=source) == "in"

    def certify(self, ca: str, principals: str = "", validity: str = "-1m:+16h", option: str = "", name: str = "2026-11") -> None:
        words = ["-s", str(self.path / ca), "-I", name, "-V", validity, *(["-n", principals] if principals else [])]
        words += ["-O", option] if option else []
        subprocess.run(["ssh-keygen", "-q", *words, str(self.path / "key.pub")], check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    path = tmp_path_factory.mktemp("host")
    path.chmod(0o755)
    for name in ("host", "operators", "signers", "key", "sealed"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path / name)], check=True)
    with socket.socket() as free:
        free.bind((HERE, 0))
        port = free.getsockname()[1]
    host = Host(path, port)
    (path / "signers-file").write_text(authority_lines([host.public("signers")]))
    yield host
    host.stop()


@pytest.fixture
def host(made: Host) -> Host:
    """Return the host as the role leaves it."""
    made.sources, made.authorities = (HERE,), {"aoki": ("operators",)}
    made.revoke()
    made.write_keys()
    if made.daemon is None or (made.path / "sshd_config").read_text() != made.config():
        made.start()
    return made


def test_an_operator_comes_by_a_certificate_and_not_by_its_key_alone(host: Host) -> None:
    assert host.gets_in("aoki")
    (host.path / "key-cert.pub").unlink()
    assert host.log_in("aoki") == ""


def test_the_authority_itself_is_no_key(host: Host) -> None:
    (host.path / "operators-cert.pub").unlink(missing_ok=True)
    assert host.log_in("aoki", "operators") == ""
    with (host.path / "keys.d/aoki").open("a") as keys:
        keys.write(f"{host.public('operators')}\n")
    assert host.log_in("aoki", "operators") == "in"


def test_the_operators_authority_makes_no_account(host: Host) -> None:
    assert not host.gets_in("sato")
    assert host.gets_in("sato", "signers")
    host.authorities = {"aoki": ("operators",), "sato": ("operators",)}
    host.write_keys()
    assert host.gets_in("sato")


def test_an_accounts_authority_makes_no_operator(host: Host) -> None:
    assert not host.gets_in("aoki", "signers")
    config = host.config()
    host.start(config.replace("TrustedUserCAKeys none", f"TrustedUserCAKeys {PLACE}/signers-file"))
    assert host.gets_in("aoki", "signers")


def test_a_sealed_operator_comes_by_the_sealed_key_alone(host: Host) -> None:
    assert not host.gets_in("sealed")
    assert host.log_in("sealed", "sealed") == "in"
    host.authorities = {"aoki": ("operators",), "sealed": ("operators",)}
    host.write_keys()
    assert host.gets_in("sealed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"validity": "-2h:-1h"},
        {"validity": "+1h:+2h"},
        {"principals": "sato"},
        {"principals": "root"},
        {"option": "source-address=192.0.2.1"},
        {"name": "lost"},
    ],
)
def test_one_that_is_over_for_another_from_elsewhere_or_revoked_is_refused(host: Host, wrong: dict[str, str]) -> None:
    host.revoke("lost")
    assert not host.gets_in("aoki", **wrong)
    right = {"option": f"source-address={HERE}", "name": "found"}
    assert host.gets_in("aoki", **right)
    if "name" in wrong:
        host.revoke()
        assert host.gets_in("aoki", **wrong)


def test_one_for_nobody_is_refused_by_the_name_beside_the_authority(host: Host) -> None:
    assert not host.gets_in("aoki", principals="")
    keys = host.path / "keys.d/aoki"
    keys.write_text(keys.read_text().replace(',principals="aoki"', ""))
    assert host.gets_in("aoki", principals="") == (VERSION < NOT_WILD)


def test_the_host_bounds_from_where_whatever_the_certificate_says(host: Host) -> None:
    host.sources = (HERE, ELSEWHERE)
    host.start()
    # AllowUsers lets both pass, so that the file of keys decides alone.
    assert not host.gets_in("aoki", source=ELSEWHERE)
    assert host.gets_in("aoki")
    host.write_keys()
    assert host.gets_in("aoki", source=ELSEWHERE)
    # And AllowUsers alone.
    host.sources = (HERE,)
    host.start()
    assert not host.gets_in("aoki", source=ELSEWHERE)


def test_the_session_is_told_until_when_and_a_run_is_refused(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host.certify("operators", "aoki", "-1m:+30m", name="aoki-2026-11")
    told = host.log_in("aoki", command='cat "$SSH_USER_AUTH"')
    found = first_to_end(told)
    assert found is not None
    assert (found.name, found.principals) == ("aoki-2026-11", ("aoki",))
    assert refusal("aoki", told, time.time(), 660) == ""
    assert "'aoki-2026-11'" in refusal("aoki", told, time.time(), 3660)
    file = tmp_path / "told"
    file.write_text(f"{told}\n")
    monkeypatch.setenv("SSH_USER_AUTH", str(file))
    assert call("session_certificate", {"seconds": 660})["certificate"] == "aoki-2026-11"
    assert call("session_certificate", {"seconds": 3660})["failed"]
    # Nobody else is told, so nobody else leaves a file behind.
    host.certify("signers", "sato")
    assert host.log_in("sato", command="echo told ${SSH_USER_AUTH-nothing}") == "told nothing"
    assert host.log_in("sealed", "sealed", command="echo told ${SSH_USER_AUTH-nothing}") == "told nothing"


def test_the_journal_names_the_certificate(host: Host) -> None:
    assert host.gets_in("aoki", name="aoki-2026-11")
    log = (host.path / "log").read_text()
    assert "Accepted publickey for aoki from 127.0.0.1" in log
    assert "ID aoki-2026-11 (serial 0) CA ED25519 SHA256:" in log
