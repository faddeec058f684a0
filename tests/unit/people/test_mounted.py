"""What a user really mounted by FUSE is gone when the user is removed. Tried in a mount namespace with an /etc of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Whatever is left in it ends with its first process, and with that what was mounted.
PRIVATE = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
UID, HOME = 64998, "/home/sato-of-a-test"
NAMES = [
    b"data of sato",
    b"x\ry",
    b"x\x0cy",
    "x\u3000y".encode(),
    "x\x85y".encode(),
    "x\u2028y".encode(),
    b"x\\y",
    b"x\ny",
    b"x\xff\xfey",
]
# Users are made and removed in a copy of /etc, which only this namespace has.
OWN_ETC = """
set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
mount -t tmpfs -o mode=755 tmpfs /home
mkdir -p /mnt/etc "$1"
cp -a /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/login.defs /etc/nsswitch.conf /etc/pam.d /mnt/etc
mount --bind /mnt/etc /etc
useradd --uid "$2" --no-create-home --home-dir /home/sato-of-a-test sato-of-a-test
"$3" -c "$4" "$1" "$2"
exit
"""
REMOVE = """
import json, os, subprocess, sys
from module_utils import mountinfo
from module_utils.people import system
from module_utils.people.plan import User, Wish, plan

path, uid = sys.argv[1], int(sys.argv[2])
served = subprocess.Popen([sys.executable, "tests/fuse_mount.py", str(uid), path], stdout=subprocess.PIPE, text=True)
assert served.stdout.readline() == "mounted\\n"
as_user = subprocess.run(["ls", path], user=uid, group=uid, timeout=30, capture_output=True)
wish = Wish((User("sato-of-a-test", uid, present=False),))
steps = plan(wish, system.read_host(wish))
mounted = lambda: system.fuse_mounts(mountinfo.read()).get(uid, [])
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


needed = pytest.mark.skipif(not possible(), reason="needs root, /dev/fuse and mount namespaces")


def tried(code: str, place: str) -> dict[str, Any]:
    """Run ``code`` with ``place`` and the user's number in a namespace of its own, where the user is; return what it says."""
    words = [*PRIVATE, "bash", "-c", OWN_ETC, "own-etc", place, str(UID), sys.executable, code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@needed
@pytest.mark.parametrize("name", NAMES)
def test_what_a_removed_user_mounted_is_gone(name: bytes) -> None:
    place = os.fsdecode(os.fsencode(HOME) + b"/" + name)
    found = tried(REMOVE, place)
    assert (found["used"], found["before"]) == (0, [place]), "it has to be a mount that the user can use"
    assert (found["ended"], found["between"]) == (-9, [place]), "what serves it ends, and that alone leaves it mounted"
    assert (found["after"], found["listed"], found["there"]) == ([], [], False)
    assert [step.split()[0] for step in found["steps"]] == ["expire", "end", "unmount", "remove", "keep", "close"]


# Once all is planned, the user mounts more and plants a crontab, and a process that is not seen goes on with that.
PLANTS = """
import json, os, subprocess, sys
from pathlib import Path
from module_utils import mountinfo
from module_utils.people import system
from module_utils.people.plan import User, Wish, plan

hidden, uid = sys.argv[1], int(sys.argv[2])
home = Path("/home/sato-of-a-test")
crontabs, more, key = Path("/mnt/crontabs"), home / "more", home / ".ssh/authorized_keys"
for directory in (crontabs, key.parent, more):
    directory.mkdir(exist_ok=True, parents=True)
    os.chown(directory, uid, uid)
key.touch()
system._SPOOLS = (str(crontabs),)

def mount(path):
    served = subprocess.Popen([sys.executable, "tests/fuse_mount.py", str(uid), str(path)], stdout=subprocess.PIPE, text=True)
    assert served.stdout.readline() == "mounted\\n"

mount(hidden)
wish = Wish((User("sato-of-a-test", uid, present=False),))
steps = plan(wish, system.read_host(wish))
if hidden != str(home):
    mount(more)
plant = "import os,sys\\nwhile True:\\n open(sys.argv[1], 'w').close()\\n if os.fork(): os._exit(0)"
subprocess.run(["/usr/bin/python3", "-c", plant, str(crontabs / "sato-of-a-test")], user=uid, group=uid, check=True)
done = system.carry_out(steps)
json.dump({"mounted": system.fuse_mounts(mountinfo.read()).get(uid, []), "crontabs": os.listdir(crontabs), "key": key.exists(),
           "again": [step.say for step in plan(wish, system.read_host(wish))], "running": system._running(uid),
           "there": "sato-of-a-test" in system.read_host(wish).entries, "owner": home.stat().st_uid, "done": done}, sys.stdout)
"""


@needed
@pytest.mark.parametrize("hidden", [HOME, f"{HOME}/.ssh"])
def test_what_a_user_mounts_and_plants_while_being_removed_is_gone(hidden: str) -> None:
    """Below ``hidden`` not even root sees the user's key before it is unmounted."""
    found = tried(PLANTS, hidden)
    assert [found[name] for name in ("mounted", "crontabs", "again", "running")] == [[], [], [], []]
    assert (found["key"], found["there"], found["owner"]) == (False, False, 0)
    told = [step for step in found["done"] if step.endswith(", which came meanwhile")]
    assert f"remove {HOME}/.ssh/authorized_keys, which came meanwhile" in told
    assert "remove /mnt/crontabs/sato-of-a-test, which came meanwhile" in told
    assert hidden == HOME or f"unmount {HOME}/more, which came meanwhile" in told
