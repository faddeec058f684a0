"""Keys that are given beside those a user has, on real directories."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.access_control.granted import BEGIN, END, GrantError, block, look, with_block, write

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
OWN = "ssh-ed25519 AAAA own"
NEW = "ssh-ed25519 BBBB new\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of aoki, who has the number of nobody."""
    room = tmp_path / "aoki"
    room.mkdir()
    entry = pwd.struct_passwd(("aoki", "x", 65534, 65534, "", str(room), "/bin/bash"))
    monkeypatch.setattr(pwd, "getpwnam", {"aoki": entry}.__getitem__)
    return room


@given(st.text("ab\n#"), st.sampled_from(["", NEW]))
def test_what_else_is_in_the_file_stays(text: str, lines: str) -> None:
    once = with_block(text, lines)
    assert with_block(once, lines) == once
    assert block(once) == (f"{BEGIN}\n{lines}{END}\n" if lines else "")
    assert with_block(once, "").rstrip("\n") == text.rstrip("\n")


def test_a_block_keeps_its_place_and_a_torn_one_is_refused() -> None:
    text = f"{OWN}\n{BEGIN}\nold\n{END}\nlater\n"
    assert with_block(text, NEW) == f"{OWN}\n{BEGIN}\n{NEW}{END}\nlater\n"
    for torn in (f"{BEGIN}\nold\n", f"{text}{BEGIN}\n{END}\n"):
        with pytest.raises(GrantError, match="mend that by hand"):
            with_block(torn, NEW)


@needs_root
def test_a_user_gets_a_file_of_their_own(home: Path) -> None:
    grant = look("aoki", NEW)
    assert not (home / ".ssh").exists()
    write("aoki", grant)
    file = home / ".ssh" / "authorized_keys"
    assert [(p.stat().st_uid, p.stat().st_mode & 0o777) for p in (home / ".ssh", file)] == [(65534, 0o700), (65534, 0o600)]
    file.write_text(f"{OWN}\n")
    write("aoki", look("aoki", NEW))
    assert file.read_text() == f"{OWN}\n{BEGIN}\n{NEW}{END}\n"
    assert look("aoki", NEW).after == look("aoki", NEW).before
    assert [p.name for p in (home / ".ssh").iterdir()] == ["authorized_keys"]


@needs_root
def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "authorized_keys").write_text("secret\n")
    (home / ".ssh").symlink_to(other)
    with pytest.raises(GrantError, match="could not be written"):
        look("aoki", NEW)
    (home / ".ssh").unlink()
    (home / ".ssh").mkdir()
    (home / ".ssh" / "authorized_keys").symlink_to(other / "authorized_keys")
    with pytest.raises(GrantError, match="could not be written"):
        look("aoki", NEW)
    (home / ".ssh" / "authorized_keys").unlink()
    (home / ".ssh" / "authorized_keys").mkdir()
    with pytest.raises(GrantError):
        look("aoki", NEW)


def test_a_user_who_is_not_there_is_told(home: Path) -> None:
    assert home.is_dir()
    with pytest.raises(GrantError, match="ueda is no user here yet"):
        look("ueda", NEW)
