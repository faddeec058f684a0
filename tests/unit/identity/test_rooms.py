"""A second pair lies beside the one in use, and one exchange switches both halves."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from module_utils.identity.key_pair import Wanted, carry_out
from module_utils.identity.rooms import Room, RoomError, exchange, make_next, observe
from tests.support.modules import call


@pytest.fixture
def room(tmp_path: Path) -> Room:
    (tmp_path / "authority").mkdir()
    found = Room(tmp_path / "authority", "user_ca")
    carry_out(Wanted(found.private, comment="user authority of ca1"), ["make"])
    found.private.chmod(0o640)
    return found


def turn(room: Room, state: str, *, check: bool = False) -> Mapping[str, Any]:
    pairs = [{"subject": "ca1", "path": str(room.private)}]
    return call("key_turnover", {"pairs": pairs, "state": state}, check=check)


def test_a_key_is_replaced_step_by_step_and_each_step_can_be_repeated(room: Room) -> None:
    first = observe(room).current
    assert turn(room, "next", check=True)["steps"] == ["make a next key of ca1"]
    assert observe(room).beside == ""
    assert turn(room, "next")["changed"]
    second = observe(room).beside
    assert (first != second, second.split()[2:]) == (True, first.split()[2:])
    assert stat.S_IMODE(room.beside.private.stat().st_mode) == 0o640
    assert not turn(room, "next")["changed"]
    assert not turn(room, "forgotten")["changed"], "the next key is not the one before"
    assert turn(room, "switched")["public_keys"] == [second, first]
    assert not turn(room, "switched")["changed"]
    assert turn(room, "back")["found"][0]["following"] is True
    assert turn(room, "switched")["found"][0]["current"] == second
    assert turn(room, "forgotten")["public_keys"] == [second]
    assert not turn(room, "forgotten")["changed"]
    assert [path.name for path in room.path.parent.iterdir()] == ["authority"]
    assert turn(room, "read")["found"] == [{**turn(room, "read")["found"][0], "beside": "", "following": False}]


def test_which_is_newer_does_not_hang_on_the_clock(room: Room) -> None:

    os.utime(room.private, (4102444800, 4102444800))
    turn(room, "next")
    assert observe(room).following


def test_a_pair_that_is_half_there_is_none(room: Room) -> None:
    turn(room, "next")
    room.beside.public.unlink()
    assert observe(room).beside == ""
    assert turn(room, "next")["changed"]
    room.private.unlink()
    assert turn(room, "read")["public_keys"] == []
    assert not turn(room, "next")["changed"]


def test_what_else_lies_there_is_not_moved(room: Room) -> None:
    (room.path / "policy").touch()
    said = turn(room, "next")
    assert said["failed"]
    assert "holds policy beside its key pair" in said["msg"]


def test_an_exchange_that_the_kernel_refuses_changes_nothing(room: Room) -> None:
    before = observe(room)
    with pytest.raises(RoomError, match=r"can't be exchanged: .*; both stay as they were"):
        exchange(room)
    assert observe(room).current == before.current


def test_a_next_pair_is_on_the_disk_before_it_has_its_name(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut after the exchange could leave the pair in use empty, and who finds it so removes the one beside, too."""
    done: list[str] = []
    to_disk, rename = os.fsync, Path.rename

    def noted(handle: int) -> None:
        done.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        to_disk(handle)

    def renamed(self: Path, target: Path) -> Path:
        done.append("renamed")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "rename", renamed)
    make_next(room)
    assert done == ["user_ca", "user_ca.pub", ".new-authority", "renamed"]
