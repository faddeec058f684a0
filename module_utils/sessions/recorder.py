"""The recorder of one session: runs as root between sshd and what the user runs, and hands what passes to a keeper.

What is typed at a terminal is not recorded, since passwords are; what it shows is. Of a command without a terminal everything is,
its input too: a shell that reads its commands there would show nothing of them. Of files carried by sftp their names are.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import select
import signal
import socket
import stat
import sys
import termios
import time
import tty
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from . import frames
from .frames import Frame
from .keeper import KEPT, SOCKET, receive, send

TERMINAL, COMMAND, TRANSFER = "terminal", "command", "transfer"
SFTP = "/usr/lib/openssh/sftp-server"
_SFTP_WORDS = ("internal-sftp", SFTP)
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
_PASSED = ("TERM", "LANG", "TZ", "SSH_CONNECTION", "SSH_CLIENT", "XDG_SESSION_ID", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_FULL = 32768
_READ = 16384
_EACH = 1.0
_PATIENCE = 20
_DRAIN, _QUIET = 2.0, 50
REFUSED = 75
_TERMINALS = range(136, 144)
"""Major numbers of the slave ends of pseudo-terminals (Linux, devices.txt)."""
_HANG_UP = 0x5437
"""TIOCVHANGUP (ioctl_tty(2)), which termios doesn't name."""
_LOOKS = 2


class EndError(RuntimeError):
    """The session ends; the text is for the user."""


@dataclass(frozen=True)
class Session:
    """Who runs what. ``kind`` is one of ``TERMINAL``, ``COMMAND`` and ``TRANSFER``; an empty command is a shell."""

    user: str
    kind: str
    command: str
    source: str = ""


def kind_of(command: str, terminal: bool) -> str:
    """Return what kind of session a command (none: a shell) is."""
    if terminal:
        return TERMINAL
    return TRANSFER if command.strip() in _SFTP_WORDS else COMMAND


def program(session: Session, shell: str) -> list[str]:
    """Return the words of what a session runs."""
    if session.kind == TRANSFER:
        # It tells names on its errors, which the user neither sees nor reaches.
        return [SFTP, "-e", "-l", "INFO"]
    return [shell, "-c", session.command] if session.command else [shell, "-l"]


class Recording:
    """What is handed to the keeper. Told at least each second, and at once where much has come together."""

    def __init__(self, keeper: socket.socket | None) -> None:
        """Name the keeper; without one nothing is kept."""
        self._keeper = keeper
        self._began = self._told = time.monotonic()
        self._pending = b""

    def begin(self, session: Session, login: int) -> None:
        """Tell who it is; raises ``EndError`` where it can't be recorded."""
        told = f'{{"user": {_quoted(session.user)}, "kind": "{session.kind}", "login": {login}, '
        told += f'"source": {_quoted(session.source)}, "command": {_quoted(session.command)}}}'
        self._ask(told.encode())

    def add(self, stream: int, data: bytes) -> None:
        """Record what passed; does not return before the keeper has it where there is much."""
        now = time.monotonic()
        self._pending += frames.pack(Frame(int((now - self._began) * 1000), stream, data))
        if len(self._pending) >= _FULL or now - self._told >= _EACH:
            self.flush()

    def due(self) -> float | None:
        """Return in how many seconds something is to be told, if anything is."""
        return max(0.0, self._told + _EACH - time.monotonic()) if self._pending else None

    def flush(self) -> None:
        """Have the keeper keep what is pending."""
        self._told = time.monotonic()
        pending, self._pending = self._pending, b""
        if pending:
            self._ask(b"d" + pending)

    def end(self, status: str) -> None:
        """Tell the end."""
        self.flush()
        self._ask(b"e" + status.encode())

    def _ask(self, message: bytes) -> None:
        if self._keeper is None:
            return
        try:
            send(self._keeper, message)
            answer = receive(self._keeper)
        except OSError as error:
            raise EndError(f"its recording broke off ({error.strerror})") from error
        if not answer.startswith(KEPT.encode()):
            raise EndError(answer.decode("utf-8", "replace") or "its recording broke off")


def _quoted(text: str) -> str:
    import json  # noqa: PLC0415 - only once, and after the keeper was called

    return json.dumps(text)


