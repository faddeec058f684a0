"""Whether a certificate outlasts what is begun: certificates made by ssh-keygen, as sshd tells sessions of them."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest

from module_utils.identity.fields import USER, CertificateError, fields
from module_utils.identity.session_certificate import first_to_end, refusal, withdrawn
from plugin_utils.site import sessions_refused, takes_operators_certificates
from tests.support.modules import call

KINDS = ("ed25519", "rsa", "ecdsa", "security")
NOW = time.time()


def _blob(*parts: bytes) -> str:
    return base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys")
    for name in ("ca", "ed25519", "rsa", "ecdsa"):
        kind = "ed25519" if name == "ca" else name
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(path / name)], check=True)
    # What a security key holds never leaves it; its public half is all that is signed.
    kind, curve = "sk-ssh-ed25519@openssh.com", base64.b64decode((path / "ed25519.pub").read_text().split()[1])[-32:]
    (path / "security.pub").write_text(f"{kind} {_blob(kind.encode(), curve, b'ssh:')} security\n")
    return path


def told(room: Path, kind: str = "ed25519", validity: str = "-1m:+1h", name: str = "aoki-2026-11") -> str:
    """Return a line of SSH_USER_AUTH of a login by a certificate, with its comment left out as sshd leaves it out."""
    words = ["-s", str(room / "ca"), "-I", name, "-n", "aoki", "-V", validity, str(room / f"{kind}.pub")]
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)
    return f"publickey {' '.join((room / f'{kind}-cert.pub').read_text().split()[:2])}\n"


@pytest.mark.parametrize("kind", KINDS)
def test_users_certificates_of_each_kind_are_read(room: Path, kind: str) -> None:
    found = fields(told(room, kind).removeprefix("publickey "))
    assert (found.use, found.name, found.principals) == (USER, "aoki-2026-11", ("aoki",))
    assert found.key == " ".join((room / f"{kind}.pub").read_text().split()[:2])
    assert found.authority == " ".join((room / "ca.pub").read_text().split()[:2])
    assert abs(found.ends - time.time() - 3600) < 90


def test_one_that_lasts_is_not_in_the_way(room: Path) -> None:
    line = told(room)
    ends = fields(line.removeprefix("publickey ")).ends
    assert refusal("aoki", line, ends - 660, 660) == ""
    assert refusal("aoki", told(room, validity="always:forever"), NOW, 10**9) == ""


def test_one_that_ends_before_is_refused_with_who_which_until_when_and_what_to_do(room: Path) -> None:
    line = told(room, validity="20261129103000Z:20261129113000Z")
    now = 1795950000  # 2026-11-29 11:00:00 UTC
    assert refusal("aoki", line, now, 1801) == (
        "aoki logged in by the certificate 'aoki-2026-11', which ends at 2026-11-29 11:30:00 UTC, "
        "and it has to be good for another 1801 s (it is 2026-11-29 11:00:00 by this host's clock): have a new one signed, "
        "end the connection that is shared (ssh -O exit), then run again"
    )
    assert refusal("aoki", line, now, 1800) == ""
    assert "which ended at 2026-11-29 11:30:00 UTC" in refusal("aoki", line, now + 1800, 1)


@pytest.mark.parametrize("line", ["", "publickey ssh-ed25519 AAAA\n", "keyboard-interactive/pam\n", "password\n"])
def test_whoever_came_by_no_certificate_is_not_judged(line: str) -> None:
    assert first_to_end(line) is None
    assert refusal("aoki", line, NOW, 10**9) == ""


def test_of_several_the_first_to_end_counts(room: Path) -> None:
    both = told(room, validity="-1m:+2h", name="long") + told(room, "rsa", "-1m:+5m", "short") + "keyboard-interactive/pam\n"
    assert "'short'" in refusal("aoki", both, time.time(), 660)


@pytest.mark.parametrize("rest", ["AAAA", "???", ""])
def test_one_that_cannot_be_read_is_refused(room: Path, rest: str) -> None:
    line = f"publickey ssh-ed25519-cert-v01@openssh.com {rest}\n"
    with pytest.raises(CertificateError):
        first_to_end(line)
    assert refusal("aoki", line, NOW, 1).startswith("it can't be told until when the certificate is good by which aoki logged in")
    unknown = told(room).replace("ssh-ed25519-cert", "ssh-mldsa-cert")
    assert "is no certificate of a key of the kind" in refusal("aoki", unknown, NOW, 1)


def test_the_module_reads_what_sshd_tells_the_session(room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_USER_AUTH", raising=False)
    nothing = {"changed": False, "certificate": "", "ends": 0}
    assert nothing.items() <= call("session_certificate", {"seconds": 660}).items()
    file = tmp_path / "sshauth"
    monkeypatch.setenv("SSH_USER_AUTH", str(file))
    assert "by what this session began" in call("session_certificate", {"seconds": 660})["msg"]
    file.write_text("publickey ssh-ed25519 AAAA\n")
    assert nothing.items() <= call("session_certificate", {"seconds": 660}).items()
    file.write_text(told(room))
    for check in (False, True):
        found = call("session_certificate", {"seconds": 660}, check=check)
        assert (found["certificate"], found["ends"] > NOW) == ("aoki-2026-11", True)
        refused = call("session_certificate", {"seconds": 7200}, check=check)
        assert refused["failed"]
        assert refused["msg"] == f"Nothing was begun here: {refused['refusal']}."
        assert "'aoki-2026-11'" in refused["refusal"]
    assert list(tmp_path.iterdir()) == [file]


def test_behind_sudo_the_module_says_that_it_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_USER_AUTH", raising=False)
    monkeypatch.setenv("SUDO_UID", "2001")
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert "sudo hides by what this session began" in call("session_certificate", {"seconds": 660})["refusal"]


def test_a_run_is_told_once_on_which_hosts() -> None:
    hosts = {name: {"__session_certificate": {"refusal": "why"}} for name in ("login1", "mdx1")}
    others = {"off": {"__session_certificate": {"unreachable": True, "msg": "no route"}}, "key": {}, "skipped": {}}
    assert sessions_refused({**others, **hosts}, [*others, *hosts]) == (
        "Nothing was changed on any host. On login1 (likewise on mdx1), why"
    )
    assert sessions_refused(others, others) == ""


def test_only_where_operators_come_by_certificates() -> None:
    def views(*users: dict[str, object]) -> dict[str, object]:
        return {"login_restriction": {"users": list(users)}}

    assert not takes_operators_certificates(None)
    assert not takes_operators_certificates(views({"name": "aoki", "authorities": []}, {"name": "sato"}))
    assert takes_operators_certificates(views({"name": "sato"}, {"name": "aoki", "authorities": ["ssh-ed25519 AAAA"]}))


def test_what_the_change_takes_away_is_told_before(room: Path) -> None:
    line, authority = told(room), (room / "ca.pub").read_text()
    key = (room / "rsa.pub").read_text()
    plain = f"publickey {' '.join(key.split()[:2])}\n"
    for taken in (withdrawn("aoki", line, [], [authority], []), withdrawn("aoki", plain, [key], [authority], [])):
        assert taken == ""
    assert "'aoki-2026-11', which is revoked" in withdrawn("aoki", line, [], [authority], ["aoki-2026-11"])
    assert "'aoki-2026-11', whose authority is no longer named" in withdrawn("aoki", line, [], [key], [])
    assert "takes away by what aoki logged in (the key ssh-rsa AAAA" in withdrawn("aoki", plain, [], [authority], [])
    assert withdrawn("aoki", plain + line, [key], [], []) == "", "one of two is enough"


@pytest.mark.parametrize("given", ["", "password\n"])
def test_where_nothing_is_told_nothing_is_in_the_way_of_a_change(room: Path, given: str) -> None:
    assert withdrawn("aoki", given, [], [(room / "ca.pub").read_text()], []) == ""
    assert withdrawn("aoki", told(room), [], [], []) == "", "who may come is not known"
