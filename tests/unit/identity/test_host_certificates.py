"""Certificates of hosts: made by ssh-keygen, read here, judged, and what is said of them."""

from __future__ import annotations

import base64
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from module_utils.identity.fields import HOST, CertificateError, Fields
from module_utils.identity.host_certificates import (
    DAY,
    Needed,
    command,
    ending,
    fault,
    known_lines,
    left,
    plain,
    read,
    why_new,
)
from module_utils.matrix.drift import certificate_drift
from plugin_utils.render import stand_in
from plugin_utils.site import operators_known_hosts
from tests.support.modules import call

NAMES = ("mdx1", "192.0.2.101", "2001:db8:0:2102::41")
GOOD = Needed(stand_in("mdx1"), NAMES, (stand_in("ca1"), stand_in("ca2")), 90)
HALF = "it is past half of its life"
FOUND = Fields(HOST, "mdx1", GOOD.key, stand_in("ca2"), NAMES, 0, 90 * DAY)


@dataclass(frozen=True)
class Room:
    """A host's key and two authorities, made by ssh-keygen."""

    path: Path

    def public(self, name: str) -> str:
        return self.path.joinpath(f"{name}.pub").read_text().strip()

    def needed(self, kind: str = "ed25519", days: int = 90) -> Needed:
        return Needed(self.public(kind), NAMES, (self.public("ca"),), days)

    def signed(self, needed: Needed, ca: str = "ca", kind: str = "ed25519") -> str:
        words = command(needed, "mdx1", str(self.path / ca), 7, str(self.path / f"{kind}.pub"))
        subprocess.run(words, check=True, capture_output=True)
        return (self.path / f"{kind}-cert.pub").read_text().strip()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    path = tmp_path_factory.mktemp("keys")
    for name, kind in (("ed25519", "ed25519"), ("rsa", "rsa"), ("ca", "ed25519"), ("other", "ed25519")):
        words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{name} of a test", "-f", str(path / name)]
        subprocess.run(words, check=True, capture_output=True)
    return Room(path)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_what_ssh_keygen_signed_is_read(room: Room, kind: str) -> None:
    needed, now = room.needed(kind), time.time()
    found = read(room.signed(needed, kind=kind))
    assert (found.name, found.principals) == ("mdx1", NAMES)
    assert (found.key, found.authority) == (plain(room.public(kind)), plain(room.public("ca")))
    assert found.begins <= now - 290
    assert abs(found.ends - now - 90 * DAY) < 90
    assert why_new(found, needed, now) == ""


def test_a_users_certificate_and_other_texts_are_refused(room: Room) -> None:
    words = ["ssh-keygen", "-q", "-s", str(room.path / "ca"), "-I", "sato", "-n", "sato", str(room.path / "other.pub")]
    subprocess.run(words, check=True, capture_output=True)
    line = (room.path / "other-cert.pub").read_text()
    with pytest.raises(CertificateError, match="not a host's"):
        read(line)
    for text in ("", "hello", "ssh-ed25519-cert-v01@openssh.com ???", room.public("ca")):
        with pytest.raises(CertificateError):
            read(text)
    for text in ("", "ssh-dss AAAA", line, "ssh-ed25519 AAAA"):
        with pytest.raises(CertificateError):
            plain(text)


def test_one_that_is_cut_off_is_refused_in_words(room: Room) -> None:
    kind, data = room.signed(room.needed()).split()[:2]
    whole = base64.b64decode(data)
    for end in range(len(whole) - 90):  # behind it stands the signature, at which ssh-keygen looks
        with pytest.raises(CertificateError):
            read(f"{kind} {base64.b64encode(whole[:end]).decode()}")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"key": stand_in("mdx2")}, "it is of another key"),
        ({"authority": stand_in("ca3")}, "it is of another authority"),
        ({"principals": NAMES[:1]}, "it is not for 192.0.2.101, 2001:db8:0:2102::41"),
        ({"principals": (*NAMES, "mdx2")}, "it is for mdx2, too"),
        ({"principals": ("mdx2", *NAMES[1:])}, "it is not for mdx1 and for mdx2, too"),
        ({"principals": NAMES[::-1]}, ""),
    ],
)
def test_what_is_wrong_is_said(changed: dict[str, object], words: str) -> None:
    found = replace(FOUND, **changed)  # type: ignore[arg-type]
    assert fault(found, GOOD) == words
    assert why_new(found, GOOD, DAY) == words


@pytest.mark.parametrize(
    ("day", "days", "words"),
    [(1, 90, ""), (44, 90, ""), (46, 90, HALF), (91, 90, HALF), (1, 30, "it lives longer than 30 days")],
)
def test_renewed_at_half_of_its_life_and_where_the_declared_one_is_shorter(day: int, days: int, words: str) -> None:
    assert why_new(FOUND, replace(GOOD, days=days), day * DAY) == words


def test_what_is_left() -> None:
    assert left(FOUND, 0) == 1
    assert left(FOUND, 90 * DAY) == 0
    assert left(FOUND, 91 * DAY) < 0


