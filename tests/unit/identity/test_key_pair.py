"""A key pair is made once, and one that was lost is not silently another."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from module_utils.identity.key_pair import KeyPairError, Wanted, carry_out, missing, public_key
from module_utils.identity.rooms import make_next, observe


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    (tmp_path / "room").mkdir()
    return Wanted(tmp_path / "room/key", owner, group, comment="ca1")


def test_it_is_made_once(wanted: Wanted) -> None:
    assert public_key(wanted) == ""
    assert missing(wanted) == ["make"]
    carry_out(wanted, missing(wanted))
    made = public_key(wanted)
    assert made.startswith("ssh-ed25519 ")
    assert made.endswith(" ca1")
    assert missing(wanted) == []
    assert sorted(p.name for p in wanted.path.parent.iterdir()) == ["key", "key.pub"]


def test_mode_and_public_half_are_mended(wanted: Wanted) -> None:
    carry_out(wanted, ["make"])
    made = public_key(wanted)
    wanted.public.unlink()
    wanted.path.chmod(0o644)
    assert missing(wanted) == ["derive", "attributes"]
    wanted.path.chmod(0o600)
    carry_out(wanted, ["derive", "attributes"])
    assert public_key(wanted) == made
    assert missing(wanted) == []


def test_a_lost_key_is_named(wanted: Wanted) -> None:
    carry_out(wanted, ["make"])
    wanted.path.unlink()
    with pytest.raises(KeyPairError, match="put it back from its copy, or remove the public half too"):
        missing(wanted)


def test_the_pair_beside_one_that_is_made_anew_goes_with_it(wanted: Wanted) -> None:
    carry_out(wanted, ["make"])
    make_next(wanted.room)
    leaked = observe(wanted.room).beside
    for half in (wanted.path, wanted.public):
        half.unlink()
    carry_out(wanted, missing(wanted))
    now = observe(wanted.room)
    assert (now.current not in ("", leaked), now.beside, wanted.room.beside.path.exists()) == (True, "", False)


def test_what_else_lies_beside_a_pair_that_is_made_is_left(wanted: Wanted) -> None:
    wanted.room.beside.path.mkdir()
    (wanted.room.beside.path / "more").touch()
    carry_out(wanted, missing(wanted))
    assert (wanted.room.beside.path / "more").exists()


def test_an_unknown_owner_is_named(wanted: Wanted) -> None:
    carry_out(wanted, ["make"])
    with pytest.raises(KeyPairError, match="make that first"):
        missing(replace(wanted, group="nobody-has-it"))
