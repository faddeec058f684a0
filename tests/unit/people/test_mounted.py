"""What a user really mounted by FUSE is gone when the user is removed. Tried in a mount namespace with an /etc of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRIVATE = ["unshare", "--mount", "--propagation", "private"]
UID, PLACE = 64998, "/mnt/home/data of sato"
# Users are made and removed in a copy of /etc, which only this namespace has.
OWN_ETC = """
set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/etc "$1"
cp -a /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/login.defs /etc/nsswitch.conf /etc/pam.d /mnt/etc
mount --bind /mnt/etc /etc
useradd --uid "$2" --no-create-home --home-dir /mnt/home sato-of-a-test
exec "$3" -c "$4" "$1" "$2"
"""
REMOVE = """
import json, os, subprocess, sys
from module_utils.people import system
from module_utils.people.plan import User, Wish, plan

path, uid = sys.argv[1], int(sys.argv[2])
served = subprocess.Popen([sys.executable, "tests/fuse_mount.py", str(uid), path], stdout=subprocess.PIPE, text=True)
assert served.stdout.readline() == "mounted\\n"
as_user = subprocess.run(["ls", path], user=uid, group=uid, timeout=30, capture_output=True)
wish = Wish((User("sato-of-a-test", uid, present=False),))
steps = plan(wish, system.read_host(wish))
mounted = lambda: system.fuse_mounts(system._MOUNTS.read_text()).get(uid, [])
before = mounted()
kept = os.open(path, os.O_PATH)  # who has it open keeps nobody else's way to it
number = next(i for i, step in enumerate(steps) if step.unmount)
system.carry_out(steps[:number])
between, ended = mounted(), served.wait(30)
system.carry_out(steps[number:])
after = system.read_host(wish)
json.dump({"used": as_user.returncode, "before": before, "between": between, "ended": ended, "after": mounted(),
           "listed": os.listdir(path), "there": "sato-of-a-test" in after.entries, "steps": [s.say for s in steps]}, sys.stdout)
"""


def possible() -> bool:
    """Whether mount namespaces and FUSE are to be had here."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        return False
    return subprocess.run([*PRIVATE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not possible(), reason="needs root, /dev/fuse and mount namespaces")
def test_what_a_removed_user_mounted_is_gone() -> None:
    words = [*PRIVATE, "bash", "-c", OWN_ETC, "own-etc", PLACE, str(UID), sys.executable, REMOVE]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["used"], found["before"]) == (0, [PLACE]), "it has to be a mount that the user can use"
    assert (found["ended"], found["between"]) == (-9, [PLACE]), "what serves it ends, and that alone leaves it mounted"
    assert (found["after"], found["listed"], found["there"]) == ([], [], False)
    assert [step.split()[0] for step in found["steps"]] == ["expire", "end", "unmount", "remove"]
