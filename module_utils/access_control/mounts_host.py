"""Carries out mount plans by systemd's own units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .. import mountinfo
from ..programs import run
from .mounts import MountError, Step, parse_mountinfo, unit_name

UNITS = Path("/etc/systemd/system")


def observe(root: str) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Return the text of our units by target, and the options of what is mounted below ``root``."""
    units = {}
    for path in UNITS.glob(f"{unit_name(root, '')}-*.mount".replace("\\", "[\\]")):
        text = path.read_text(encoding="utf-8", errors="replace")
        where = re.search(r"^Where=(.*)$", text, re.MULTILINE)
        if where:
            units[where[1]] = text
    return units, parse_mountinfo(mountinfo.read(), root)


def apply(steps: Sequence[Step]) -> None:
    """Carry out ``steps``; raise MountError with systemd's words where one fails."""
    run(["systemctl", "--version"], MountError)  # before anything is written
    for step in steps:
        if step.action == "stop":
            _systemctl("stop", unit_name(step.target), step.target)
            _systemctl("disable", unit_name(step.target), step.target)
            (UNITS / unit_name(step.target)).unlink(missing_ok=True)
            with suppress(OSError):  # a directory with something in it was more than the mount's place
                Path(step.target).rmdir()
        else:
            Path(step.target).mkdir(mode=0o555, exist_ok=True)
            (UNITS / unit_name(step.target)).write_text(step.text)
    _systemctl("daemon-reload")
    for step in steps:
        if step.action != "stop":
            _systemctl("enable", unit_name(step.target), step.target)
            _systemctl(step.action, unit_name(step.target), step.target)


def _systemctl(verb: str, unit: str = "", target: str = "") -> None:
    command = ["systemctl", verb, *([unit] if unit else [])]
    result = run(command, MountError)
    if result.returncode != 0 and not (verb == "disable" and "does not exist" in result.stderr):
        raise MountError(f"systemd could not {verb} the mount {mountinfo.shown(target)}: {result.stderr.strip()}")