@dataclass
class Stream:
    """One direction: what is read of ``source`` goes to ``target``. ``record`` is the stream's number, if it is recorded."""

    source: int
    target: int
    record: int | None = None
    waiting: bytes = b""
    ended: bool = False
    shut: bool = field(default=False, repr=False)


class Relay:
    """Passes bytes between the outer side and the child, records them, and sees to signals."""

    def __init__(self, streams: Sequence[Stream], recording: Recording, child: int) -> None:
        """Name the streams, what records them, and the process whose end is the session's."""
        self._streams, self._recording, self._child = list(streams), recording, child
        self._status: int | None = None
        self._gone = ""
        self._resized = False
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, master: int | None = None) -> str:
        """Pass until the child has ended and all it said has passed; return the status in a word."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGWINCH, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, self._signalled)
        for stream in self._streams:
            for end in (stream.source, stream.target):
                if end >= 0:
                    os.set_blocking(end, False)
        self._resized = master is not None
        until: float | None = None
        while not self._gone:
            if self._resized and master is not None:
                self._resize(master)
            if self._status is None:
                self._look()
            if self._status is not None and master is not None:
                # Who is left behind holds the terminal open; what the child said is there already.
                until = until or time.monotonic() + _DRAIN
                if not self._turn(_QUIET) or time.monotonic() > until:
                    break
                continue
            if self._status is not None and all(s.ended for s in self._streams if s.record != frames.INPUT):
                break
            self._turn(None)
        return self._gone or _word(self._status)

    def _signalled(self, number: int, _frame: object) -> None:
        if number in (signal.SIGHUP, signal.SIGTERM):
            self._gone = "hung-up" if number == signal.SIGHUP else "ended"
        self._resized = self._resized or number == signal.SIGWINCH

    def _look(self) -> None:
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if pid:
            self._status = os.waitstatus_to_exitcode(status)

    def _resize(self, master: int) -> None:
        self._resized = False
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)
        rows, columns = int.from_bytes(size[0:2], sys.byteorder), int.from_bytes(size[2:4], sys.byteorder)
        self._recording.add(frames.WINDOW, f"{columns}x{rows}".encode())

    def _turn(self, patience: int | None) -> bool:
        """Wait for something and pass it on; return whether anything passed."""
        waiting = select.poll()
        asked: dict[int, int] = {self._wake: select.POLLIN}
        for stream in self._streams:
            if stream.waiting and not stream.shut:
                asked[stream.target] = asked.get(stream.target, 0) | select.POLLOUT
            elif not stream.ended:
                asked[stream.source] = asked.get(stream.source, 0) | select.POLLIN
                if stream.target in (1, 2):
                    asked.setdefault(stream.target, 0)  # only whether somebody still listens
        for end, events in asked.items():
            waiting.register(end, events)
        due = self._recording.due()
        if due is not None:
            patience = int(due * 1000) + 1 if patience is None else min(patience, int(due * 1000) + 1)
        ready = dict(waiting.poll(patience))
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):  # what woke us was read already
                os.read(self._wake, 512)
        passed = [self._pass(stream, ready) for stream in self._streams]
        if self._recording.due() == 0.0:
            self._recording.flush()
        return any(passed)

    def _pass(self, stream: Stream, ready: dict[int, int]) -> bool:
        if stream.waiting:
            if stream.target in ready:
                self._write(stream)
            return stream.target in ready
        if stream.ended:
            return False
        if stream.target in (1, 2) and ready.get(stream.target, 0) & (select.POLLERR | select.POLLNVAL):
            self._gone = "hung-up"  # nobody listens any more
            return False
        if stream.source not in ready:
            return False
        try:
            data = os.read(stream.source, _READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a terminal whose other side was closed
        if not data:
            self._end(stream)
            return False
        if stream.record is not None:
            self._recording.add(stream.record, data)
        if stream.target >= 0:
            stream.waiting = data
            self._write(stream)
        return True

    def _write(self, stream: Stream) -> None:
        try:
            stream.waiting = stream.waiting[os.write(stream.target, stream.waiting) :]
        except BlockingIOError:
            return
        except OSError:
            if stream.target in (0, 1, 2):
                self._gone = "hung-up"
            stream.waiting, stream.ended, stream.shut = b"", True, True
            return
        if stream.ended and not stream.waiting:
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        """Pass on that a stream has ended: the child's input is closed, too."""
        stream.ended = True
        if stream.record == frames.INPUT and not stream.shut:
            stream.shut = True
            os.close(stream.target)


