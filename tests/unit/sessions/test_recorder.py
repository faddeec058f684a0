"""The recorder passes everything on, records it, and ends with who it records or with its keeper."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from threading import Thread

import pytest

from module_utils.sessions import frames, recorder
from module_utils.sessions.keeper import KEPT, receive, send
from module_utils.sessions.recorder import EndError, Recording, Relay, Session, Stream

SIGNALS = (signal.SIGCHLD, signal.SIGWINCH, signal.SIGHUP, signal.SIGTERM)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("command", "terminal", "kind", "words"),
    [
        ("", True, "terminal", ["/bin/bash", "-l"]),
        ("id", True, "terminal", ["/bin/bash", "-c", "id"]),
        ("", False, "command", ["/bin/bash", "-l"]),
        ("bash -i", False, "command", ["/bin/bash", "-c", "bash -i"]),
        ("internal-sftp", False, "transfer", [recorder.SFTP, "-e", "-l", "INFO"]),
        ("internal-sftp; id", False, "command", ["/bin/bash", "-c", "internal-sftp; id"]),
    ],
)
def test_what_is_asked_for_decides_what_runs(command: str, terminal: bool, kind: str, words: list[str]) -> None:
    session = Session("sato", recorder.kind_of(command, terminal), command)
    assert (session.kind, recorder.program(session, "/bin/bash")) == (kind, words)


class Keeping(Thread):
    """Keeps all it is told; says something else than that it did after ``patience`` parts."""

    def __init__(self, patience: int = 1000) -> None:
        super().__init__(daemon=True)
        self.recorder, self.ours = socket.socketpair()
        self.patience, self.kept = patience, b""

    def run(self) -> None:
        with self.ours:
            while message := receive(self.ours):
                self.kept += message[1:] if message[:1] == b"d" else b""
                self.patience -= 1
                send(self.ours, KEPT.encode() if self.patience >= 0 else b"no room left")

    def recorded(self, stream: int) -> bytes:
        return b"".join(f.data for f in frames.unpack(self.kept) if f.stream == stream)


def feed(to: int, given: bytes) -> None:
    os.write(to, given)
    os.close(to)


def relayed(argv: list[str], given: bytes, keeping: Keeping) -> tuple[bytes, str]:
    """Return what came out of a command through a relay, and how it ended."""
    keeping.start()
    (source, to), (out, target) = os.pipe(), os.pipe()
    feeding = Thread(target=feed, args=(to, given), daemon=True)
    feeding.start()
    said = bytearray()

    def listen() -> None:
        with os.fdopen(out, "rb") as file:
            said.extend(file.read())

    listening = Thread(target=listen)
    listening.start()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child, keeping.recorder:
        assert child.stdin is not None
        assert child.stdout is not None
        to_child, recording = os.dup(child.stdin.fileno()), Recording(keeping.recorder)
        child.stdin.close()
        streams = [Stream(source, to_child, frames.INPUT), Stream(child.stdout.fileno(), target, frames.OUTPUT)]
        try:
            status = Relay(streams, recording, child.pid).run()
            recording.end(status)
        finally:
            os.close(target)
            os.close(source)
            child.kill()
    listening.join()
    keeping.join(5)
    return bytes(said), status


def test_all_bytes_pass_and_are_recorded_both_ways() -> None:
    given, keeping = os.urandom(400_000), Keeping()
    said, status = relayed(["cat"], given, keeping)
    assert (said == given, status) == (True, "0")
    assert (keeping.recorded(frames.INPUT) == given, keeping.recorded(frames.OUTPUT) == given) == (True, True)


def test_what_was_typed_before_is_passed_on_too() -> None:
    master, slave = os.openpty()
    try:
        os.write(master, b"id\n")
        recorder.raw(slave)
        os.set_blocking(slave, False)
        assert os.read(slave, 100) == b"id\n"
    finally:
        os.close(master)
        os.close(slave)


def test_the_status_is_the_commands_own() -> None:
    assert relayed(["sh", "-c", "echo done; exit 7"], b"", Keeping()) == (b"done\n", "7")
    assert relayed(["sh", "-c", "kill -TERM $$"], b"", Keeping()) == (b"", "signal-15")


def test_it_ends_with_its_keeper() -> None:
    with pytest.raises(EndError, match="no room left"):
        relayed(["yes"], b"", Keeping(patience=3))
