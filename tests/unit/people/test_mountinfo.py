"""Names that users give to places come whole from the kernel's list of mounts to what takes them away."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils import mountinfo
from module_utils.access_control.mounts import parse_mountinfo, unit_name
from module_utils.matrix.strangers import mounts_drift
from module_utils.people import system
from module_utils.people.plan import Entry, Host, User, Wish, plan

NAMES = [b"\r", b"\r\n", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b" ", b" - ", b"\t", b"\n", b"\\", b"\\040", b"\xff\xfe"]
NAMES += [char.encode() for char in "\x85\xa0\u2028\u2029\u3000"]
ROOT = "1 0 0:1 / / rw - overlay overlay rw\n"


def line(name: bytes) -> bytes:
    """What the kernel writes of a mount by FUSE on a directory of that name: it escapes these four, and nothing else."""
    for char in b"\\ \t\n":
        name = name.replace(bytes([char]), b"\\%03o" % char)
    return b"40 1 0:50 / /home/sato/x" + name + b"y rw,nosuid - fuse.sshfs sato@data1:/ rw,user_id=3001,group_id=3001\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_whole_to_umount(name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_bytes(ROOT.encode() + line(name) + ROOT.encode())
    asked: list[Sequence[str]] = []

    def run(argv: Sequence[str], _failure: type[Exception]) -> CompletedProcess[str]:
        asked.append(argv)
        return CompletedProcess(argv, 0, "", "")

    monkeypatch.setattr(system, "_MOUNTS", tmp_path / "mountinfo")
    monkeypatch.setattr(system, "run", run)
    mounts = system.fuse_mounts(mountinfo.read(tmp_path / "mountinfo"))
    entry = Entry(3001, "", "/home/sato", "/bin/bash", "*", mounts=tuple(mounts[3001]))
    steps = plan(Wish((User("sato", 3001, present=False),)), Host({"sato": entry}))
    (step,) = [step for step in steps if step.unmount]
    assert step.say.isprintable(), "people's terminals are commanded by what a user wrote"
    system.carry_out([step])
    assert [os.fsencode(argv[-1]) for argv in asked] == [b"/home/sato/x" + name + b"y"]


@given(st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & set(b"/\0")))
def test_any_name_is_read_and_no_mount_beside_it_is_lost(name: bytes) -> None:
    text = os.fsdecode(line(name) + ROOT.encode())
    assert [os.fsencode(mount.point) for mount in mountinfo.parse(text)] == [b"/home/sato/x" + name + b"y", b"/"]
    assert system.fuse_mounts(text) == {3001: [os.fsdecode(b"/home/sato/x" + name + b"y")]}


def test_lines_with_too_few_fields_are_no_mounts() -> None:
    assert mountinfo.parse("\nx\n1 0 0:1 / /data\n - fuse.x x rw,user_id=1\n") == []
    assert mountinfo.parse("1 0 0:1 / /data rw") == [mountinfo.Mounted("/data", ("rw",))]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_holds_for_mounts_of_data_sets(name: bytes) -> None:
    text = os.fsdecode(line(name))
    point = os.fsdecode(b"/home/sato/x" + name + b"y")
    assert parse_mountinfo(text, "/home") == {point: {"rw", "nosuid"}}
    assert unit_name(point).isascii()
    (drift,) = mounts_drift("data1", text, "/home", set())
    assert str(drift).isprintable()


def test_what_is_shown_stays_readable() -> None:
    assert mountinfo.shown("/home/sato/データ of\x1b[2J\r\u3000\udcff") == "/home/sato/データ of\\x1b[2J\\r\\u3000\\udcff"
