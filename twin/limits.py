"""Limits of the machine that a twin needs raised, for as long as any twin stands."""

from __future__ import annotations

from pathlib import Path

from twin.errors import TwinError

# Each systemd holds a handful of them, and all nodes run as the same user.
_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_NEEDED = 8192


def raise_limits(run: Path) -> None:
    """Raise what is too low; `run` (shared by all twins) keeps what it was. Raises TwinError where that can't be done."""
    before = int(_LIMIT.read_text())
    if before < _NEEDED:
        run.mkdir(parents=True, exist_ok=True)
        _kept(run).write_text(str(before))
        try:
            _LIMIT.write_text(str(_NEEDED))
        except OSError as error:
            _kept(run).unlink()
            raise TwinError(
                f"{_LIMIT} is {before}, a twin's nodes need {_NEEDED}, and it can't be written here ({error.strerror}); "
                f"set it on the machine: sysctl fs.inotify.max_user_instances={_NEEDED}"
            ) from error


def restore_limits(run: Path) -> None:
    """Put back what `raise_limits` changed, once the last twin is down."""
    others = [path for path in run.iterdir() if path.is_dir()] if run.exists() else []
    if _kept(run).exists() and not others:
        _LIMIT.write_text(_kept(run).read_text())
        _kept(run).unlink()


def _kept(run: Path) -> Path:
    return run / ".inotify-instances"
