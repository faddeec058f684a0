"""Whatever happens to a tree, it comes back byte for byte with owner, mode and time."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils.changes import arming
from module_utils.changes.entries import Entry, Step
from module_utils.changes.trees import TreeError, carry_out, scan

from .support import Bench, picture

ROOT = Path(__file__).resolve().parents[3]
AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root may do this")


def grow(top: Path, chance: random.Random, count: int) -> None:
    """Make ``count`` random things below ``top``."""
    rooms = [top, *(p for p in top.rglob("*") if p.is_dir() and not p.is_symlink())]
    for _ in range(count):
        path = chance.choice(rooms) / chance.choice(["a", "b", "c", "d d", "ü", os.fsdecode(b"\xff")])
        if os.path.lexists(path):
            continue
        kind = chance.choice(["file", "file", "directory", "link"])
        if kind == "directory":
            path.mkdir()
            rooms.append(path)
        elif kind == "link":
            path.symlink_to(chance.choice(["a", "/etc/passwd", "../b", "nowhere"]))
        else:
            path.write_bytes(chance.randbytes(chance.choice([0, 1, 5000])))
        dress(path, chance)


def dress(path: Path, chance: random.Random) -> None:
    """Give ``path`` a random owner, mode and time."""
    if AS_ROOT:
        os.lchown(path, chance.choice([0, 1000]), chance.choice([0, 50]))
    if not path.is_symlink():
        path.chmod(chance.choice([0o700, 0o755, 0o4755] if path.is_dir() else [0o400, 0o644, 0o4755, 0o600]))
        if chance.random() < 0.2 and AS_ROOT:
            os.setxattr(path, "user.note", chance.randbytes(3))
    os.utime(path, ns=(0, chance.randrange(10**18)), follow_symlinks=False)


def spoil(top: Path, chance: random.Random) -> None:
    """Change random things below ``top``."""
    for path in sorted(top.rglob("*"), reverse=True):
        what = chance.random()
        if what < 0.25:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif what < 0.4:
            dress(path, chance)
        elif what < 0.6 and path.is_file() and not path.is_symlink():
            path.chmod(0o600)
            path.write_bytes(chance.randbytes(9))
    grow(top, chance, chance.randrange(8))
    if chance.random() < 0.1:
        shutil.rmtree(top)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_any_tree_comes_back_from_any_change(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as room:
        bench = Bench.make(Path(room))
        top = bench.root / "etc/ssh"
        grow(top, chance, 15)
        before = picture(top)
        arming.arm(bench.site, bench.wanted())
        spoil(top, chance)
        assert bench.program(["--why", "timer"]) == 0
        assert picture(top) == before


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_a_run_cut_short_at_any_step_is_finished_by_the_next(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as room, pytest.MonkeyPatch.context() as patch:
        bench = Bench.make(Path(room))
        top = bench.root / "etc/ssh"
        grow(top, chance, 12)
        before = picture(top)
        arming.arm(bench.site, bench.wanted())
        spoil(top, chance)
        left = chance.randrange(6)

        def cut(root: Path, step: Step, content: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            carry_out(root, step, content)  # type: ignore[arg-type] # passed on as it came

        patch.setattr("module_utils.changes.restore.carry_out", cut)
        try:
            bench.program(["--why", "timer"])
        except KeyboardInterrupt:
            patch.undo()
            assert bench.program(["--why", "timer"]) == 0
        assert picture(top) == before


def test_a_lost_directory_above_a_tree_comes_back_too(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    (bench.root / "etc/ssh").chmod(0o750)
    arming.arm(bench.site, bench.wanted())
    shutil.rmtree(bench.root / "etc")
    (bench.root / "etc").mkdir()
    assert bench.program([]) == 0
    shutil.rmtree(bench.root / "etc")
    assert bench.program(["--again", arming.read(bench.site)["earlier"][0]["id"]]) == 0
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"
    assert (bench.root / "etc/ssh").stat().st_mode & 0o777 == 0o750


def test_unchanged_files_are_not_written_again(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    file = bench.root / "etc/ssh/sshd_config"
    before = file.stat()
    arming.arm(bench.site, bench.wanted())
    file.write_text("Port 22\n")
    (bench.root / "etc/hosts").write_text("changed")
    assert bench.program([]) == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_socket_that_is_gone_is_told(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    os.mkfifo(bench.root / "etc/ssh/pipe")
    arming.arm(bench.site, bench.wanted())
    (bench.root / "etc/ssh/pipe").unlink()
    (bench.root / "etc/hosts").write_text("changed")
    assert bench.program([]) == 1
    assert (bench.root / "etc/hosts").read_text() == "192.0.2.1 login1\n"
    assert "/etc/ssh/pipe can't be made again" in arming.read(bench.site)["pending"]["sentence"]


@needs_root
def test_a_users_link_does_not_lead_root_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "home").symlink_to("secret")
    os.lchown(tmp_path / "home", 65534, 65534)
    with pytest.raises(TreeError, match="/home/f lies behind a link that a user made"):
        carry_out(tmp_path, Step("write", "/home/f", Entry("file", 0o644, 0, 0, 0)), lambda _name: [b""])
    assert list((tmp_path / "secret").iterdir()) == []


def test_a_file_that_is_mounted_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_text("longer than before")
    inode = (tmp_path / "f").stat().st_ino

    def busy(*_args: object, **_more: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "rename", busy)
    step = Step("write", "/f", Entry("file", 0o640, os.geteuid(), os.getegid(), 5))
    carry_out(tmp_path, step, lambda _name: [b"before"])
    now = (tmp_path / "f").stat()
    assert ((tmp_path / "f").read_text(), now.st_ino, now.st_mode & 0o777, now.st_mtime_ns) == ("before", inode, 0o640, 5)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_write_that_fails_leaves_the_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_text("now")

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        carry_out(tmp_path, Step("write", "/f", Entry("file", 0o600, 0, 0, 0)), lambda _name: [b"old"])
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("f", "now")]


@needs_root
def test_another_file_system_below_is_not_entered(tmp_path: Path) -> None:
    script = textwrap.dedent("""\
        import sys
        from pathlib import Path
        from module_utils.changes.trees import scan
        print({path: entry.kind for path, entry in scan(Path(sys.argv[1]), ["/t", "/none/x"]).items()})
        """)
    (tmp_path / "t/inner").mkdir(parents=True)
    mount = 'mount -t tmpfs none "$0/t/inner" && touch "$0/t/inner/f" && exec "$1" -c "$2" "$0"'
    argv = ["unshare", "-m", "sh", "-c", mount, str(tmp_path), sys.executable, script]
    result = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "{'/t': 'directory', '/t/inner': 'other'}"
    assert set(scan(tmp_path, ["/t"])) == {"/t", "/t/inner"}


FULL = """\
import errno, os, sys
from pathlib import Path
from module_utils.changes import arming
from tests.unit.changes.support import Bench, picture

