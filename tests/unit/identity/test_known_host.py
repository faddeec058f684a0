"""Before a host shows its next key it is asked, here and of ssh itself, whether that would be known."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from module_utils.identity.known_host import Looked, believes, looked_up, with_next, without
from tests.support.modules import call

K1, K2, K3, CA = ("ssh-ed25519 " + word for word in ("AAAA1", "AAAA2", "AAAA3", "AAAACA"))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ("hostname 192.0.2.1\nport 22\n", "192.0.2.1"),
        ("hostname mdx1\nport 2022\n", "[mdx1]:2022"),
        ("hostname 192.0.2.1\nport 2022\nhostkeyalias mdx1\n", "mdx1"),
    ],
)
def test_the_name_by_which_ssh_looks_a_host_up(settings: str, name: str) -> None:
    files = "userknownhostsfile ~/.ssh/known_hosts /dev/null\nglobalknownhostsfile none /etc/known\n"
    read = ("/home/aoki/.ssh/known_hosts", "/etc/known")
    assert looked_up(settings + files, "/home/aoki") == Looked(name, read)


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


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    for name in ("one", "two"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    return [(tmp_path / f"{name}.pub").read_text().strip() for name in ("one", "two")]


def ask(tmp_path: Path, keys: list[str], **more: Any) -> dict[str, Any]:
    words = ["-F", "none", "-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "GlobalKnownHostsFile=none"]
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
