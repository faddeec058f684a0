"""Finds files of packages that aren't what the package brought, among those that let people in. Changes nothing."""

from __future__ import annotations

import re
import subprocess  # only fixed programs, with argument lists

PACKAGES = (
    *("openssh-server", "openssh-client", "openssh-sftp-server", "sudo", "login", "passwd", "util-linux", "mount", "cron", "at"),
    *("libpam-modules", "libpam-modules-bin", "libpam-runtime", "libpam0g", "libpam-systemd", "libpam-oath", "libnss-systemd"),
    *(
        "nftables",
        "libnftables1",
        "iproute2",
        "systemd",
        "dbus",
        "bash",
        "dash",
        "coreutils",
        "libc6",
        "libcrypt1",
        "python3-minimal",
    ),
)
"""Packages of Debian by which people come in, become another, or are kept out; those that are installed are looked at."""
_PATIENCE = 120
_CHANGED = re.compile(r"..5.{6} +(?P<file>/.+)")
"""A line of ``dpkg --verify`` on a file with another digest; a ``c`` before the path marks one that is there to be edited."""


def altered(problems: list[str]) -> list[str]:
    """Return the files of ``PACKAGES`` whose digest isn't that of the package; what hinders it is added to ``problems``."""
    listed = _said(["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${binary:Package}\n"], problems)
    there = [name for line in listed.splitlines() for state, _space, name in (line.partition(" "),) if state == "installed"]
    wanted = [name for name in there if name.partition(":")[0] in PACKAGES]
    return changed_files(_said(["dpkg", "--verify", *wanted], problems)) if wanted else []


def changed_files(said: str) -> list[str]:
    """Return the files, in ``dpkg --verify``'s words ``said``, that were changed and are not there to be edited."""
    found = (_CHANGED.fullmatch(line) for line in said.splitlines())
    return sorted(match["file"] for match in found if match is not None)


def _said(command: list[str], problems: list[str]) -> str:
    try:
        # dpkg ends with 1 where it found something, which isn't a failure.
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603 - fixed words and names of packages
    except (OSError, subprocess.TimeoutExpired) as error:
        problems.append(f"files of packages: {error}")
        return ""
    if done.returncode > 1:
        problems.append(f"{command[0]}: {done.stderr.strip()[:300]}")
    return done.stdout
