"""Has an sshd read its configuration, and sees that it did: systemd only sends the signal."""

from __future__ import annotations

import time
from pathlib import Path

from ..units import manager

_POLL = 0.05  # seconds


class ReloadError(RuntimeError):
    """An sshd did not read its configuration; the text says what to do."""


def is_active(service: str) -> bool:
    """Return whether systemd's ``service`` runs; one that a socket starts for each connection does not."""
    unit = f"{service}.service"
    return manager.states([unit])[unit].active == "active"


def reload(service: str, pid_file: Path, seconds: float) -> None:
    """Have ``service`` read its configuration, and return once it has: sshd then writes ``pid_file`` anew.

    Until then a login is answered by the rules of before. Raises ReloadError after ``seconds``.
    """
    before = _written(pid_file)
    try:
        manager.systemctl(["reload", f"{service}.service"])
    except manager.UnitError as error:
        raise ReloadError(f"{error}. Logins still go by the rules of before: mend that, then run again") from error
    end = time.monotonic() + seconds
    while _written(pid_file) == before:
        if time.monotonic() > end:
            raise ReloadError(
                f"{service}.service was told to read its configuration and has not after {seconds:g} s ({pid_file} was not "
                f"written), so logins may still go by the rules of before: see `systemctl status {service}` and "
                f"`journalctl -u {service}`, then run again"
            )
        time.sleep(_POLL)  # until it is written or the time is over


def _written(path: Path) -> int | None:
    """Return when ``path`` was last written, in ns; None while it isn't there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
