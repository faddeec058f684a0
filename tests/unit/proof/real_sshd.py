"""Asks the real sshd of this machine for the settings in force for a login."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))

_SEPARATION = Path("/run/sshd")
_GIVEN = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"', "sh")


def usable() -> bool:
    """Return whether sshd is here and may be asked: it wants its privilege separation directory, which root can give it."""
    return SSHD is not None and (_SEPARATION.is_dir() or os.geteuid() == 0)


class RealSshd:
    """An sshd with a host key and a file of its own in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "sshd_config"
        self._key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True)

    def effective(self, text: str, user: str, address: str, port: int) -> dict[str, list[str]] | None:
        """Return the settings in force (a list of lines for each keyword), or ``None`` where sshd refuses the file."""
        self._file.write_text(f"HostKey {self._key}\n{text}", encoding="utf-8")
        spec = f"user={user},host={address},addr={address},lport={port}"
        command = [*(() if _SEPARATION.is_dir() else _GIVEN), str(SSHD), "-T", "-C", spec, "-f", str(self._file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None
        found: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            keyword, _, value = line.partition(" ")
            found.setdefault(keyword, []).append(value)
        return found
