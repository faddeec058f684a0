from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils.access_control.mounts import (
    REQUIRED,
    Mount,
    MountError,
    Step,
    parse,
    parse_mountinfo,
    plan,
    unit_name,
    unit_text,
)

CT = Mount("/data/ct", "/srv/kakehashi/sato/ct-2024")
GOOD = REQUIRED | {"relatime"}


def test_mounts_are_taken_as_declared() -> None:
    assert parse([{"source": CT.source, "target": CT.target}], "/srv/kakehashi") == [CT]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("/data/ct", "/srv/kakehashi/ct", "is not /srv/kakehashi/<account>/<data set>"),
        ("/data/ct", "/srv/other/sato/ct", "is not /srv/kakehashi/<account>/<data set>"),
        ("/data/ct", "/srv/kakehashi/sato/..", "is not /srv/kakehashi/<account>/<data set>"),
        ("/data/ct", "/srv/kakehashi/sato/a b", "is not /srv/kakehashi/<account>/<data set>"),
        ("data/ct", CT.target, "can't be the source"),
        ("/srv/kakehashi/kato", CT.target, "can't be the source"),
        ("/data/%h", CT.target, "can't be the source"),
    ],
)
def test_what_can_not_be_mounted_is_named(source: str, target: str, words: str) -> None:
    with pytest.raises(MountError, match=words):
        parse([{"source": source, "target": target}], "/srv/kakehashi")


def test_two_sets_can_not_have_one_place() -> None:
    item = {"source": CT.source, "target": CT.target}
    with pytest.raises(MountError, match="declared twice"):
        parse([item, item], "/srv/kakehashi")


def test_what_is_as_declared_stays() -> None:
    assert plan([CT], {CT.target: unit_text(CT)}, {CT.target: GOOD}) == []


def test_what_is_not_as_declared_is_made_so() -> None:
    text = unit_text(CT)
    assert plan([CT], {}, {}) == [Step("start", CT.target, text)]
    assert plan([CT], {CT.target: text}, {CT.target: GOOD - {"ro"}}) == [Step("restart", CT.target, text)]
    assert plan([CT], {CT.target: "else"}, {CT.target: GOOD}) == [Step("restart", CT.target, text)]
    assert plan([], {CT.target: text}, {"/srv/kakehashi/sato/hand": GOOD}) == [
        Step("stop", CT.target),
        Step("stop", "/srv/kakehashi/sato/hand"),
    ]


def test_mountinfo() -> None:
    text = (
        "22 1 0:20 / / rw - overlay overlay rw\n"
        "60 22 0:20 /data/ct /srv/kakehashi/sato/a\\040b ro,nosuid,nodev,noexec,relatime - overlay overlay rw\n"
    )
    assert parse_mountinfo(text, "/srv/kakehashi") == {"/srv/kakehashi/sato/a b": GOOD}


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd-escape is not installed")
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abcXYZ019-_.:@ é", min_size=1, max_size=8), min_size=1, max_size=3))
def test_unit_names_are_systemds(parts: list[str]) -> None:
    path = "/" + "/".join(part if part.strip(".") else f"x{part}" for part in parts)
    command = ["systemd-escape", "--path", "--suffix=mount", path]
    assert unit_name(path) == subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