def test_drift_names_what_is_missing_wrong_or_nearly_over(room: Room) -> None:
    def told(line: str, needed: Needed, day: float = 0) -> list[str]:
        return [d.message for d in certificate_drift("mdx1", line, needed, time.time() + day * DAY)]

    needed = room.needed()
    line = room.signed(needed)
    assert told(line, needed) == told(line, needed, 67) == []
    assert told(line, needed, 68) == ["it ends in 22 days and should have been renewed: run playbooks/site.yml"]
    assert told(line, needed, 91) == ["it has ended, so the host is known by its key alone"]
    assert told("", needed) == ["the certificate is missing, so the host is known by its key alone"]
    assert told("x", needed) == ["can't be judged: 'x' is no certificate of a key of the kind ssh-ed25519 or ssh-rsa"]
    assert told(room.signed(needed, ca="other"), needed) == ["it is of another authority"]
    assert told(line, replace(needed, principals=NAMES[:2])) == ["it is for 2001:db8:0:2102::41, too"]


def test_what_ends_during_a_change_is_one_sentence(room: Room) -> None:
    line, now = room.signed(room.needed(days=2)), time.time()
    assert ending({"mdx1": line, "mdx2": "damaged"}, now, 600) == ""
    late = now + 2 * DAY - 300
    assert ending({"mdx1": line}, late, 600).startswith("the host certificates of mdx1 end during this change: until")
    assert ending({"mdx1": line, "mdx2": line}, now + 3 * DAY, 600).startswith("the host certificates of mdx1, mdx2 have ended")


def test_authorities_are_believed_for_named_hosts_only() -> None:
    assert known_lines([f"{stand_in('ca1')} comment"], NAMES) == f"@cert-authority {','.join(NAMES)} {stand_in('ca1')}\n"
    assert known_lines([stand_in("ca1")], []) == ""


def test_operators_know_authorities_and_keys() -> None:
    views = {"mdx1": {"host_certificate": {"principals": ["mdx1", "192.0.2.101"]}}, "exp1": {}}
    pair, other = sorted([stand_in("ca1"), stand_in("next")]), stand_in("ca2")
    keys = {"ca1": pair[::-1], "ca2": [other]}
    text = operators_known_hosts(views, keys, {"mdx1": [f"{stand_in('mdx1')} root@mdx1"], "exp1": ["x y"]})
    assert text.splitlines() == [
        *(f"@cert-authority mdx1,192.0.2.101 {key}" for key in (*pair, other)),
        f"mdx1,192.0.2.101 {stand_in('mdx1')}",
    ]


def test_the_modules_sign_keep_and_are_content(room: Room, tmp_path: Path) -> None:
    key = tmp_path / "key"
    Path(f"{key}.pub").write_text(f"{room.public('ed25519')}\n")
    asked = {"key": str(key), "principals": list(NAMES), "authorities": [room.public("ca")]}
    wanted = {"name": "mdx1", "principals": list(NAMES), "authority": str(room.path / "ca")}
    found = call("ssh_host_certificate", asked)
    assert (found["why"], found["changed"]) == ("there is none", False)
    wanted["key"] = found["public_key"]
    assert call("host_key_signature", wanted, check=True)["certificate"] == ""
    line = call("host_key_signature", wanted)["certificate"]
    assert call("ssh_host_certificate", {**asked, "certificate": line}, check=True)["changed"] is True
    kept = call("ssh_host_certificate", {**asked, "certificate": line})
    assert (kept["changed"], kept["why"]) == (True, "")
    again = call("ssh_host_certificate", {**asked, "certificate": line})
    assert (again["changed"], again["why"]) == (False, "")
    # A signature that is not the authority's.
    shown = Path(f"{key}-cert.pub")
    data = bytearray(base64.b64decode(line.split()[1]))
    data[-1] ^= 1
    shown.write_text(f"{line.split()[0]} {base64.b64encode(data).decode()}\n")
    assert call("ssh_host_certificate", asked)["why"] == "ssh-keygen can't read it"


def test_the_modules_refuse_in_one_sentence(room: Room, tmp_path: Path) -> None:
    key = tmp_path / "key"
    Path(f"{key}.pub").write_text(f"{room.public('ed25519')}\n")
    asked = {"key": str(key), "principals": list(NAMES), "authorities": [room.public("ca")]}
    wrong = room.signed(room.needed(), ca="other")
    said = call("ssh_host_certificate", {**asked, "certificate": wrong})["msg"]
    assert said == "The certificate that was signed is not kept, because it is of another authority: have the key signed again."
    wanted = {"name": "mdx1", "key": "mdx1", "principals": list(NAMES), "authority": str(room.path / "ca")}
    assert (
        "is no public key" in call("host_key_signature", wanted)["msg"] or "neither" in call("host_key_signature", wanted)["msg"]
    )
    nobody = {**wanted, "key": room.public("ed25519"), "principals": []}
    assert "a certificate for no name would be good for every host" in call("host_key_signature", nobody)["msg"]
    gone = {**wanted, "key": room.public("ed25519"), "authority": str(tmp_path / "none")}
    assert call("host_key_signature", gone)["msg"].startswith(f"Nothing was signed for mdx1: {tmp_path}/none.pub: No such file")
