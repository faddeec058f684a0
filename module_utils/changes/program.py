"""The program and the unit that undo a change on a host: built from this package, installed as one file each."""

from __future__ import annotations

import io
import pkgutil
import zipfile

from ..files.disk import apply, observe
from ..files.plan import File, PlanError, Wish, plan
from .host import Host
from .places import PROGRAM
from .record import ChangeError

UNIT = "kakehashi-revert.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
_WANTED = f"/etc/systemd/system/sysinit.target.wants/{UNIT}"
# In the order in which they build on each other; nothing else of the project is needed on the host.
MODULES = ("__init__", "entries", "links", "running", "record", "trees", "places", "locks", "store", "host", "restore")
_MAIN = """import os
import sys

from changes.restore import main

os.umask(0o077)
sys.exit(main())
"""
_UNIT_TEXT = f"""# Written by Ansible. A restart ends the timer of a change that nobody confirmed, so the change is undone here.
[Unit]
Description=Undo a change that was not confirmed before the restart
DefaultDependencies=no
RequiresMountsFor=/etc /usr/local/sbin /var/lib/kakehashi-change
ConditionPathExists=/var/lib/kakehashi-change/pending/change.json
After=local-fs.target
Before=sysinit.target network-pre.target nftables.service systemd-sysctl.service systemd-networkd.service ssh.service ssh.socket
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart={PROGRAM} --why boot
TimeoutStartSec=180

[Install]
WantedBy=sysinit.target
"""


def build() -> bytes:
    """Return the program: one file that Python runs, the same bytes for the same source."""
    buffer = io.BytesIO()
    buffer.write(b"#!/usr/bin/python3 -I\n")
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in MODULES:
            archive.writestr(_plain(f"changes/{name}.py"), _source(name))
        archive.writestr(_plain("__main__.py"), _MAIN)
    return buffer.getvalue()


def wish() -> Wish:
    """Return the files that must be there before a change is armed."""
    return Wish(files=(File(PROGRAM, build(), 0o755), File(UNIT_FILE, _UNIT_TEXT.encode())))


def install(host: Host) -> list[str]:
    """Install the program and the unit that runs it at boot; return the paths that were written."""
    wanted = wish()
    try:
        steps = plan(wanted, observe(wanted))
        apply(steps)
    except PlanError as error:
        raise ChangeError(f"what undoes the change can't be installed: {error}") from error
    changed = [step.path for step in steps]
    if UNIT_FILE in changed or host.units([UNIT])[UNIT].file != "enabled":
        host.systemctl(["enable", "--quiet", UNIT])  # also has systemd read the unit
        changed = [*changed, _WANTED]
    return changed


def _plain(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _source(name: str) -> bytes:
    data = pkgutil.get_data(__package__ or "", f"{name}.py")
    if data is None:
        raise ChangeError(f"the source of {name} can't be read, so the program can't be built")
    return data
