"""A key pair is made once, and one that was lost is not silently another."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
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


def test_a_copy_under_a_passphrase_is_put_back_as_the_documentation_says(wanted: Wanted, tmp_path: Path) -> None:
    """docs/certificates.md: copied, put under a passphrase, compared, and put back without it on a signer that was built anew."""

    def keygen(*words: str) -> str:
        return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout

    carry_out(wanted, ["make"])
    made, copy = public_key(wanted), tmp_path / "ca1-user-ca"
    shutil.copy(wanted.path, copy)
    keygen("-p", "-P", "", "-N", "a long one", "-f", str(copy))
    assert keygen("-y", "-P", "a long one", "-f", str(copy)).split()[:2] == made.split()[:2]
    for half in (wanted.path, wanted.public):
        half.unlink()
    shutil.copy(copy, wanted.path)
    with pytest.raises(KeyPairError, match="has to lose it first, by ssh-keygen -p -N '' -f "):
        carry_out(wanted, missing(wanted))
    assert not wanted.public.exists()
    keygen("-p", "-P", "a long one", "-N", "", "-f", str(wanted.path))
    carry_out(wanted, missing(wanted))
    assert public_key(wanted) == made


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
