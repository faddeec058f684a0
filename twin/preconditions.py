"""What the machine must have before a twin can be built on it; everything missing is named at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from twin.errors import TwinError
from twin.paths import Paths

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "apt-ftparchive": "apt-utils",
    "gpg": "gpg",
    "gpgconf": "gpgconf",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
}
_BUILD_GIB = 6
_MEMORY_GIB = 3


def check_machine(paths: Paths) -> None:
    """Raise TwinError with one sentence for each thing that is missing."""
    missing = _missing(paths)
    if missing:
        raise TwinError("\n".join(missing))


def need_root(command: str) -> None:
    """Raise TwinError unless run as root."""
    if os.geteuid() != 0:
        raise TwinError(
            f".venv/bin/python -m twin {command} needs root, for namespaces and mounts; run it as root (for example with sudo)"
        )


def _missing(paths: Paths) -> list[str]:
    found = []
    packages = sorted({package for program, package in _PROGRAMS.items() if shutil.which(program) is None})
    if packages:
        found.append(f"packages are missing; install them with: apt install {' '.join(packages)}")
    if not Path("/dev/fuse").exists():
        found.append("/dev/fuse is missing; load the fuse module (modprobe fuse) or use a kernel that has it")
    if not Path("/dev/net/tun").exists():
        found.append("/dev/net/tun is missing; load the tun module (modprobe tun) or use a kernel that has it")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        found.append("the kernel knows no overlay file system; load it (modprobe overlay)")
    if not any(" - cgroup2 " in line for line in Path("/proc/self/mountinfo").read_text().splitlines()):
        found.append("no cgroup version 2 tree is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")
    found += _room(paths)
    return found


def _room(paths: Paths) -> list[str]:
    found = []
    for name, path in (("images", paths.cache), ("nodes", paths.state)):
        there = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(there).free / 2**30
        built = name == "images" and (path / "images").exists()
        if free < (1 if built else _BUILD_GIB):
            found.append(
                f"{there} has {free:.1f} GiB free, {name} need up to {_BUILD_GIB} GiB; make room or set another directory"
            )
    available = next(
        int(line.split()[1]) / 2**20
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    )
    if available < _MEMORY_GIB:
        found.append(f"{available:.1f} GiB of memory are free, a twin needs {_MEMORY_GIB} GiB; end other programs")
    return found