bench = Bench.make(Path(sys.argv[1]))
ssh = bench.root / "etc/ssh"
(ssh / "large").write_bytes(os.urandom(300_000))
for number in range(40):
    (ssh / f"key{number}").write_bytes(os.urandom(5000))
before = picture(ssh)
arming.arm(bench.site, bench.wanted())
for path in ssh.iterdir():
    path.write_bytes(b"spoiled")
(ssh / "key1").unlink()


def fill():
    with open(Path(sys.argv[1]) / "filler", "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC


fill()
if sys.argv[2] == "no reserve":
    (bench.base / "pending/reserve").unlink()
    fill()
    assert bench.program(["--why", "timer"]) == 1
    sys.exit("left" if picture(ssh) != before else 0)
try:
    Path(sys.argv[1], "probe").write_bytes(bytes(5000))
    sys.exit("the disk is not full")
except OSError:
    pass
assert bench.program(["--why", "timer"]) == 0
assert picture(ssh) == before
assert not list(bench.root.rglob("*.kakehashi-back"))
try:
    arming.arm(bench.site, bench.wanted())
except arming.ChangeError as error:
    print(error)
print("whole")
"""


@needs_root
@pytest.mark.parametrize("reserve", ["with reserve", "no reserve"])
def test_a_full_disk_keeps_nothing_from_coming_back(tmp_path: Path, reserve: str) -> None:
    mount = 'mount -t tmpfs -o size=8m none "$0" && exec "$1" -c "$2" "$0" "$3"'
    argv = ["unshare", "-m", "sh", "-c", mount, str(tmp_path), sys.executable, FULL, reserve]
    result = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if reserve == "with reserve":
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == "whole"
    else:
        assert result.stderr.strip() == "left", "the counter-test: it is the reserve that does it"


KILLED = """\
import os, sys, time
from pathlib import Path
from module_utils.changes import restore
from module_utils.changes.host import Host
from tests.unit.changes.support import Machine

plain = restore.carry_out

def slow(*args):
    print("step", flush=True)
    plain(*args)
    sys.stdin.readline()

restore.carry_out = slow
room = Path(sys.argv[1])
restore.main(["--base", str(room / "base"), "--root", str(room / "root")], Host(Machine(), room / "proc", 0.0))
"""


@pytest.mark.parametrize("steps", [1, 4, 9])
def test_killed_in_the_middle_the_next_run_finishes(tmp_path: Path, steps: int) -> None:
    bench = Bench.make(tmp_path)
    top = bench.root / "etc/ssh"
    chance = random.Random(7)  # noqa: S311 - no secret
    grow(top, chance, 25)
    before = picture(top)
    arming.arm(bench.site, bench.wanted())
    for path in top.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)
            path.write_text("spoiled")
    argv = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for _ in range(steps):
            assert process.stdout.readline() == "step\n"
            process.stdin.write("\n")
            process.stdin.flush()
        process.kill()
    assert picture(top) != before
    assert bench.program(["--why", "timer"]) == 0
    assert picture(top) == before
