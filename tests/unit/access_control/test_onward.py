from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from module_utils.access_control import onward_host
from module_utils.access_control.onward import Pair, Step, plan, public_keys

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
    onward_host.apply(room, [Step("remove", account)], "login1")
    assert onward_host.observe(room) == {}


def test_a_missing_user_is_named(tmp_path: Path) -> None:
    with pytest.raises(onward_host.OnwardError, match="no user nosuchaccount"):
        onward_host.apply(tmp_path, [Step("make", "nosuchaccount")], "login1")
    (tmp_path / "nosuchaccount").mkdir()
    for name in ("id_ed25519", "id_ed25519.pub"):
        (tmp_path / "nosuchaccount" / name).write_text("x")
    assert not onward_host.observe(tmp_path)["nosuchaccount"].good_attributes