def _word(status: int | None) -> str:
    if status is None:
        return "?"
    return str(status) if status >= 0 else f"signal-{-status}"


def record(shell: str, admitted: Sequence[str]) -> int:
    """Record the session that sudo began for the user who called it; return the exit status.

    Users in ``admitted`` (who may become root anyway) get in where nothing can be recorded, and it is told; others don't.
    """
    owner = pwd.getpwuid(int(os.environ.get("SUDO_UID", str(os.getuid()))))
    command = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    session = Session(owner.pw_name, kind_of(command, os.isatty(0)), command, os.environ.get("SSH_CONNECTION", ""))
    typed = b""
    try:
        typed = seal(owner.pw_uid)
        recording = Recording(_call(session))
    except EndError as error:
        sys.stderr.write(f"This session can't be recorded: {error}.\n")
        if owner.pw_name not in admitted:
            sys.stderr.write("It does not begin.\n")
            return REFUSED
        _say(f"unrecorded: a session of {owner.pw_name} ({session.kind}) goes on without being recorded: {error}")
        recording = Recording(None)
    words = ["/usr/bin/setpriv", "--pdeathsig=kill", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--init-groups", "--"]
    words += program(session, shell)
    environment = _environment(owner, shell)
    if session.kind == TERMINAL:
        return _terminal(session, recording, words, environment, typed)
    return _pipes(session, recording, words, environment)


def _call(session: Session) -> socket.socket:
    keeper = socket.socket(socket.AF_UNIX)
    keeper.settimeout(_PATIENCE)
    try:
        keeper.connect(SOCKET)
    except OSError as error:
        raise EndError(f"nobody keeps recordings here ({error.strerror})") from error
    Recording(keeper).begin(session, _login())
    return keeper


def seal(user: int) -> bytes:
    """Take what sshd gave the user as input, output and errors away from the user; return what was typed until then.

    What is written there directly would pass the recorder by. It becomes root's, so nobody opens it any more; who has opened a
    terminal already is cut off from it. Where somebody holds one of them the session doesn't begin: raises ``EndError``.
    """
    mine, typed = set(), b""
    for end in (0, 1, 2):
        found = os.fstat(end)
        terminal = stat.S_ISCHR(found.st_mode) and os.isatty(end)
        if terminal:
            _know(end, user)
        if found.st_uid == user and (terminal or _carries(end, found)):
            mine.add(_identity(found))
        # Nobody can open a socket that another has, so its owner is nobody's way in.
        if terminal or (found.st_uid == user and stat.S_ISFIFO(found.st_mode) and _carries(end, found)):
            os.fchown(end, 0, 0)
            os.fchmod(end, 0o600)
    if os.isatty(0) and _identity(os.fstat(0)) in mine:
        typed = _cut_off()
    if mine:
        _look_for_holders(mine)
    return typed


def _identity(found: os.stat_result) -> tuple[int, int]:
    """Return what names a file, whatever it is called: devpts has one inode for each terminal, wherever it is mounted."""
    return found.st_dev, found.st_ino


def _know(end: int, user: int) -> None:
    """Refuse what is no terminal that sshd made for this user, such as what all users share: /dev/tty and /dev/ptmx."""
    try:
        name, found = os.ttyname(end), os.fstat(end)
    except OSError as error:
        raise EndError(f"its terminal has no name here ({error.strerror})") from error
    if os.major(found.st_rdev) not in _TERMINALS or not name.startswith("/dev/pts/") or found.st_uid not in (user, 0):
        raise EndError(f"{name} is no terminal of its own")


def _carries(end: int, found: os.stat_result) -> bool:
    """Return whether an end is a pipe without a name, or a socket: what has a name wasn't made by sshd and stays as it is."""
    return stat.S_ISSOCK(found.st_mode) or (
        stat.S_ISFIFO(found.st_mode) and Path(f"/proc/self/fd/{end}").readlink().name.startswith("pipe:[")
    )


def _cut_off() -> bytes:
    """Hang up the outer terminal and open it anew; return what was typed before.

    This ends every other opening, whoever has it: a descriptor on its way through a socket, and /dev/tty, whose inode tells
    nothing.
    """
    name, before, was = os.ttyname(0), termios.tcgetattr(0), _identity(os.fstat(0))
    same = [end for end in (0, 1, 2) if _identity(os.fstat(end)) == was]
    ours = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        if os.getsid(0) != os.getpid():
            os.setpgid(0, os.getpgid(os.getppid()))  # who leads a group can't begin a session
            os.setsid()
        # Taken from who led the session until now (sudo), which would else be hung up, too, and pass that on.
        fcntl.ioctl(0, termios.TIOCSCTTY, 1)
        with _paused(_nearest_sshd()):
            raw(0)
            typed = _typed()
            fcntl.ioctl(0, _HANG_UP)
            fresh = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            if _identity(os.fstat(fresh)) != was:
                raise EndError(f"{name} is another terminal than that of this session")
            termios.tcsetattr(fresh, termios.TCSANOW, before)
    except (OSError, termios.error) as error:
        raise EndError(f"the terminal can't be taken away from others ({error})") from error
    finally:
        signal.signal(signal.SIGHUP, ours)
    for end in same:
        os.dup2(fresh, end)
    os.close(fresh)
    return typed


def _typed() -> bytes:
    typed = b""
    os.set_blocking(0, False)
    with contextlib.suppress(BlockingIOError):
        while data := os.read(0, _READ):
            typed += data
    return typed


@contextlib.contextmanager
def _paused(process: int) -> Iterator[None]:
    """Have a process (0: none) stand still for a moment, so that nothing comes in between."""
    if not process:
        yield
        return
    os.kill(process, signal.SIGSTOP)
    try:
        until = time.monotonic() + _EACH
        while _state(process) not in ("T", "t") and time.monotonic() < until:
            time.sleep(0.001)  # until it stands still or the time is over
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]


