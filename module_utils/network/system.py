"""Asks ip and networkd, and tells networkd to go by its files."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..programs import run
from .declared import DIRECTORY, Interface, NetworkError
from .running import Running, differences, parse_ip

_STATE = Path("/run/systemd/netif/links")
_PATIENCE = 20.0  # seconds: duplicate address detection takes 1 to 2
_INTERVAL = 0.2


def read() -> dict[str, Running]:
    """Return every interface as it runs."""
    links = _asked(["ip", "-json", "address", "show"])
    routes = [r for family in ("-4", "-6") for r in _asked(["ip", family, "-json", "route", "show"])]
    return {name: replace(r, file=_file_of(r.index)) for name, r in parse_ip(links, routes).items()}


def way_back(source: str) -> str:
    """Return the interface by which packets to ``source`` leave, empty if there is no route."""
    with contextlib.suppress(NetworkError, LookupError):
        return str(_asked(["ip", "-json", "route", "get", source])[0]["dev"])
    return ""


def bootstrap_files(names: Sequence[str]) -> list[str]:
    """Return the files by which a machine was first reached, for the interfaces in ``names``."""
    wanted = re.compile(r"\d+-bootstrap-(?P<name>.+)\.network")
    found = ((path, wanted.fullmatch(path.name)) for path in sorted(Path(DIRECTORY).glob("*.network")))
    return [str(path) for path, match in found if match and match["name"] in names]


def reconfigure(interfaces: Sequence[Interface], names: Sequence[str], *, reload: bool) -> dict[str, list[str]]:
    """Let networkd go by its files; return what still differs when patience ends."""
    if reload:
        _run(["networkctl", "reload"])
    present = read()
    for name in names:
        if name in present:
            _run(["networkctl", "reconfigure", name])
    end = time.monotonic() + _PATIENCE
    while (left := differences(interfaces, read())) and time.monotonic() < end:
        time.sleep(_INTERVAL)  # until all is as declared or the time is over
    return left


def _file_of(index: int) -> str:
    with contextlib.suppress(OSError):
        for line in (_STATE / str(index)).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("NETWORK_FILE="):
                return line.partition("=")[2]
    return ""


def _asked(argv: list[str]) -> list[dict[str, Any]]:
    said = _run(argv) or "[]"
    try:
        answer: list[dict[str, Any]] = json.loads(said)
    except ValueError as error:
        raise NetworkError(f"{' '.join(argv)} gave no JSON but {said[:60]!r}: install Debian's iproute2") from error
    return answer


def _run(argv: list[str]) -> str:
    result = run(argv, NetworkError)
    if result.returncode != 0:
        raise NetworkError(f"{' '.join(argv)}: {result.stderr.strip() or f'exit status {result.returncode}'}")
    return result.stdout
