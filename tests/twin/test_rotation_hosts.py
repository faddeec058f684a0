"""Host keys are replaced on a real twin while people work, by runs that are killed: nobody meets a host that they don't know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.twin.changing import ROOT, Runs, cut_shared_connections, fresh_login
from tests.twin.machine import wait_until
from tests.twin.rotating import Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity]
PLAYBOOK = ROOT / "playbooks/rotate.yml"
KEY = "/etc/ssh/ssh_host_ed25519_key"
HOSTS = ("login1", "ca1", "mdx1", "data1", "infra1")
WORDS = ("-e", "rotate=host", "-e", "rotate_days=1")
PATIENCE = 1800  # seconds, for a run on a slow machine


@contextmanager
def keys_kept(twin: Rotating) -> Iterator[None]:
    """Have the twin's own copies of host keys follow at the end: by them it writes known hosts when it is brought up again."""
    try:
        yield
    finally:
        for host in HOSTS:
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


def test_host_keys_are_replaced_while_people_work(rotating: Rotating, tmp_path_factory: pytest.TempPathFactory) -> None:
    twin, room = rotating, tmp_path_factory.mktemp("hosts")
    runs, operators = Runs(twin, room), twin.state / "ssh/known_hosts"
    before = {host: twin.key(host, KEY) for host in HOSTS}
    learns, stays = room / "learns", room / "stays"
    for path in (learns, stays):
        path.write_text(operators.read_text())
    for host in HOSTS:
        twin.age(host, KEY)
    with keys_kept(twin), twin.at_work():
        shown = twin.rotate("host", *WORDS[2:])
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert "are shown beside those in use, for people's ssh to learn" in " ".join(shown.stdout.split())
        assert {host: twin.key(host, KEY) for host in HOSTS} == before
        assert all(before[host] in known(twin, host) and len(known(twin, host)) == 2 for host in ("ca1", "mdx1", "data1"))
        site = twin.playbook("site", "--limit", "mdx1,login1")
        assert site.returncode == 0, site.stdout + site.stderr
        assert len(known(twin, "mdx1")) == 2, "site.yml writes both"
        assert operator_by(twin, learns, "-o", "UpdateHostKeys=yes").returncode == 0

        refused = twin.rotate("host", *WORDS[2:], "-e", "rotate_shown_days=0")
        assert refused.returncode != 0
        assert "login1: the next host key was not taken into use, because the ssh by which this runs" in " ".join(
            refused.stdout.split()
        )
        assert {host: twin.key(host, KEY) for host in HOSTS} == before

        now = ("-e", "rotate_shown_days=0", "-e", f"rotate_known_hosts={operators}")
        for where, switched in (("Read what is shown now", 1), ("Read the onward keys on each login server", len(HOSTS))):
            run = runs.start(PLAYBOOK, *WORDS, *now, kill_at=where)
            assert run.killed, run.end()
            cut_shared_connections(twin)  # the whole controller is gone
            assert sum(twin.key(host, KEY) != before[host] for host in HOSTS) == switched, where
            assert (twin.goes_on(), fresh_login(twin, "mdx1").returncode) == (True, 0), where
        # Known strictly: who learnt it in time goes on, and who did not is refused.
        assert (operator_by(twin, learns).returncode, operator_by(twin, stays).returncode) == (0, 255)

        last = runs.start(PLAYBOOK, *WORDS, *now)
        assert last.process.wait(PATIENCE) == 0, last.end()
        after = {host: twin.key(host, KEY) for host in HOSTS}
        assert not set(after.values()) & set(before.values())
        assert [known(twin, host) for host in ("ca1", "mdx1", "data1")] == [{after[h]} for h in ("ca1", "mdx1", "data1")]
        wait_until(twin.goes_on, 60)
        assert fresh_login(twin, "mdx1").returncode == 0
    assert not any(key in operators.read_text() for key in before.values())
    assert twin("exec", "mdx1", "--", "sh", "-c", "ls /etc/ssh | grep second || true") == ""
