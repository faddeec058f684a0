"""The key pair by which a host is known, and a second one for the time in which it is replaced.

They lie in directories that hold other things, so halves are exchanged one after another, the private one first: by that sshd
goes, and it takes a certificate for whichever of its keys it is of. A run that died in between has left a public half or a
certificate in the other's place, which the next one puts right. Who is told public halves here is told those of private ones.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from ..programs import run
from .fields import CertificateError
from .host_certificates import plain, read
from .rooms import Found, RoomError, drop, generate, swap

SECOND = "/etc/ssh/kakehashi-second-host-key"
"""Where a second pair lies, by the names of the first."""
_PUBLIC, _CERTIFICATE = ".pub", "-cert.pub"


@dataclass(frozen=True)
class HostPair:
    """The private half in use, and the directory of the second pair."""

    current: Path
    room: Path

    @property
    def second(self) -> Path:
        """Return the path of the second private half."""
        return self.room / self.current.name


def observe(pair: HostPair) -> Found:
    """Return what is there."""
    if not _filled(pair.current):
        return Found("", "", 0.0, following=False)
    now, made = time.time_ns(), pair.current.stat().st_mtime_ns
    age = _seconds(now - made)
    if not _filled(pair.second):
        return Found(_public_of(pair.current), "", age, following=False)
    second = pair.second.stat().st_mtime_ns
    return Found(
        _public_of(pair.current), _public_of(pair.second), age, following=second > made, beside_age=_seconds(now - second)
    )


def make_next(pair: HostPair) -> None:
    """Make a pair beside the one in use, with its owner, modes and comment; it comes into place whole."""
    fresh = pair.room.with_name(f".new-{pair.room.name}")
    for left in (fresh, pair.room):
        drop(left, left / pair.current.name)
    fresh.mkdir(mode=0o755)
    fresh.chmod(0o755)
    private = fresh / pair.current.name
    generate(private, pair.current, " ".join(_public_of(pair.current).split()[2:]))
    for half in ("", _PUBLIC):
        new, like = _at(private, half), _at(pair.current, half)
        # A public half that is missing beside the key in use is nothing that hinders.
        of = like.stat() if like.exists() else pair.current.stat()
        os.chown(new, of.st_uid, of.st_gid)
        new.chmod(stat.S_IMODE(of.st_mode) if half == "" else 0o644)
    fresh.rename(pair.room)


def exchange(pair: HostPair) -> None:
    """Have the second key in use, and the one that was in use as the second; at no moment there is none."""
    swap(pair.current, pair.second)
    settle(pair)


def settle(pair: HostPair) -> bool:
    """Have public halves and certificates follow their private halves; return whether anything was in the wrong place."""
    if not (_filled(pair.current) and _filled(pair.second)):
        return False
    keys = [" ".join(_public_of(path).split()[:2]) for path in (pair.current, pair.second)]
    moved = [suffix for suffix in (_PUBLIC, _CERTIFICATE) if _straighten(pair, suffix, keys)]
    return bool(moved)


def forget(pair: HostPair) -> None:
    """Remove the second pair, its private half first; what is in the wrong place is put right before."""
    settle(pair)
    drop(pair.room, pair.second)


def _straighten(pair: HostPair, suffix: str, keys: list[str]) -> bool:
    """Exchange two files where each would do at the other's place, or move one where it alone is there."""
    one, other = _at(pair.current, suffix), _at(pair.second, suffix)
    found = [_key_in(path) for path in (one, other)]
    if keys[1] != found[0] and keys[0] != found[1]:
        return False
    if found == keys:
        return False
    if one.exists() and other.exists():
        swap(one, other)
    elif one.exists():
        one.rename(other)
    else:
        other.rename(one)
    return True


def _key_in(path: Path) -> str:
    """Return the key of a public half or of a certificate; nothing where there is none that can be read."""
    try:
        line = path.read_text(encoding="utf-8", errors="replace").strip()
        return read(line).key if path.name.endswith(_CERTIFICATE) else plain(line)
    except (OSError, CertificateError):
        return ""


def _public_of(private: Path) -> str:
    """Return the public half of a private one, told by ssh-keygen from that itself."""
    done = run(["ssh-keygen", "-y", "-P", "", "-f", str(private)], RoomError)
    if done.returncode != 0:
        why = done.stderr.strip() or "it gave no reason"
        raise RoomError(f"ssh-keygen can't tell the public half of {private}: {why}; mend or remove that key, then run again")
    return done.stdout.strip()


def _at(private: Path, suffix: str) -> Path:
    return private.with_name(f"{private.name}{suffix}")


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _seconds(nanoseconds: int) -> float:
    return max(0.0, nanoseconds / 1e9)
