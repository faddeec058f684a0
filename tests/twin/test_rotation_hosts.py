"""Host keys are replaced on a real twin while people work, also by a killed run: nobody meets a host that they do not know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from module_utils.identity.host_certificates import read
from tests.twin.changing import ROOT, Runs, cut_shared_connections, fresh_login
from tests.twin.machine import wait_until
from tests.twin.rotating import Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity]
PLAYBOOK = ROOT / "playbooks/rotate.yml"
KEY = "/etc/ssh/ssh_host_ed25519_key"
SECOND = "/etc/ssh/kakehashi-second-host-key"
HOSTS = ("ca1", "mdx1")  # login1 just takes what they show: it is younger
WORDS = ("-e", "rotate=host", "-e", "rotate_days=1", "-e", "rotate_shown_days=0")
PATIENCE = 1800  # seconds, for a run on a slow machine


@contextmanager
def keys_kept(twin: Rotating, *hosts: str) -> Iterator[None]:
    """Have the twin's own copies of host keys follow at the end: by them it writes known hosts when it is brought up again."""
    try:
        yield
    finally:
        for host in hosts:
            for half in ("", ".pub"):
                path = twin.state / f"keys/host-{host}{half}"
                path.write_text(twin("exec", host, "--", "cat", f"{KEY}{half}"))


def known(twin: Rotating, host: str) -> set[str]:
    """The keys by which login1 knows a host."""
    path = "/etc/kakehashi/signing/known_hosts" if host == "ca1" else "/etc/ssh/ssh_known_hosts"
    found = [line.split() for line in twin("exec", "login1", "--", "cat", path).splitlines()]
    return {" ".join(words[1:3]) for words in found if words and host in words[0].split(",")}


def operator_by(twin: Rotating, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Log in to mdx1 as the operator, with these known hosts for it alone."""
    words = ("-F", str(twin.state / "ssh/config-fresh"), "-o", f"UserKnownHostsFile={file}", *options, "-o", "BatchMode=yes")
    return subprocess.run(
        [sys.executable, "-m", "twin", "--name", twin.name, "run", "--", "ssh", *words, "mdx1", "true"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def learnt(twin: Rotating, file: Path) -> int:
    """Log in by an ssh that learns, and say how many keys it knows then."""
    done = operator_by(twin, file, "-o", "UpdateHostKeys=yes")
    assert done.returncode == 0, done.stderr
    return len(file.read_text().splitlines())


def test_one_host_key_that_leaked_is_replaced_at_once_and_no_other(rotating: Rotating) -> None:
    """That of a login server, which moves before those behind it."""
    twin = rotating
    before = {host: twin.key(host, KEY) for host in ("login1", *HOSTS)}
    with keys_kept(twin, "login1"):
        words = ("-e", '{"rotate_hosts": ["login1"]}', "-e", "rotate_days=0", "-e", "rotate_shown_days=0")
        done = twin.rotate("host", *words, "-e", f"rotate_known_hosts={twin.state}/ssh/known_hosts")
        assert done.returncode == 0, done.stdout + done.stderr
        after = {host: twin.key(host, KEY) for host in ("login1", *HOSTS)}
        assert [host for host in before if before[host] != after[host]] == ["login1"]
        assert twin.attempt("exec", "login1", "--", "test", "-e", SECOND).returncode == 1
        assert (twin.goes_on(), fresh_login(twin, "mdx1").returncode) == (True, 0)


@pytest.mark.slow
def test_host_keys_are_replaced_while_people_work(rotating: Rotating, tmp_path_factory: pytest.TempPathFactory) -> None:
    twin, room = rotating, tmp_path_factory.mktemp("hosts")
    runs, operators = Runs(twin, room), twin.state / "ssh/known_hosts"
    before = {host: twin.key(host, KEY) for host in HOSTS}
    learns, stays = room / "learns", room / "stays"
    for path in (learns, stays):
        path.write_text(f"mdx1 {before['mdx1']}\n")
    for host in HOSTS:
        twin.age(host, KEY)
    with keys_kept(twin, *HOSTS), twin.at_work():
        refused = twin.rotate("host", *WORDS[2:])
        assert refused.returncode != 0, refused.stdout
        said = " ".join(refused.stdout.split())
        assert "ca1: the next host key was not taken into use, because the ssh by which this runs would not know" in said, said
        assert {host: twin.key(host, KEY) for host in HOSTS} == before
        assert [len(known(twin, host)) for host in ("ca1", "mdx1")] == [2, 2]
        # Of a session that is over at once ssh may not have asked the host for a proof in time: then the next one learns it.
        wait_until(lambda: learnt(twin, learns) == 2, 60)

        # A certificate that is no good any more by the time of the switch.
        twin("exec", "mdx1", "--", "cp", f"{KEY}-cert.pub", f"{SECOND}/ssh_host_ed25519_key-cert.pub")
        follow = ("-e", f"rotate_known_hosts={operators}")
        run = runs.start(
            PLAYBOOK, *WORDS, *follow, kill_at="Read the onward keys on each login server"
        )  # before the first forgets
        assert run.killed, run.end()
        cut_shared_connections(twin)  # the whole controller is gone
        after = {host: twin.key(host, KEY) for host in HOSTS}
        assert not set(after.values()) & set(before.values())
        assert read(twin("exec", "mdx1", "--", "cat", f"{KEY}-cert.pub")).key == after["mdx1"]
        assert (twin.goes_on(), fresh_login(twin, "mdx1").returncode) == (True, 0)
        # Known strictly: who learnt it in time goes on, and who did not is refused.
        assert (operator_by(twin, learns).returncode, operator_by(twin, stays).returncode) == (0, 255)
        site = twin.playbook("site", "--limit", "login1")
        assert site.returncode == 0, site.stdout + site.stderr
        assert [known(twin, host) for host in ("ca1", "mdx1")] == [{before[h], after[h]} for h in ("ca1", "mdx1")]

        last = runs.start(PLAYBOOK, *WORDS, *follow)
        assert last.process.wait(PATIENCE) == 0, last.end()
        assert {host: twin.key(host, KEY) for host in HOSTS} == after
        assert [known(twin, host) for host in ("ca1", "mdx1")] == [{after[h]} for h in ("ca1", "mdx1")]
        assert (twin.goes_on(), fresh_login(twin, "mdx1").returncode) == (True, 0)
    assert not any(key in operators.read_text() for key in before.values())
    assert twin.attempt("exec", "mdx1", "--", "test", "-e", SECOND).returncode == 1
