from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from module_utils.access_control import onward_host
from module_utils.access_control.onward import Pair, Step, plan, public_keys
from module_utils.identity.rooms import Room, exchange, make_next, remove
from tests.support.modules import call

GOOD = Pair(complete=True, good_attributes=True, public="ssh-ed25519 AAAA sato@login1 onward")


def test_each_account_gets_one_pair_and_nobody_else_keeps_one() -> None:
    found = {"sato": GOOD, "kato": Pair(complete=True, good_attributes=False), "gone": GOOD, "half": Pair(False, False)}
    assert plan(["sato", "kato", "half", "new"], found) == [
        Step("set_attributes", "kato"),
        Step("make", "half"),
        Step("make", "new"),
        Step("remove", "gone"),
    ]


def test_public_halves() -> None:
    assert public_keys(["sato", "new"], {"sato": GOOD}) == [{"account": "sato", "key": GOOD.public}]


def test_both_public_halves_while_a_key_is_replaced() -> None:
    two = Pair(complete=True, good_attributes=True, public="ssh-ed25519 AAAA", beside="ssh-ed25519 BBBB")
    assert [item["key"] for item in public_keys(["sato"], {"sato": two})] == ["ssh-ed25519 AAAA", "ssh-ed25519 BBBB"]


def test_nothing_is_there_on_a_fresh_machine(tmp_path: Path) -> None:
    assert onward_host.observe(tmp_path / "onward") == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, which only root may")
def test_pairs_are_made_mended_and_removed(tmp_path: Path) -> None:
    account = pwd.getpwuid(1).pw_name
    room = tmp_path / "onward"
    onward_host.apply(room, [Step("make", account)], "login1")
    first = onward_host.observe(room)[account]
    assert first.complete
    assert first.good_attributes
    assert first.public.endswith(f"{account}@login1 onward")
    private = room / account / "id_ed25519"
    assert stat.S_IMODE(private.stat().st_mode) == 0o640
    assert private.stat().st_uid == 0
    private.chmod(0o644)
    assert plan([account], onward_host.observe(room)) == [Step("set_attributes", account)]
    onward_host.apply(room, [Step("set_attributes", account)], "login1")
    assert onward_host.observe(room)[account] == first
    private.write_text("")
    assert plan([account], onward_host.observe(room)) == [Step("make", account)]
    onward_host.apply(room, [Step("make", account)], "login1")
    assert onward_host.observe(room)[account].public != first.public
    make_next(Room(room / account, "id_ed25519"))
    assert onward_host.observe(room)[account].beside
    assert onward_host.strangers(room) == []
    onward_host.apply(room, [Step("remove", account)], "login1")
    assert onward_host.observe(room) == {}
    assert list(room.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, which only root may")
@pytest.mark.parametrize("killed", ["", "before", "after"])
def test_whoever_removes_the_pair_in_use_means_the_one_beside_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    account = pwd.getpwuid(1).pw_name
    onward_host.apply(tmp_path, [Step("make", account)], "login1")
    room = Room(tmp_path / account, "id_ed25519")
    make_next(room)
    exchange(room)
    leaked = onward_host.observe(tmp_path)[account].beside
    remove(room)
    now = onward_host.observe(tmp_path)
    assert (now[account].beside_alone, public_keys([account], now)) == (True, [])
    asked = {"directory": str(tmp_path), "accounts": [account]}
    assert call("onward_keys", asked, check=True)["steps"] == [f"make {account}"]
    if killed:
        with monkeypatch.context() as patched:
            rename = Path.rename

            def last(self: Path, target: Path) -> Path:
                if killed == "after":
                    rename(self, target)
                raise KeyboardInterrupt

            patched.setattr(Path, "rename", last)
            with pytest.raises(KeyboardInterrupt):
                onward_host.apply(tmp_path, [Step("make", account)], "login1")
    made = call("onward_keys", asked)
    assert made["changed"] == (killed != "after")
    keys = [item["key"] for item in made["public_keys"]]
    assert (len(keys), leaked in keys, room.beside.path.exists()) == (1, False, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, which only root may")
def test_a_pair_beside_of_nobody_is_removed(tmp_path: Path) -> None:
    account = pwd.getpwuid(1).pw_name
    onward_host.apply(tmp_path, [Step("make", account)], "login1")
    room = Room(tmp_path / account, "id_ed25519")
    make_next(room)
    remove(room)
    assert call("onward_keys", {"directory": str(tmp_path), "accounts": []})["steps"] == [f"remove {account}"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", ["file", "directory", "link"])
def test_what_is_no_key_pair_is_a_stranger_and_never_removed(tmp_path: Path, make: str) -> None:
    """A directory named by mistake, such as /etc, would be emptied else."""
    made = tmp_path / "thing"
    if make == "file":
        made.touch()
    elif make == "directory":
        made.mkdir()
        (made / "id_ed25519").touch()
        (made / "more").touch()
    else:
        made.symlink_to("/")
    assert onward_host.strangers(tmp_path) == ["thing"]
    said = call("onward_keys", {"directory": str(tmp_path), "accounts": []})
    assert said["failed"]
    assert f"{tmp_path} holds thing, which is no onward key pair" in said["msg"]
    assert os.path.lexists(made)


def test_parts_of_a_pair_are_no_strangers(tmp_path: Path) -> None:
    (tmp_path / "sato").mkdir()
    assert onward_host.strangers(tmp_path / "none") == []
    for name in ("id_ed25519", "id_ed25519.pub"):
        (tmp_path / "sato" / name).touch()
        assert onward_host.strangers(tmp_path) == []


def test_a_missing_user_is_named(tmp_path: Path) -> None:
    with pytest.raises(onward_host.OnwardError, match="no user nosuchaccount"):
        onward_host.apply(tmp_path, [Step("make", "nosuchaccount")], "login1")
    (tmp_path / "nosuchaccount").mkdir()
    for name in ("id_ed25519", "id_ed25519.pub"):
        (tmp_path / "nosuchaccount" / name).write_text("x")
    assert not onward_host.observe(tmp_path)["nosuchaccount"].good_attributes
