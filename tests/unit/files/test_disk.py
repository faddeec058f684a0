from __future__ import annotations

import os
from pathlib import Path

import pytest

from module_utils.files.disk import apply, observe, validate
from module_utils.files.plan import Directory, File, PlanError, Wish, plan

ME, MINE = str(os.geteuid()), str(os.getegid())


def file(path: Path, content: bytes = b"new", mode: int = 0o640) -> File:
    return File(str(path), content, mode, ME, MINE)


def directory(path: Path, *, exclusive: bool = False) -> Directory:
    return Directory(str(path), 0o750, ME, MINE, exclusive)


def carry_out(wish: Wish) -> list[str]:
    steps = plan(wish, observe(wish))
    validate(wish, tolerate_missing_tools=False)
    apply(steps)
    return [f"{s.action} {s.path}" for s in steps]


def test_makes_everything_then_finds_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    wish = Wish(
        files=(file(tmp_path / "d/inner/f"),),
        directories=(directory(tmp_path / "d", exclusive=True), directory(tmp_path / "d/inner", exclusive=True)),
        absent=(str(tmp_path / "old"),),
    )
    assert len(carry_out(wish)) == 4
    assert (tmp_path / "d/inner/f").read_bytes() == b"new"
    assert (tmp_path / "d/inner/f").stat().st_mode & 0o7777 == 0o640
    assert (tmp_path / "d").stat().st_mode & 0o7777 == 0o750
    assert not (tmp_path / "old").exists()
    assert carry_out(wish) == []


def test_sets_attributes_without_rewriting(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"new")
    path.chmod(0o777)
    before = path.stat().st_ino
    assert carry_out(Wish(files=(file(path),))) == [f"set_attributes {path}"]
    assert (path.stat().st_mode & 0o7777, path.stat().st_ino) == (0o640, before)


def test_removes_strangers_and_leftovers_from_an_exclusive_directory(tmp_path: Path) -> None:
    for name in ("stranger", ".f.kakehashi-new", "f"):
        (tmp_path / name).write_text("old")
    (tmp_path / "subdirectory").mkdir()
    tmp_path.chmod(0o750)
    carry_out(Wish(files=(file(tmp_path / "f"),), directories=(directory(tmp_path, exclusive=True),)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "subdirectory"]


def test_replaces_a_link_by_a_file_and_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("keep")
    (tmp_path / "f").symlink_to("target")
    carry_out(Wish(files=(file(tmp_path / "f"),)))
    assert not (tmp_path / "f").is_symlink()
    assert (tmp_path / "target").read_text() == "keep"


def test_a_failed_validation_changes_nothing_and_speaks_of_the_real_path(tmp_path: Path) -> None:
    wish = Wish(
        files=(file(tmp_path / "d/f", b"if"),),
        directories=(directory(tmp_path / "d"),),
        validate=(("sh", "-n", f"{{{tmp_path}/d/f}}"),),
    )
    with pytest.raises(PlanError, match=rf"sh refuses the new files, nothing was changed: {tmp_path}/d/f: .*[Ss]yntax"):
        carry_out(wish)
    assert list(tmp_path.iterdir()) == []


def test_a_validation_without_words_gives_its_exit_status(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"false refuses .*: exit status 1"):
        carry_out(Wish(files=(file(tmp_path / "f"),), validate=(("false",),)))


def test_a_missing_tool_is_tolerated_only_when_asked(tmp_path: Path) -> None:
    wish = Wish(files=(file(tmp_path / "f"),), validate=(("no-such-tool",),))
    assert validate(wish, tolerate_missing_tools=True) == ["no-such-tool"]
    with pytest.raises(PlanError, match="no-such-tool, which validates these files, is not installed"):
        carry_out(wish)


def test_a_parent_that_is_not_there_is_named_and_nothing_stays_behind(tmp_path: Path) -> None:
    wish = Wish(files=(file(tmp_path / "d/f"), file(tmp_path / "absent/f")), directories=(directory(tmp_path / "d"),))
    with pytest.raises(PlanError, match=f"{tmp_path}/absent is no directory.*declare it.*nothing was changed"):
        carry_out(wish)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_owner_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there is no user nobody-of-that-name"):
        carry_out(Wish(files=(File(str(tmp_path / "f"), b"", owner="nobody-of-that-name", group=MINE),)))
    with pytest.raises(PlanError, match="there is no group none-of-that-name"):
        carry_out(Wish(files=(File(str(tmp_path / "f"), b"", owner=ME, group="none-of-that-name"),)))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "f").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlanError, match=r"No space left on device \(nothing was changed\)"):
        carry_out(Wish(files=(file(tmp_path / "f"),)))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("f", "old")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link for another user")
def test_a_users_link_does_not_lead_root_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "home").symlink_to("secret")
    os.lchown(tmp_path / "home", 65534, 65534)
    with pytest.raises(PlanError, match=f"{tmp_path}/home is a link that its user made"):
        carry_out(Wish(files=(file(tmp_path / "home/f"),)))
    assert list((tmp_path / "secret").iterdir()) == []
