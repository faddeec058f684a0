"""Before a host shows its next key it is asked, here and of ssh itself, whether that would be known."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from module_utils.identity.fields import HOST, Fields
from module_utils.identity.known_host import Looked, authority_of, believes, looked_up, with_next, without
from tests.support.modules import call

K1, K2, K3, CA = ("ssh-ed25519 " + word for word in ("AAAA1", "AAAA2", "AAAA3", "AAAACA"))

K1_OF_A_HOST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGU+E/UJqTmFQoXbID/3D62NoV4V0Yveehx16nI8fjfN"


@pytest.mark.parametrize(
    ("settings", "name", "principal"),
    [
        ("hostname 192.0.2.1\nport 22\n", "192.0.2.1", "192.0.2.1"),
        ("hostname mdx1\nport 2022\n", "[mdx1]:2022", "mdx1"),
        ("hostname 192.0.2.1\nport 2022\nhostkeyalias mdx1\n", "mdx1", "mdx1"),
    ],
)
def test_the_name_by_which_ssh_looks_a_host_up(settings: str, name: str, principal: str) -> None:
    files = "userknownhostsfile ~/.ssh/known_hosts /dev/null build/known\nglobalknownhostsfile none /etc/known\n"
    read = ("/home/aoki/.ssh/known_hosts", "/srv/fabric/build/known", "/etc/known")
    assert looked_up(settings + files, "/home/aoki", "/srv/fabric") == Looked(name, principal, read)


@pytest.mark.parametrize(
    ("changed", "now", "good"),
    [
        ({}, 1500, True),
        ({}, 999, False),
        ({}, 2000, False),
        ({"principals": ("mdx2", "192.0.2.1")}, 1500, False),
        ({"principals": ()}, 1500, False),
        ({"key": K1}, 1500, False),
    ],
)
def test_a_certificate_counts_where_ssh_would_go_by_it(changed: dict[str, Any], now: float, good: bool) -> None:
    found = replace(Fields(HOST, "mdx1", K2, CA, ("mdx1", "192.0.2.1"), 1000, 2000), **changed)
    assert authority_of(found, K2, "mdx1", now) == (CA if good else "")


@pytest.mark.parametrize(
    ("lines", "authority", "known"),
    [
        ([f"mdx1 {K1}"], "", False),
        (["# Host mdx1 found: line 1", f"mdx1 {K1}", f"|1|aa=|bb= {K2} a comment"], "", True),
        ([f"@revoked * {K2}", f"mdx1 {K2}"], "", False),
        ([f"@cert-authority mdx1 {CA}"], CA, True),
        ([f"@cert-authority mdx1 {CA}"], "", False),
        ([f"@cert-authority mdx1 {CA}"], K3, False),
        ([f"@cert-authority mdx1 {K2}"], "", False),
        ([f"@revoked mdx1 {K2}", f"@cert-authority mdx1 {CA}"], CA, False),
    ],
)
def test_which_lines_make_the_next_key_known(lines: list[str], authority: str, known: bool) -> None:
    assert believes(lines, K2, authority) is known


def test_known_hosts_follow_and_forget() -> None:
    text = f"# mine\nmdx1,192.0.2.1 {K1} a comment\n|1|aa=|bb= {K1}\n@revoked mdx9 {K1}\nmdx2 {K3}\n"
    after = with_next(text, K1, K2)
    assert after.splitlines() == [
        "# mine",
        f"mdx1,192.0.2.1 {K1} a comment",
        f"mdx1,192.0.2.1 {K2}",
        f"|1|aa=|bb= {K1}",
        f"|1|aa=|bb= {K2}",
        f"@revoked mdx9 {K1}",
        f"mdx2 {K3}",
    ]
    assert with_next(after, K1, K2) == after
    assert without(after, K1).splitlines() == [
        "# mine",
        f"mdx1,192.0.2.1 {K2}",
        f"|1|aa=|bb= {K2}",
        f"@revoked mdx9 {K1}",
        f"mdx2 {K3}",
    ]


def test_lines_of_authorities_follow_where_they_are_meant_and_nowhere_else() -> None:
    text = f"# {K1}\n@cert-authority mdx1,192.0.2.1 {K1} ca1\n\nmdx1 {K1}\n@revoked * {K1}\n"
    after = with_next(text, K1, K2, "@cert-authority")
    assert after.splitlines() == [
        f"# {K1}",
        f"@cert-authority mdx1,192.0.2.1 {K1} ca1",
        f"@cert-authority mdx1,192.0.2.1 {K2}",
        "",
        f"mdx1 {K1}",
        f"@revoked * {K1}",
    ]
    assert with_next(after, K1, K2, "@cert-authority") == after
    left = [f"# {K1}", f"@cert-authority mdx1,192.0.2.1 {K2}", "", f"mdx1 {K1}", f"@revoked * {K1}"]
    assert without(after, K1, "@cert-authority").splitlines() == left


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    for name in ("one", "two"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    return [(tmp_path / f"{name}.pub").read_text().strip() for name in ("one", "two")]


def ask(tmp_path: Path, keys: list[str], **more: Any) -> dict[str, Any]:
    words = f"-F none -o UserKnownHostsFile={shlex.quote(f'{tmp_path}/known')} -o GlobalKnownHostsFile=none"
    arguments = {"host": "mdx1", "arguments": words, "current": keys[0], "following": keys[1]}
    return call("known_host_key", {**arguments, **more}, check=bool(more.pop("check", False)))


def test_ssh_is_asked_where_it_looks(tmp_path: Path, keys: list[str]) -> None:
    known = tmp_path / "known"
    first, second = (" ".join(key.split()[:2]) for key in keys)
    assert ask(tmp_path, keys)["known"] is False, "no file at all"
    known.write_text(f"mdx1 {first}\n")
    answer = ask(tmp_path, keys)
    assert (answer["known"], answer["name"], answer["files"], answer["changed"]) == (False, "mdx1", [str(known)], False)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    answer = ask(tmp_path, keys, file=str(known))
    assert (answer["known"], answer["changed"]) == (True, True)
    assert ask(tmp_path, keys)["known"] is True
    assert ask(tmp_path, keys, file=str(known), state="replaced")["changed"]
    assert (first in known.read_text(), second in known.read_text()) == (False, True)
    assert not ask(tmp_path, keys, file=str(known), state="replaced")["changed"]


def test_a_file_that_does_not_know_the_host_is_left_alone(tmp_path: Path, keys: list[str]) -> None:
    known = tmp_path / "known"
    known.write_text("mdx2 ssh-ed25519 AAAA\n")
    answer = ask(tmp_path, keys, file=str(known))
    assert (answer["known"], answer["changed"], known.read_text()) == (False, False, "mdx2 ssh-ed25519 AAAA\n")
    missing = ask(tmp_path, keys, file=str(tmp_path / "none"))
    assert missing["failed"]
    assert "none: No such file or directory; mend that" in missing["msg"]


def test_paths_are_taken_from_where_the_run_was_started_and_quotes_hold(
    tmp_path: Path, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")  # as modules are run elsewhere
    config, known = tmp_path / "build/ssh_config", tmp_path / "build/known"
    config.parent.mkdir()
    config.write_text("Host mdx1\n    HostKeyAlias alias1\n")
    known.write_text(f"alias1 {keys[0]}\n")
    words = (
        '-F build/ssh_config -o UserKnownHostsFile=build/known -o ProxyCommand="ssh -W %h:%p login1" -o GlobalKnownHostsFile=none'
    )
    asked = {"arguments": words, "directory": str(tmp_path)}
    answer = ask(tmp_path, keys, **asked)
    assert (answer["known"], answer["name"], answer["files"]) == (False, "alias1", [str(known)])
    assert ask(tmp_path, keys, **asked, file="build/known")["known"] is True
    assert ask(tmp_path, keys, **asked, file="build/known", state="replaced")["changed"]
    elsewhere = ask(tmp_path, keys, arguments=words)
    assert elsewhere["failed"]
    assert "ssh -G says" in elsewhere["msg"]
    torn = ask(tmp_path, keys, arguments='-o ProxyCommand="ssh')
    assert "can't be split" in torn["msg"]


@pytest.mark.parametrize(
    ("principals", "validity", "known"),
    [("mdx1,192.0.2.1", "-1m:+1h", True), ("mdx1,192.0.2.1", "-2h:-1h", False), ("mdx2", "-1m:+1h", False)],
)
def test_an_authority_counts_where_its_certificate_is_good(
    tmp_path: Path, keys: list[str], principals: str, validity: str, known: bool
) -> None:
    words = ["-h", "-s", str(tmp_path / "one"), "-I", "mdx1", "-n", principals, "-V", validity, str(tmp_path / "two.pub")]
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)
    (tmp_path / "known").write_text(f"@cert-authority mdx1 {keys[0]}\n")
    answer = ask(tmp_path, keys, certificate=(tmp_path / "two-cert.pub").read_text())
    assert answer["known"] is known, answer


def test_a_name_that_came_to_the_file_later_keeps_the_host_known(tmp_path: Path, keys: list[str]) -> None:
    known = tmp_path / "known"
    first, second = (" ".join(key.split()[:2]) for key in keys)
    known.write_text(f"mdx1 {first}\nmdx1 {second}\nnode1 {first}\n")
    assert ask(tmp_path, keys, file=str(known), state="replaced")["changed"]
    assert known.read_text() == f"mdx1 {second}\nnode1 {second}\n"


def test_an_authority_that_will_certify_the_host_counts_and_its_lines_follow(tmp_path: Path, keys: list[str]) -> None:
    known = tmp_path / "known"
    first, second = (" ".join(key.split()[:2]) for key in keys)
    known.write_text(f"@cert-authority mdx1 {first}\nmdx1 {first}\n")
    host = {"current": K1_OF_A_HOST, "following": K1_OF_A_HOST}
    assert ask(tmp_path, keys, **host, authority=keys[0])["known"] is True
    assert ask(tmp_path, keys, **host, authority=keys[1])["known"] is False
    followed = ask(tmp_path, keys, file=str(known), authorities=True)
    assert (followed["changed"], "known" in followed) == (True, False)
    assert known.read_text() == f"@cert-authority mdx1 {first}\n@cert-authority mdx1 {second}\nmdx1 {first}\n"
    assert ask(tmp_path, keys, **host, authority=keys[1])["known"] is True
    assert ask(tmp_path, keys, file=str(known), authorities=True, state="replaced")["changed"]
    assert known.read_text() == f"@cert-authority mdx1 {second}\nmdx1 {first}\n"
