"""Reads what lets people in around the files of logins: ACLs, privileged programs, listeners, mounts. Changes nothing."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess  # only fixed programs, with argument lists
from collections.abc import Iterable, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

SSHD = "/usr/sbin/sshd"
_DPKG = Path("/var/lib/dpkg")
_ACL, _CAPABILITY = "system.posix_acl_access", "security.capability"
_MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")
"""Lists of packages name these by the links that they are since /usr is merged."""
_LEFT_OUT = ("/srv/kakehashi", "/var/lib/containers", "/var/lib/docker", "/var/lib/machines")
"""Data sets, mounted for accounts without set-id and programs (a bind mount isn't another file system to find(1)), and images
of containers, which only root reaches."""
_PATIENCE = 60
_USERS = re.compile(r"pid=(\d+)")


def with_acl(paths: Iterable[str]) -> list[str]:
    """Return the paths that have an access control list, which gives rights that no mode shows."""
    return sorted(path for path in paths if _attribute(path, _ACL))


def packaged(paths: Iterable[str], dpkg: Path = _DPKG) -> set[str]:
    """Return which of ``paths`` a Debian package brought."""
    wanted = set(paths)
    found: set[str] = set()
    for file in (*dpkg.glob("info/*.list"), dpkg / "diversions") if wanted else ():
        with contextlib.suppress(OSError):
            lines = os.fsdecode(file.read_bytes()).splitlines()
            found.update(wanted.intersection(f"/usr{line}" if line.startswith(_MERGED) else line for line in lines))
    return found


def privileged(problems: list[str], root: str = "/", dpkg: Path = _DPKG) -> dict[str, str]:
    """Return what each program that no package brought gives beyond its caller's rights: ``setuid``, ``setgid``, ...

    Of the file system that ``root`` lies on; others mounted below it are left out, as are data sets.
    """
    walk = ["find", root, "-xdev", "-ignore_readdir_race"]
    for path in _LEFT_OUT:
        walk += ["-path", path, "-prune", "-o"]
    walk += ["-type", "f", "-perm", "/111", "-printf", r"%m %u %g %p\0"]
    try:
        done = subprocess.run(walk, capture_output=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired) as error:
        problems.append(f"programs with more rights than their caller's: {error}")
        return {}
    if done.returncode != 0:
        problems.append(f"find: {os.fsdecode(done.stderr).strip()[:300]}")
    found: dict[str, str] = {}
    for line in os.fsdecode(done.stdout).split("\0"):
        if line:
            mode, owner, group, path = line.split(" ", 3)
            rights = [f"setuid {owner}"] if int(mode, 8) & 0o4000 else []
            rights += [f"setgid {group}"] if int(mode, 8) & 0o2000 else []
            rights += ["file capabilities"] if _attribute(path, _CAPABILITY) else []
            if rights:
                found[path] = " and ".join(rights)
    known = packaged(found, dpkg)
    return {os.fsencode(path).decode(errors="replace"): rights for path, rights in found.items() if path not in known}


def listening(lines: Sequence[str], proc: Path = Path("/proc"), sshd: str = SSHD) -> list[dict[str, Any]]:
    """Return ``address``, ``port`` and ``programs`` of each line of ``ss -Hltnp``; a program is ``{path, sshd}``.

    ``sshd`` says whether a program is sshd, by what is in it: names can be chosen.
    """
    own = _digest(Path(sshd))
    digests: dict[str, str] = {}
    found = []
    for line in lines:
        address, _colon, port = line.split()[3].rpartition(":")
        programs = set()
        for pid in set(_USERS.findall(line)):
            exe = proc / pid / "exe"
            with contextlib.suppress(OSError):
                path = str(exe.readlink()).removesuffix(" (deleted)")
                if path not in digests:
                    digests[path] = _digest(exe)
                programs.add((path, path == sshd or (bool(own) and digests[path] == own)))
        found.append(
            {"address": address, "port": int(port), "programs": [{"path": p, "sshd": is_sshd} for p, is_sshd in sorted(programs)]}
        )
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _attribute(path: str, name: str) -> bool:
    try:
        return bool(os.getxattr(path, name, follow_symlinks=False))
    except OSError:  # it has none, or its file system knows none
        return False
