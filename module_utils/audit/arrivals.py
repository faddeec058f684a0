"""What came of each host's journal, and of which nothing came: who logged in there is not known then."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union

from ..programs import run
from .chain import SEEN

LONGEST_SILENCE = 86400
"""Seconds without anything of a host's journal. Debian's own timers write several times a day."""


def newest(paths: Iterable[Path], failure: type[Exception]) -> Union[int, None]:
    """Return when (seconds since 1970) the newest entry of a journal's files came, or ``None`` where there is none.

    The entry's time is by its host's clock, and counts only so far as its file was written then: a clock that is ahead
    would hide silence.
    """
    for written, path in sorted(_written(paths), reverse=True):
        argv = ["journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=_BOOT_ID", "--lines=1", f"--file={path}"]
        said = _at(run(argv, failure).stdout)
        if said is not None:
            return int(min(said, written))
    return None


def unheard(local: str, senders: Iterable[str], came: Mapping[str, Any], now: float, longest: int) -> Iterator[str]:
    """Yield a sentence for each host of whose journal nothing came for longer than ``longest`` seconds, or ever.

    ``came`` says when something came of each host last; ``local`` is the log server itself, which has its own journal.
    """
    for host in (local, *senders):
        at = came.get(host)
        ask = "systemctl status systemd-journald" if host == local else "journalctl -u systemd-journal-upload"
        if not isinstance(at, int):
            yield f"{host}: nothing of its journal ever came, so who logged in there is not known; run playbooks/site.yml"
        elif now - at > longest:
            since = time.strftime(SEEN, time.gmtime(max(at, 0)))
            unknown = "so who logged in there is not known"
            yield f"{host}: nothing of its journal came since {since} (UTC), {unknown}; {ask} there says why"


def _written(paths: Iterable[Path]) -> Iterator[tuple[float, Path]]:
    """Yield the files with the time at which each was written last; one that was let go meanwhile is left out."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            yield path.stat().st_mtime, path


def _at(line: str) -> Union[float, None]:
    try:
        return int(json.loads(line)["__REALTIME_TIMESTAMP"]) / 1_000_000
    except (ValueError, TypeError, KeyError):
        return None
