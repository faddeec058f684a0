"""Nobody but the recorder has what sshd gave a session: not by another name, not on its way through a socket, not by /proc."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from module_utils.sessions.command import DASH, SHELL, SHELL_MODE
from module_utils.sessions.recorder import holders

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes files away from a user, which needs root")

USER, OTHER = 65534, 231072
ROOT = Path(__file__).parents[3]
BEGIN = ROOT / "roles/session_recording/templates/kakehashi-session.j2"
SEAL = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from module_utils.sessions import recorder
try:
    said = "sealed " + recorder.seal({USER}).decode()
    if os.isatty(0):
        os.write(1, b"after")
        said += f" leads={{os.tcgetpgrp(0) == os.getpgrp()}} size={{os.get_terminal_size(0).columns}}"
except recorder.EndError as error:
    said = str(error)
os.write(int(sys.argv[1]), said.encode())
"""


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)  # until it holds or the time is over


def sealed(ends: tuple[int, int, int], below: Sequence[str] = ()) -> str:
    """Return what sealing these ends says, in a process that leads a session on them, or in one below such a process."""
    told, tell = os.pipe()
    leading = ["setsid", *(["--ctty"] if os.isatty(ends[0]) else [])]
    argv = [*leading, *below, sys.executable, "-c", SEAL, str(tell)]
    with subprocess.Popen(argv, stdin=ends[0], stdout=ends[1], stderr=ends[2], pass_fds=[tell]) as done:
        os.close(tell)
        with os.fdopen(told) as file:
            said = file.read()
        assert done.wait() == 0
    return said


@contextlib.contextmanager
def running(argv: list[str], user: int, held: Sequence[int] = ()) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        argv, user=user, group=user, extra_groups=[], pass_fds=held, stdin=quiet, stdout=quiet, stderr=quiet
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Yield master and slave of a terminal of the user's, 90 wide."""
    master, slave = os.openpty()
    os.fchown(slave, USER, -1)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 30, 90, 0, 0))
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.fixture
def pipes() -> Iterator[tuple[int, ...]]:
    """Yield ends of three pipes of the user's: the session's three, then sshd's."""
    made = [os.pipe() for _ in range(3)]
    for pair in made:
        os.fchown(pair[0], USER, -1)
    ends = (made[0][0], made[1][1], made[2][1], made[0][1], made[1][0], made[2][0])
    yield ends
    for end in ends:
        os.close(end)


def identity(end: int) -> tuple[int, int]:
    return os.fstat(end).st_dev, os.fstat(end).st_ino


def named(process: int, name: str) -> bool:
    """Return whether a look at names, which is what there was once, finds a terminal in a process."""
    return any(str(link.readlink()) == name for link in Path(f"/proc/{process}/fd").iterdir())


@pytest.mark.parametrize("below", [(), ("/bin/sh", "-c", '"$@"; exit $?', "-")], ids=["leader", "below its leader"])
def test_a_terminal_goes_on_for_the_recorder_alone(terminal: tuple[int, int], below: tuple[str, ...]) -> None:
    master, slave = terminal
    os.write(master, b"typed ahead\n")
    assert sealed((slave, slave, slave), below) == "sealed typed ahead\n leads=True size=90"
    assert os.read(master, 100).endswith(b"after")
    found = os.fstat(slave)
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)


def test_who_opened_the_terminal_by_another_name_is_found(terminal: tuple[int, int]) -> None:
    _master, slave = terminal
    name = os.ttyname(slave)
    if subprocess.run(["unshare", "-Urm", "true"], check=False).returncode != 0:
        pytest.skip("no user namespaces here")
    script = f"mount --bind /dev/pts /mnt && exec 3<>/mnt/{name.rpartition('/')[2]} && exec sleep 60"
    with running(["unshare", "-Urm", "--propagation", "private", "sh", "-c", script], USER) as left:
        wait_for(lambda: left.pid in list(holders({identity(slave)}, {os.getpid()})))
        assert not named(left.pid, name)  # so what compares names lets it pass
        assert f"the process {left.pid} holds" in sealed((slave, slave, slave))


def test_a_descriptor_on_its_way_is_dead(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    ours, theirs = socket.socketpair()
    with ours, theirs:
        opened = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY)
        assert os.write(opened, b"x") == 1
        socket.send_fds(ours, [b"-"], [opened])
        os.close(opened)
        assert sealed((slave, slave, slave)).startswith("sealed")
        (arrived,) = socket.recv_fds(theirs, 1, 1)[1]
        with pytest.raises(OSError, match="Input/output error"):
            os.write(arrived, b"past the recorder")
        os.write(master, b"for the recorder\n")
        assert os.read(arrived, 100) == b""
        os.close(arrived)


