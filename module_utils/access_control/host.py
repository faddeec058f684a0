"""Asks the machine: which programs there are, what runs, who is connected, and what sshd makes of a configuration."""

from __future__ import annotations

import contextlib
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..deployer.connection import UnknownConnectionError, live_connection, parse_environment
from ..identity.host_pairs import SECOND
from ..programs import run
from .deployer import Deployer
from .ssh_version import knows_pam_service_name, parse_version
from .sshd_settings import parse_effective

PRIVILEGE_SEPARATION = Path("/run/sshd")
_MODULE_ROOMS = ("lib/*/security", "usr/lib/*/security", "lib/security", "lib64/security", "usr/lib64/security")


class HostError(RuntimeError):
    """The machine can't answer; the text says what to do."""


def describe(service: str, config: str, pid_file: str, drop_ins: str) -> dict[str, Any]:
    """Return what the roles need to know of this machine before they render anything."""
    version = parse_version(_output(["ssh", "-V"]))
    active = _is_active(service)
    deployer = connected()
    return {
        "openssh": list(version) if version else [],
        "pam_service_name": knows_pam_service_name(version),
        "pam_access_nodns": _knows_nodns(),
        "service_active": active,
        "stale": active and _newer(Path(config), Path(pid_file)),
        "drop_ins": sorted(str(path) for path in Path(drop_ins).glob("*")),
        "host_keys": _host_keys(),
        "second_host_keys": [str(path) for path in _second_keys()],
        "second_host_certificates": [str(path) for key in _second_keys() if (path := Path(f"{key}-cert.pub")).is_file()],
        "deployer": {"user": deployer.user, "source": deployer.source} if deployer else {},
        "deployer_unknown": "" if deployer else _unknown(),
    }


def sshd_is_stale(service: str = "ssh", config: str = "/etc/ssh/sshd_config", pid_file: str = "/run/sshd.pid") -> bool:
    """Return whether a running sshd still has an earlier configuration than the one on the disk."""
    return _is_active(service) and _newer(Path(config), Path(pid_file))


def _is_active(service: str) -> bool:
    return "ActiveState=active" in _output(["systemctl", "show", "--property=ActiveState", f"{service}.service"])


def _host_keys() -> list[str]:
    """Return the public keys that can be read, those of second pairs too; a link that leads nowhere is none."""
    found = []
    for path in [p for room in ("/etc/ssh", SECOND) for p in Path(room).glob("ssh_host_*_key.pub")]:
        with contextlib.suppress(OSError):
            found.append(path.read_text(encoding="utf-8", errors="replace").strip())
    return sorted(found)


def _second_keys() -> list[Path]:
    """Return the private halves of host keys that are shown besides, for as long as those in use are replaced."""
    return sorted(path for path in Path(SECOND).glob("ssh_host_*_key") if path.is_file())


def connected() -> Deployer | None:
    """Return who is connected by ssh above this process, or None when nobody is (a console, a container's shell)."""
    found = None
    for pid in _ancestors():
        with contextlib.suppress(OSError, KeyError):
            connection = parse_environment(Path(f"/proc/{pid}/environ").read_bytes())
            if connection:
                found = Deployer(pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name, connection.source)
    return found  # the outermost: what sudo started has root's uid


def _unknown() -> str:
    """Return why it can't be told who deploys; empty for a run on the machine itself."""
    try:
        live_connection()
    except UnknownConnectionError as error:
        return str(error)
    return ""


def pam_modules() -> frozenset[str]:
    """Return the names of the PAM modules that are installed."""
    return frozenset(path.name for room in _module_rooms() for path in room.glob("pam_*.so"))


class StagedSshd:
    """A staged sshd_config of which sshd itself is asked what would be in force. Use as a context manager."""

    def __init__(self, program: str, config: str, port: int) -> None:
        self._program, self._config, self._port = program, config, port
        self._asked: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}

    def __enter__(self) -> StagedSshd:
        self._path = ""
        try:
            handle, self._path = tempfile.mkstemp(prefix="kakehashi-sshd-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self._config)
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)  # sshd refuses to test anything without it
        except OSError as error:
            self.__exit__()
            place = error.filename or self._path or "the directory for temporary files"
            raise HostError(f"{place}: {error.strerror}, so sshd can't be asked: make room there, then run again") from error
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._path:
            Path(self._path).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise HostError with sshd's own words when it would not start with this configuration."""
        self._run("-t")

    def ask(self, user: str, address: str) -> dict[str, tuple[str, ...]]:
        """Return the settings in force for a connection of ``user`` from ``address``."""
        key = (user, address)
        if key not in self._asked:
            who = f"user={user},host={address},addr={address},laddr={address},lport={self._port}"
            self._asked[key] = parse_effective(self._run("-T", "-C", who))
        return self._asked[key]

    def _run(self, *arguments: str) -> str:
        result = run([self._program, *arguments, "-f", self._path], HostError)
        if result.returncode != 0:
            words = (result.stderr or result.stdout).strip().replace(self._path, "the staged sshd_config").replace("\n", "; ")
            raise HostError(f"sshd refuses the staged configuration: {words}")
        return result.stdout


def _ancestors() -> Iterator[int]:
    pid = os.getpid()
    while pid > 1:
        yield pid
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pid = int(status.rpartition(")")[2].split()[1])


def _newer(config: Path, pid_file: Path) -> bool:
    """Return whether ``config`` was put in place after sshd last read it; sshd writes its pid file each time it does."""
    try:
        return config.stat().st_ctime > pid_file.stat().st_ctime
    except OSError:
        return False


def _knows_nodns() -> bool:
    with contextlib.suppress(OSError):
        return any(b"nodns" in (room / "pam_access.so").read_bytes() for room in _module_rooms())
    return False


def _module_rooms() -> list[Path]:
    found = {path.resolve() for pattern in _MODULE_ROOMS for path in Path("/").glob(pattern)}
    return sorted(path for path in found if (path / "pam_access.so").exists() or (path / "pam_unix.so").exists())


def _output(command: list[str]) -> str:
    try:
        result = run(command, HostError)
    except HostError:
        return ""
    return result.stdout + result.stderr