def _look_for_holders(sealed: Collection[tuple[int, int]]) -> None:
    """Refuse where a process other than those above this one holds an end, until two looks find nobody."""
    above = {os.getpid(), *_above()}
    until, clean = time.monotonic() + _EACH, 0
    while clean < _LOOKS:
        holder = next(holders(sealed, above), 0)
        clean = 0 if holder else clean + 1
        if not holder:
            continue
        # sshd's own, begun for another session of the connection, closes what isn't its own before it runs anything.
        if not _is_sshds(holder, above) or time.monotonic() > until:
            raise EndError(f"the process {holder} holds its input or output, past the recording")
        time.sleep(0.01)  # the next look


def holders(sealed: Collection[tuple[int, int]], left_out: Collection[int]) -> Iterator[int]:
    """Yield each process, of whatever user, that holds one of these files open, by whatever name."""
    for process in _numbers("/proc"):
        if process in left_out:
            continue
        # A thread can have descriptors of its own.
        for thread in _numbers(f"/proc/{process}/task"):
            if any(
                _at(f"/proc/{process}/task/{thread}/fd/{end}") in sealed for end in _numbers(f"/proc/{process}/task/{thread}/fd")
            ):
                yield process
                break


def _numbers(directory: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(directory) if name.isdigit()]  # noqa: PTH208 - of thousands, only names
    except OSError:
        return []  # it ended meanwhile, and holds nothing


def _at(path: str) -> tuple[int, int] | None:
    try:
        return _identity(os.stat(path))  # noqa: PTH116 - the same
    except OSError:
        return None


def _is_sshds(process: int, above: Collection[int]) -> bool:
    try:
        parent = int(_status(process)["PPid"])
        return parent in above and Path(f"/proc/{process}/exe").samefile(f"/proc/{parent}/exe")
    except (OSError, KeyError, ValueError):
        return True  # it ended meanwhile: the next look tells


def _status(process: int) -> dict[str, str]:
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _above() -> Iterator[int]:
    """Yield the processes above this one, the nearest first."""
    process = os.getppid()
    while process > 1:
        yield process
        try:
            process = int(_status(process)["PPid"])
        except (OSError, KeyError, ValueError):
            return


def _nearest_sshd() -> int:
    for process in _above():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}/exe").readlink().name.startswith("sshd"):
                return process
    return 0


def _login() -> int:
    """Return the process of sshd, root's, that admitted the user: the nearest above this one. 0 where there is none."""
    for process in _above():
        try:
            is_sshd = Path(f"/proc/{process}/exe").readlink().name.startswith("sshd")
            if is_sshd and _status(process)["Uid"].split()[:2] == ["0", "0"]:
                return process
        except (OSError, KeyError):
            return 0
    return 0


