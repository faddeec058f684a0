"""One run of accounts.yml adds an account, alters one and removes one, whose open sessions and new attempts end everywhere."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from module_utils.people.system import fuse_mounts
from tests.twin.machine import wait_until
from tests.twin.validated import Validated
from twin.cgroups import Groups

pytestmark = pytest.mark.twin
SATO = {"name": "sato", "uid": 3001, "data_platforms": ["nii"], "compute_platforms": ["mdx"], "probe": True}
KATO = {"name": "kato", "uid": 3004, "data_platforms": ["nii"], "compute_platforms": [], "probe": True}
MORI = {"name": "mori", "uid": 3009, "data_platforms": ["nii"], "compute_platforms": ["mdx"]}
CHANGED = [{**SATO, "state": "absent"}, {**KATO, "compute_platforms": ["mdx"]}, MORI]
BEFORE = [SATO, KATO, {**MORI, "state": "absent"}]
HOSTS = ("login1", "mdx1", "mdx2", "data1", "infra1")
SECONDS = 10  # after the end of a run nothing is left of who was removed
PATIENCE = 120  # seconds that a login over two hops may take on a busy machine
SSH = ("ssh", "-n", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=60")
RECORDER = "/usr/bin/python3 .*/kakehashi-record"
SLEEPS = "sleep 900[.]25"
MOUNT = Path(__file__).parents[1] / "fuse_mount.py"
MOUNTED = "/home/sato/data of others"
STAYS = "exec ssh -n -T -o BatchMode=yes mdx1 'sleep 900.25'"


class People:
    """A twin whose accounts are declared anew."""

    def __init__(self, twin: Validated, place: Path) -> None:
        self.twin, self.place = twin, place
        (place / "group_vars/all").mkdir(parents=True)
        (place / "hosts.yml").write_text("all: {}\n")
        for name in ("sato", "kato"):
            twin(
                "exec",
                "inst-a1",
                "--",
                "sh",
                "-c",
                f"umask 077; cat >/run/{name}",
                text=(twin.state / f"keys/account-{name}").read_text(),
            )
        twin("exec", "inst-a1", "--", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mori", "-f", "/run/mori")
        self.key = twin("exec", "inst-a1", "--", "cat", "/run/mori.pub").strip()

    def declare(self, accounts: list[dict[str, object]]) -> subprocess.CompletedProcess[str]:
        """Run accounts.yml with these accounts; it has to end well."""
        keyed = [{**account, "keys": [self.key]} if account["name"] == "mori" else account for account in accounts]
        (self.place / "group_vars/all/people.yml").write_text(yaml.safe_dump({"fabric_accounts": keyed}))
        done: subprocess.CompletedProcess[str] = self.twin.playbook(
            "accounts", "-i", str(self.place), "-i", str(self.twin.state / "overlay")
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def log_in(self, name: str, command: str = "id -un") -> subprocess.CompletedProcess[str]:
        """Log in to the login server from an institution."""
        return self.twin.attempt("exec", "inst-a1", "--", *SSH, "-i", f"/run/{name}", f"{name}@192.0.2.10", command)

    def stay(self, name: str) -> subprocess.Popen[str]:
        """Log in and on to a node, and stay there."""
        words = ("exec", "inst-a1", "--", *SSH, "-i", f"/run/{name}", f"{name}@192.0.2.10", STAYS)
        command = [sys.executable, "-m", "twin", "--name", self.twin.name, *words]
        quiet = subprocess.DEVNULL
        there = self.running("mdx1", SLEEPS)  # what was started in a session without a terminal may outlive it
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, text=True, start_new_session=True)
        wait_until(lambda: self.running("mdx1", SLEEPS) > there, PATIENCE)
        return process

    @contextlib.contextmanager
    def mount(self, host: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have sato mount something by FUSE on a host, served by a process of sato's (which is yielded), and list it."""
        self.twin("exec", host, "--", "install", "-d", "-o", "sato", MOUNTED)
        words = (sys.executable, "-m", "twin", "--name", self.twin.name, "exec", host, "--", "python3", "-", "3001", MOUNTED)
        with MOUNT.open() as program:
            process = subprocess.Popen(words, stdin=program, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_until(lambda: self.mounts(host) == [MOUNTED] or process.poll() is not None, PATIENCE)
            there = self.twin.attempt("exec", host, "--", "runuser", "-u", "sato", "--", "ls", MOUNTED)
            assert (process.poll(), there.returncode) == (None, 0), there.stderr
            yield process
        finally:
            self.twin.attempt("exec", host, "--", "umount", "--lazy", MOUNTED)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.twin.attempt("exec", host, "--", "rmdir", MOUNTED)

    def mounts(self, host: str) -> list[str]:
        """Where sato has mounted something on a host."""
        return fuse_mounts(self.twin("exec", host, "--", "cat", "/proc/self/mountinfo")).get(3001, [])

    def running(self, host: str, pattern: str) -> int:
        """How many processes on a host have such a command line."""
        return sum(bool(re.fullmatch(pattern, line)) for _uid, line in self._processes(host))

    def processes(self, host: str, uid: int) -> list[str]:
        """The command lines of a user's processes on a host."""
        return [line for of, line in self._processes(host) if of == uid]

    def _processes(self, host: str) -> list[tuple[int, str]]:
        """User and command line of each process of a host. From outside, so that looking takes no time of what is measured."""
        found = []
        for place in (Path("/proc", str(pid)) for pid in Groups(self.twin.name).processes(host)):
            with contextlib.suppress(OSError):
                uid = re.search(r"^Uid:\t\d+\t(\d+)", (place / "status").read_text(), re.MULTILINE)
                assert uid
                found.append((int(uid[1]), (place / "cmdline").read_text().rstrip("\0").replace("\0", " ")))
        return found


def leave(session: subprocess.Popen[str]) -> None:
    """End a login, with all that was started for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session.pid, signal.SIGKILL)
    session.wait()


def what_stays(people: People, session: subprocess.Popen[str]) -> dict[str, object]:
    """What of sato's session is still there after SECONDS from now; returns as soon as nothing is."""
    end = time.monotonic() + SECONDS
    while True:
        begun = time.monotonic()
        left: dict[str, object] = {host: words for host in HOSTS if (words := people.processes(host, 3001))}
        left |= {"a recorder": 1} if people.running("login1", RECORDER) else {}
        left |= {"the session, for who has it open": 1} if session.poll() is None else {}
        if not left or begun > end:
            return left
        time.sleep(0.1)  # until nothing is left or the time is over


@pytest.fixture(scope="module")
def people(converged: Validated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """The converged twin, whose people are afterwards those of before."""
    found = People(converged, tmp_path_factory.mktemp("accounts"))
    try:
        yield found
    finally:
        found.declare(BEFORE)
        converged("exec", "inst-a1", "--", "sh", "-c", "rm -f /run/sato /run/kato /run/mori*")


def test_one_run_adds_alters_and_removes(people: People) -> None:
    session = people.stay("sato")
    try:
        assert people.running("login1", RECORDER) == 1, "it is not recorded"
        with people.mount("mdx1") as served:
            done = people.declare(CHANGED)
            # An attempt that begins at that moment, and not only one after SECONDS, is refused; what is left is seen beside it.
            with ThreadPoolExecutor(1) as pool:
                attempt = pool.submit(people.log_in, "sato")
                left = what_stays(people, session)
                refused = attempt.result()
            assert left == {}, f"{SECONDS} s after the run this was left"
            assert (people.mounts("mdx1"), served.wait(SECONDS) != 0) == ([], True)
        assert {host: words for host in HOSTS if (words := people.processes(host, 3001))} == {}, "the new attempt left something"
    finally:
        leave(session)
    assert (refused.returncode, "Permission denied" in refused.stderr) == (255, True), refused.stderr
    assert re.search(r"end the processes of sato: .*login1.*mdx1", done.stdout), done.stdout
    assert re.search(rf"unmount {MOUNTED}: .*mdx1", done.stdout), done.stdout
    assert re.search(r"^.*remove sato: .*data1", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"sato +nowhere", done.stdout), done.stdout
    assert "NOT DONE" not in done.stdout
    # Whom nobody locked out came by the same run.
    for name in ("kato", "mori"):
        there = people.log_in(name, "ssh -n -T -o BatchMode=yes mdx1 id -un")
        assert there.stdout == f"{name}\n", there.stderr


def test_the_next_run_brings_back_and_finds_nothing_more(people: People) -> None:
    people.declare(BEFORE)
    there = people.log_in("sato", "ssh -n -T -o BatchMode=yes mdx1 id -un")
    assert there.stdout == "sato\n", there.stderr
    assert people.log_in("kato").stdout == "kato\n"
    assert people.log_in("kato", "ssh -n -T -o BatchMode=yes -o ConnectTimeout=15 mdx1 id -un").returncode == 255
    assert people.log_in("mori").returncode == 255
    again = people.declare(BEFORE)
    assert re.findall(r"^\S+ .*changed=[1-9].*", again.stdout, re.MULTILINE) == []
    assert "Nobody was added, altered or removed." in again.stdout


def test_the_twin_logs_in_as_an_account_does(people: People) -> None:
    there = people.twin.attempt("login", "sato", "ssh -n -T -o BatchMode=yes mdx1 id -un")
    assert there.stdout == "sato\n", there.stderr
    assert "sato logs in from inst-a1 to login1 (192.0.2.10)" in there.stderr
    assert "nobody is no account of this twin" in people.twin.attempt("login", "nobody").stderr


def test_a_session_that_the_rules_no_longer_admit_is_ended_and_others_stay(people: People) -> None:
    twin = people.twin
    people.declare(BEFORE)
    session = people.stay("sato")
    kept = twin("exec", "login1", "--", "cat", "/etc/ssh/sshd_config")
    try:
        assert ended(twin) == []
        twin("exec", "login1", "--", "sed", "-i", "/^AllowUsers sato@192.0.2.21$/d", "/etc/ssh/sshd_config")
        assert ended(twin, "--check") == [{"user": "sato", "address": "192.0.2.21"}]
        assert session.poll() is None, "check mode ended it"
        assert ended(twin) == [{"user": "sato", "address": "192.0.2.21"}]
        wait_until(lambda: session.poll() is not None, SECONDS)
    finally:
        twin("exec", "login1", "--", "sh", "-c", "cat >/etc/ssh/sshd_config", text=kept)
        leave(session)


def test_a_session_ends_with_the_key_by_which_it_began_and_others_stay(people: People) -> None:
    twin, keys = people.twin, "/etc/ssh/authorized_keys.d"
    people.declare(BEFORE)
    session = people.stay("sato")
    kept = twin("exec", "login1", "--", "cat", f"{keys}/sato")
    try:
        twin("exec", "login1", "--", "sh", "-c", f"cat {keys}/kato >{keys}/sato")
        assert ended(twin, "--check") == [{"user": "sato", "address": "192.0.2.21"}]
        assert session.poll() is None, "check mode ended it"
        assert ended(twin) == [{"user": "sato", "address": "192.0.2.21"}]
        wait_until(lambda: session.poll() is not None, SECONDS)
    finally:
        twin("exec", "login1", "--", "sh", "-c", f"cat >{keys}/sato", text=kept)
        leave(session)


def ended(twin: Validated, *words: str) -> list[dict[str, str]]:
    """What the module says it ended on the login server."""
    ansible = str(Path(sys.executable).with_name("ansible"))
    sources = [word for source in (*twin.inventories, twin.state / "overlay") for word in ("-i", str(source))]
    said = twin("run", "--", ansible, *sources, "login1", "-b", "-m", "ssh_sessions", *words)
    found: list[dict[str, str]] = yaml.safe_load(said.partition("=>")[2])["ended"]
    return found
