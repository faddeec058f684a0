"""A sealed credential: an ed25519 pair whose private half is locked by a passphrase, and a login with it.

A passphrase is never an argument and never in the environment: ssh's programs ask a helper, which reads it from a file of its
own in memory.
"""

from __future__ import annotations

import os
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ..programs import run

SHORTEST = 20
"""Characters: who finds the sealed half has all the time of the world to guess."""
_ROUNDS = "64"
_MEMORY = Path("/dev/shm")  # noqa: S108 - directories of our own are made in it
_SHOWN = 300
_BOUND = 120
"""Seconds within which a login has come and gone."""
_LATE = 124
"""Status of timeout(1) where it ended what it ran."""


class SealError(RuntimeError):
    """What can't be sealed or opened; the text says what to do."""


@dataclass(frozen=True)
class Sealed:
    """Where the sealed half lies (``.pub`` beside it), and whose it is."""

    path: Path
    name: str

    @property
    def public(self) -> Path:
        """Return the path of the public half."""
        return self.path.with_name(f"{self.path.name}.pub")

    @property
    def before(self) -> Path:
        """Return where the sealed half of before is kept until it is destroyed."""
        return self.path.with_name(f"{self.path.name}.before")


def passphrase_of(given: str, file: str) -> str:
    """Return the passphrase that was given or stands in a file's first line. Raises ``SealError`` for one that is none."""
    text = given
    if file:
        try:
            if stat.S_IMODE(Path(file).stat().st_mode) & 0o077:
                raise SealError(f"others can read {file}, so its passphrase is none: write a new one into a file of mode 0600")
            text = Path(file).read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SealError(f"{file} can't be read ({reason}): name the file of the passphrase") from error
    if len(text) < SHORTEST or not text.isprintable():
        raise SealError(f"the passphrase is shorter than {SHORTEST} characters or no plain line: use a longer one")
    return text


def missing(sealed: Sealed, replace: bool) -> list[str]:
    """Return what is to be done: ``put aside`` and ``make``, or ``derive`` (the public half); nothing where all is well."""
    if replace and sealed.path.exists():
        if sealed.before.exists():
            raise SealError(f"{sealed.before} is there still: destroy it once nothing takes its public half any more")
        return ["put aside", "make"]
    if not sealed.path.exists():
        return ["make"]
    return [] if sealed.public.is_file() else ["derive"]


def carry_out(sealed: Sealed, steps: Sequence[str], passphrase: str) -> None:
    """Do what ``missing`` returned. A pair is made aside and comes into place whole."""
    if "make" in steps:
        with tempfile.TemporaryDirectory(dir=sealed.path.parent, prefix=".new-") as room:
            fresh = Path(room, "key")
            _keygen(["-q", "-t", "ed25519", "-a", _ROUNDS, "-C", sealed.name, "-f", str(fresh)], passphrase)
            fresh.chmod(0o600)
            if "put aside" in steps:
                sealed.path.rename(sealed.before)
            fresh.rename(sealed.path)
            fresh.with_name("key.pub").rename(sealed.public)
    elif "derive" in steps:
        sealed.public.write_text(f"{opened(sealed, passphrase)} {sealed.name}\n", encoding="utf-8")


def opened(sealed: Sealed, passphrase: str) -> str:
    """Return the public key (type and key) that the sealed half itself tells. Raises ``SealError`` where it stays shut."""
    return " ".join(_keygen(["-y", "-f", str(sealed.path)], passphrase).split()[:2])


def client_config(sealed: Sealed, ways: str, more: str) -> str:
    """Return the ssh_config(5) of a login: this credential on each hop, no connection that was there before.

    ``ways`` leads to the machines; ``more`` names a file with further settings, or nothing.
    """
    # Not BatchMode, which asks for no passphrase. Whether a host is the right one is no question for the program that tells it.
    own = (
        "IdentitiesOnly yes",
        "IdentityAgent none",
        "PreferredAuthentications publickey",
        "NumberOfPasswordPrompts 1",
        "StrictHostKeyChecking yes",
    )
    lines = [
        "Host *",
        f"    User {sealed.name}",
        f'    IdentityFile "{sealed.path}"',
        *(f"    {word}" for word in (*own, "ControlMaster no", "ControlPath none", "ConnectTimeout 20")),
    ]
    return "\n".join([*lines, ways, *([f'Host *\n    Include "{Path(more).absolute()}"'] if more else []), ""])


def log_in(config: str, host: str, passphrase: str) -> str:
    """Log in once and go; return why that failed, nothing where it didn't."""
    with tempfile.TemporaryDirectory(prefix="kakehashi-sealed-") as room, _helper(passphrase) as environment:
        file = Path(room, "ssh_config")
        file.write_text(config, encoding="utf-8")
        bounded = ["timeout", "--kill-after=5", str(_BOUND)]
        argv = ["env", *_words(environment), *bounded, "ssh", "-F", str(file), "-n", "-T", host, "true"]
        done = run(argv, SealError)
    if done.returncode == _LATE:
        return f"the login did not come to its end within {_BOUND} seconds"
    return "" if done.returncode == 0 else (done.stderr.strip()[-_SHOWN:] or f"ssh ended with {done.returncode}")


def _keygen(words: Sequence[str], passphrase: str) -> str:
    with _helper(passphrase) as environment:
        done = run(["env", *_words(environment), "ssh-keygen", *words], SealError)
    if done.returncode != 0:
        said = done.stderr.strip()[-_SHOWN:] or "it gave no reason"
        raise SealError(f"ssh-keygen refuses: {said}; is it the right passphrase?")
    return done.stdout


def _words(environment: Mapping[str, str]) -> list[str]:
    return ["-u", "SSH_AUTH_SOCK", *(f"{name}={value}" for name, value in environment.items())]


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Have signals that end a program end it by an exception, so that what was made is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _helper(passphrase: str) -> Iterator[dict[str, str]]:
    """Have a program that tells the passphrase to whom ssh's programs ask; it and the passphrase go when they are done.

    They go as well where this is ended by a signal.
    """
    memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    with (
        _ended_in_order(),
        tempfile.TemporaryDirectory(prefix="kakehashi-sealed-") as room,
        tempfile.TemporaryDirectory(prefix="kakehashi-sealed-", dir=memory) as secret,
    ):
        file, program = Path(secret, "passphrase"), Path(room, "ask")
        file.touch(mode=0o600)
        file.write_text(f"{passphrase}\n", encoding="utf-8")
        program.write_text(f"#!/bin/sh\nexec cat '{file}'\n", encoding="utf-8")
        program.chmod(0o700)
        yield {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}