def test_who_has_it_as_dev_tty_is_cut_off(terminal: tuple[int, int]) -> None:
    """Somebody made it their own terminal before sshd did, opened /dev/tty, and let go: its inode is that of all terminals."""
    _master, slave = terminal
    script = (
        f"import fcntl, os, termios\nos.setsid(); fcntl.ioctl({slave}, termios.TIOCSCTTY, 0)\n"
        f"held = os.open('/dev/tty', os.O_RDWR); os.close({slave}); os.write(held, b'x')\n"
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); fcntl.ioctl(held, termios.TIOCNOTTY)\n"
        "print('ready', flush=True); input()\n"
        "try: os.write(held, b'past the recorder'); print('written')\n"
        "except OSError as error: print(error.strerror)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, user=USER, pass_fds=[slave]
    ) as left:
        assert left.stdout is not None
        assert left.stdin is not None
        assert left.stdout.readline() == "ready\n"
        assert left.pid not in holders({identity(slave)}, {os.getpid()})  # so no look at inodes finds it
        assert sealed((slave, slave, slave)).startswith("sealed")
        left.stdin.write("\n")
        left.stdin.flush()
        assert left.stdout.readline() == "Input/output error\n"


def test_a_descriptor_on_its_way_would_live_where_nobody_hangs_up(terminal: tuple[int, int]) -> None:
    _master, slave = terminal
    opened = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY)
    os.fchown(slave, 0, 0)
    os.fchmod(slave, 0o600)
    assert os.write(opened, b"past the recorder") > 0
    os.close(opened)


@pytest.mark.parametrize("user", [USER, OTHER], ids=["its user", "a user of its user's"])
@pytest.mark.parametrize("end", range(3))
def test_who_holds_a_pipe_is_found(pipes: tuple[int, ...], user: int, end: int) -> None:
    with running(["sleep", "60"], user, [pipes[end]]) as left:
        assert f"the process {left.pid} holds" in sealed((pipes[0], pipes[1], pipes[2]))
    assert sealed((pipes[0], pipes[1], pipes[2])).startswith("sealed")


def test_nobody_opens_the_pipes_any_more(pipes: tuple[int, ...]) -> None:
    with running(["sleep", "60"], USER, [pipes[1]]) as session:
        steal = ["sh", "-c", f": >/proc/{session.pid}/fd/{pipes[1]}"]
        stolen = [subprocess.run(steal, user=USER, group=USER, extra_groups=[], check=False, capture_output=True).returncode]
        sealed((pipes[0], pipes[1], pipes[2]))
        stolen += [subprocess.run(steal, user=USER, group=USER, extra_groups=[], check=False, capture_output=True).returncode]
    assert stolen[0] == 0
    assert stolen[1] != 0


@pytest.mark.parametrize(("mode", "opens"), [(0o711, False), (0o755, True)])
def test_nobody_reaches_what_begins_a_session(mode: int, opens: bool) -> None:
    """Before root has it, too: its shell is a program that can't be read. By one that can it would be reached."""
    shell, _line, _rest = BEGIN.read_text(encoding="utf-8").removeprefix("{{ '#!' }}").partition("\n")
    # So it is put there: tests/unit/library/test_session_program.py.
    assert (shell, DASH, SHELL_MODE) == (SHELL, "/bin/dash", 0o711)
    with tempfile.TemporaryDirectory() as room:
        Path(room).chmod(0o755)
        shutil.copy("/bin/dash", f"{room}/sh")
        Path(room, "sh").chmod(mode)
        Path(room, "begin").write_text(f"#!{room}/sh\necho begun; read -r line\n", encoding="utf-8")
        Path(room, "begin").chmod(0o755)
        by_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        with subprocess.Popen(
            [f"{room}/begin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=USER, group=USER, extra_groups=[]
        ) as begun:
            assert begun.stdout is not None
            assert begun.stdin is not None
            os.fchown(begun.stdout.fileno(), USER, -1)
            assert begun.stdout.readline() == b"begun\n"
            tried = subprocess.run([*by_user, "sh", "-c", f": >/proc/{begun.pid}/fd/1"], check=False, capture_output=True)
            begun.stdin.close()
    assert (tried.returncode == 0) == opens


@pytest.mark.parametrize("lets_go", [True, False])
def test_what_sshd_forks_for_another_session_is_waited_for(pipes: tuple[int, ...], lets_go: bool) -> None:
    child = os.fork()
    if child == 0:
        while stat.S_IMODE(os.fstat(pipes[0]).st_mode) != 0o600 or not lets_go:
            time.sleep(0.005)
        os._exit(0)
    said = sealed((pipes[0], pipes[1], pipes[2]))
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert said.startswith("sealed" if lets_go else f"the process {child} holds")


def test_what_has_a_name_is_left_alone(tmp_path: Path) -> None:
    fifo, file = tmp_path / "fifo", tmp_path / "file"
    os.mkfifo(fifo, 0o644)
    file.touch(0o644)
    for path in (fifo, file):
        os.chown(path, USER, -1)
    with fifo.open("r+b", buffering=0) as one, file.open("r+b") as two, Path("/dev/null").open("r+b") as three:
        assert sealed((one.fileno(), two.fileno(), three.fileno())) == "sealed "
    assert [(p.stat().st_uid, stat.S_IMODE(p.stat().st_mode)) for p in (fifo, file)] == [(USER, 0o644)] * 2


def test_a_socket_that_somebody_holds_is_found() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ends = (theirs.fileno(),) * 3
        os.fchown(theirs.fileno(), USER, -1)
        with running(["sleep", "60"], USER, [theirs.fileno()]) as left:
            assert f"the process {left.pid} holds" in sealed(ends)
        assert sealed(ends) == "sealed "
