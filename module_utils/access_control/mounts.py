"""Decides which read-only bind mounts must be made, changed or ended, and how systemd is told. No I/O."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from .. import mountinfo

Action = Literal["start", "restart", "stop"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OWNED = "# Owned by the Ansible module read_only_mounts: what is changed here by hand is overwritten.\n"
REQUIRED = frozenset({"ro", "nosuid", "nodev", "noexec"})


class MountError(ValueError):
    """A mount that can't be declared; the text says why."""


@dataclass(frozen=True)
class Mount:
    """``source`` is to be seen read-only at ``target``."""

    source: str
    target: str


@dataclass(frozen=True)
class Step:
    """One thing to do with one mount unit; ``text`` is its content, empty when it goes."""

    action: Action
    target: str
    text: str = ""


def parse(items: Iterable[Mapping[str, str]], root: str) -> list[Mount]:
    """Return the declared mounts; raise MountError for one that isn't two levels below ``root`` or occurs twice."""
    mounts: dict[str, Mount] = {}
    for item in items:
        source, target = item["source"], item["target"]
        below = PurePosixPath(target).relative_to(root).parts if PurePosixPath(target).is_relative_to(root) else ()
        if len(below) != 2 or not all(_NAME.fullmatch(part) for part in below):  # noqa: PLR2004 - account, data set
            raise MountError(f"{target} is not {root}/<account>/<data set>: use letters, digits, '_', '.' and '-' in both names")
        if not source.startswith("/") or "\n" in source or "%" in source or PurePosixPath(source).is_relative_to(root):
            raise MountError(f"{source!r} can't be the source of {target}: write an absolute path that is not below {root}")
        if target in mounts:
            raise MountError(f"{target} is declared twice: give the data sets different names")
        mounts[target] = Mount(source, target)
    return list(mounts.values())


def unit_name(path: str, suffix: str = ".mount") -> str:
    """Return the name that systemd wants for the unit of a mount point (systemd-escape --path)."""
    inner = "/".join(part for part in path.split("/") if part)
    escaped = "".join(
        "-"
        if char == "/"
        else char
        if char.isascii() and (char.isalnum() or char in ":_" or (char == "." and at))
        else _hex(char)
        for at, char in enumerate(inner)
    )
    return f"{escaped}{suffix}"


def unit_text(mount: Mount) -> str:
    """Return the content of the mount's unit."""
    options = ",".join(["bind", *sorted(REQUIRED)])
    return (
        f"{_OWNED}[Unit]\nDescription=Data set {PurePosixPath(mount.target).name}, read-only\n"
        f"RequiresMountsFor={mount.source}\n\n"
        f"[Mount]\nWhat={mount.source}\nWhere={mount.target}\nType=none\nOptions={options}\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )


def plan(wanted: Sequence[Mount], units: Mapping[str, str], mounted: Mapping[str, frozenset[str]]) -> list[Step]:
    """Return the steps to exactly the ``wanted`` mounts.

    ``units`` holds the text of our units by target, ``mounted`` the options of what is mounted below the root by target.
    What nobody declares is ended first.
    """
    declared = {mount.target for mount in wanted}
    steps = [Step("stop", target) for target in sorted({*units, *mounted} - declared)]
    for mount in wanted:
        text = unit_text(mount)
        if mount.target not in mounted:
            steps.append(Step("start", mount.target, text))
        elif units.get(mount.target) != text or not mounted[mount.target] >= REQUIRED:
            steps.append(Step("restart", mount.target, text))
    return steps


def mounted_below(text: str, root: str) -> list[tuple[str, frozenset[str]]]:
    """Return mount point and options of each mount below ``root``, from proc_pid_mountinfo(5)'s text, in its order."""
    return [(mount.point, frozenset(mount.options)) for mount in mountinfo.parse(text) if mount.point.startswith(f"{root}/")]


def parse_mountinfo(text: str, root: str) -> dict[str, frozenset[str]]:
    """Return the options by mount point of all mounts below ``root``, the uppermost where they lie one over the other."""
    return dict(mounted_below(text, root))


def _hex(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))
