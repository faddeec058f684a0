"""Removing directories in which something is mounted: real mounts, in a mount namespace of each test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from twin.errors import TwinError
from twin.removal import remove_tree

ROOT = Path(__file__).parents[3]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
SETUP = """
import subprocess
from pathlib import Path
from twin.errors import TwinError
from twin.removal import mounts, remove_tree, unmount_below
room = Path({room!r})
held, tree = room / "held", room / "tree"
place = tree / "with a space\\\\and\\ttab"
for directory in (held, place, tree / "plain"):
    directory.mkdir(parents=True)
for file in (held / "precious", tree / "plain/file"):
    file.write_text("kept")
def bind(source, target):
    subprocess.run(["mount", "--bind", source, target], check=True)
def refused(function, *arguments):
    try:
        function(*arguments)
    except TwinError as error:
        return str(error)
    raise AssertionError("was not refused")
"""


def apart(room: Path, script: str) -> None:
    """Run `script` after SETUP in a mount namespace of its own, whose mounts nobody else sees."""
    argv = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", SETUP.format(room=str(room)) + script]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_root
def test_what_is_mounted_is_never_emptied(tmp_path: Path) -> None:
    apart(
        tmp_path,
        """
bind(held, place)
said = refused(remove_tree, tree)
assert said == f"{place} is mounted, so {tree} was not removed: unmount it (umount {place}), then try again", said
assert (held / "precious").exists() and (tree / "plain/file").exists()
assert str(place) in refused(remove_tree, place)
# Through a link in the path, too.
(room / "link").symlink_to(room)
assert "is mounted" in refused(remove_tree, room / "link/tree")
assert (held / "precious").exists()
# A neighbour whose name begins alike is none of it.
(room / "tre").mkdir()
remove_tree(room / "tre")
""",
    )


@needs_root
def test_mounts_are_taken_away_whatever_their_names_and_then_the_tree_goes(tmp_path: Path) -> None:
    apart(
        tmp_path,
        """
bind(held, place)
(held / "inner").mkdir()
bind(tree / "plain", place / "inner")
bind(held, place)  # hides both
assert len(mounts(tree)) == 3, mounts(tree)
unmount_below(tree)
assert mounts(tree) == []
remove_tree(tree)
assert not tree.exists() and (held / "precious").read_text() == "kept"
""",
    )


@needs_root
def test_what_cannot_be_unmounted_is_named_and_stays(tmp_path: Path) -> None:
    # Mounts that come from a more powerful namespace are locked: no process within may unmount them.
    apart(
        tmp_path,
        """
import sys
bind(held, place)
code = "import sys; from pathlib import Path; from twin.removal import unmount_below; unmount_below(Path(sys.argv[1]))"
done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", code, tree],
                      capture_output=True, text=True)
assert f"{place} can't be unmounted (Invalid argument), so nothing was removed" in done.stderr, done.stderr
assert (held / "precious").exists() and (tree / "plain/file").exists()
""",
    )


def test_what_is_not_there_needs_no_removing(tmp_path: Path) -> None:
    remove_tree(tmp_path / "absent")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    remove_tree(tmp_path / "file")
    remove_tree(tmp_path / "link")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(TwinError, match=rf"{tmp_path} can't be removed \(Operation not permitted\): mend that"):
        remove_tree(tmp_path)