def _environment(owner: pwd.struct_passwd, shell: str) -> dict[str, str]:
    found = {k: v for k, v in os.environ.items() if k in _PASSED or k.startswith("LC_")}
    mine = {"HOME": owner.pw_dir, "USER": owner.pw_name, "LOGNAME": owner.pw_name, "SHELL": shell, "PATH": _PATH}
    return {**found, **mine, "MAIL": f"/var/mail/{owner.pw_name}"}


def raw(terminal: int) -> None:
    """Have a terminal pass on each byte as it comes. What was typed before stays; by default it would be thrown away."""
    tty.setraw(terminal, termios.TCSANOW)


def _terminal(session: Session, recording: Recording, words: list[str], environment: dict[str, str], typed: bytes) -> int:
    before = termios.tcgetattr(0)
    master, slave = os.openpty()
    termios.tcsetattr(slave, termios.TCSANOW, before)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))
    os.fchown(slave, pwd.getpwnam(session.user).pw_uid, grp.getgrnam("tty").gr_gid)
    os.fchmod(slave, 0o620)
    child = os.fork()
    if child == 0:
        _become((slave, slave, slave), words, {**environment, "SSH_TTY": os.ttyname(slave)}, control=True)
    os.close(slave)
    raw(0)
    try:
        streams = [Stream(0, master, waiting=typed), Stream(master, 1, frames.TERMINAL)]
        return _run(Relay(streams, recording, child), recording, child, master)
    finally:
        os.set_blocking(0, True)
        with contextlib.suppress(termios.error):  # who hung up has no terminal any more
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _pipes(session: Session, recording: Recording, words: list[str], environment: dict[str, str]) -> int:
    transfer = session.kind == TRANSFER
    to_child, from_child, errors = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        ends = (0, 1, errors[1]) if transfer else (to_child[0], from_child[1], errors[1])
        _become(ends, words, environment, control=False)
    for end in (to_child[0], from_child[1], errors[1]):
        os.close(end)
    if transfer:
        streams = [Stream(errors[0], -1, frames.ERRORS)]
        for end in (0, 1):
            os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), end)
    else:
        streams = [
            Stream(0, to_child[1], frames.INPUT),
            Stream(from_child[0], 1, frames.OUTPUT),
            Stream(errors[0], 2, frames.ERRORS),
        ]
    return _run(Relay(streams, recording, child), recording, child, None)


def _run(relay: Relay, recording: Recording, child: int, master: int | None) -> int:
    """Relay to the end. Whatever happens, nothing of the session's goes on without its recorder."""
    said = ""
    try:
        status = relay.run(master)
        recording.end(status)
    except EndError as error:
        status, said = "refused", f"\r\nThis session ends: {error}.\r\n"
    except OSError as error:
        status, said = "broken", f"\r\nThis session ends: its recorder failed ({error.strerror}).\r\n"
    if not status.isdigit() and not status.startswith("signal-"):
        with contextlib.suppress(OSError):  # it has ended by itself; the same below
            os.killpg(child, signal.SIGHUP)
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    if said:
        with contextlib.suppress(OSError):  # nobody is there to read it
            os.set_blocking(2, True)
            os.write(2, said.encode("utf-8", "replace"))
    if status.isdigit():
        return int(status)
    return 128 + int(status.removeprefix("signal-")) if status.startswith("signal-") else 255


def _become(ends: tuple[int, int, int], words: list[str], environment: dict[str, str], control: bool) -> NoReturn:
    """Be the child: a session of its own, on the inner terminal, with nothing of the recorder's open."""
    try:
        os.setsid()
        if control:
            fcntl.ioctl(ends[0], termios.TIOCSCTTY, 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        kept = [os.dup(end) for end in ends]
        for at, end in enumerate(kept):
            os.dup2(end, at)
        os.closerange(3, 1 << 16)
        os.execve(words[0], words, environment)  # noqa: S606 - words, and the environment is made above
    finally:
        os._exit(127)


def _say(text: str) -> None:
    import syslog  # noqa: PLC0415 - rarely needed

    syslog.openlog("kakehashi-session", 0, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_WARNING, text)
