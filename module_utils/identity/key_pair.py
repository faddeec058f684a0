"""One ed25519 key pair of a host: made once, its owner and mode kept, its private half never read."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..programs import run
from .rooms import Room, remove_beside


class KeyPairError(RuntimeError):
    """A pair that can't be made or kept; the text says what to do."""


@dataclass(frozen=True)
class Wanted:
    """Where the private half is to lie (``.pub`` beside it), whose it is, its mode, and a comment for people."""

    path: Path
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600
    comment: str = ""

    @property
    def public(self) -> Path:
        """Return the path of the public half."""
        return self.path.with_name(f"{self.path.name}.pub")

    @property
    def room(self) -> Room:
        """Return the directory it lies in, beside which a second pair lies while it is replaced."""
        return Room(self.path.parent, self.path.name)


def missing(wanted: Wanted) -> list[str]:
    """Return what is to be done: ``make``, ``derive`` (the public half) or ``attributes``; nothing where all is well.

    Raises ``KeyPairError`` where the private half is lost: a new one would be another key, which nobody trusts.
    """
    if not wanted.path.is_file():
        if wanted.public.exists():
            raise KeyPairError(
                f"{wanted.path} is gone, though {wanted.public} tells that it was there: put it back from its copy, "
                "or remove the public half too to have a new pair made"
            )
        return ["make"]
    steps = [] if wanted.public.is_file() and wanted.public.stat().st_size else ["derive"]
    return steps if _attributes_hold(wanted) else [*steps, "attributes"]


def carry_out(wanted: Wanted, steps: list[str]) -> None:
    """Do what ``missing`` returned. A pair is made aside and comes into place whole; the one beside the lost one goes with it."""
    for step in steps:
        if step == "make":
            _make(wanted)
        elif step == "derive":
            _put(wanted.public, f"{' '.join(_derived(wanted.path).split()[:2])} {wanted.comment}\n")
        else:
            _set_attributes(wanted, wanted.path)


def public_key(wanted: Wanted) -> str:
    """Return the public half's line, empty where there is none yet."""
    return wanted.public.read_text(encoding="utf-8").strip() if wanted.public.is_file() else ""


def _make(wanted: Wanted) -> None:
    with tempfile.TemporaryDirectory(dir=wanted.path.parent, prefix=".new-") as room:
        fresh = Path(room, "key")
        _keygen(["-q", "-t", "ed25519", "-N", "", "-C", wanted.comment, "-f", str(fresh)])
        _set_attributes(wanted, fresh)
        public = fresh.with_name("key.pub").read_text(encoding="utf-8")
        # Before the new one is there: a run that is killed in between comes here again.
        remove_beside(wanted.room)
        # The private half first: a public one alone would say that it was lost.
        fresh.rename(wanted.path)
        _put(wanted.public, public)


def _derived(private: Path) -> str:
    done = run(["ssh-keygen", "-y", "-P", "", "-f", str(private)], KeyPairError)
    if done.returncode != 0:
        reason = done.stderr.strip()[:160] or "ssh-keygen gave no reason"
        raise KeyPairError(
            f"{private} can't be read without a passphrase ({reason}): a copy that was put back with its own has to lose it "
            f"first, by ssh-keygen -p -N '' -f {private}"
        )
    return done.stdout


def _keygen(words: list[str]) -> str:
    done = run(["ssh-keygen", *words], KeyPairError)
    if done.returncode != 0:
        raise KeyPairError(f"ssh-keygen made no key: {done.stderr.strip() or 'it gave no reason'}")
    return done.stdout


def _put(path: Path, text: str) -> None:
    fresh = path.with_name(f".new-{path.name}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.rename(path)


def _ids(wanted: Wanted) -> tuple[int, int]:
    try:
        return pwd.getpwnam(wanted.owner).pw_uid, grp.getgrnam(wanted.group).gr_gid
    except KeyError as error:
        raise KeyPairError(f"{wanted.path} can't be {wanted.owner}:{wanted.group}'s: {error.args[0]}; make that first") from error


def _attributes_hold(wanted: Wanted) -> bool:
    now = wanted.path.lstat()
    return (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (*_ids(wanted), wanted.mode)


def _set_attributes(wanted: Wanted, path: Path) -> None:
    os.chown(path, *_ids(wanted))
    path.chmod(wanted.mode)
