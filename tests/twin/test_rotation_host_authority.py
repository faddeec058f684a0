"""The key that certifies hosts is replaced on a real twin, also by a killed run: hosts are known by certificate all along."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from module_utils.identity.host_certificates import read
from tests.twin.changing import ROOT, Runs, cut_shared_connections
from tests.twin.rotating import Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity, pytest.mark.slow]
PLAYBOOK = ROOT / "playbooks/rotate.yml"
AUTHORITY = "/var/lib/kakehashi-host-authority/host_ca"
BELIEVED = "/etc/ssh/kakehashi-host-authorities"
CERTIFICATE = "/etc/ssh/ssh_host_ed25519_key-cert.pub"
HOSTS = ("login1", "ca1", "mdx1", "data1", "infra1")
PATIENCE = 1800  # seconds, for a run on a slow machine
BY_CERTIFICATE = (
    *("runuser", "-u", "sato", "--", "ssh", "-n", "-T", "-oBatchMode=yes", "-oControlPath=none", "-oConnectTimeout=20"),
    *("-oStrictHostKeyChecking=yes", "-oUserKnownHostsFile=none", f"-oGlobalKnownHostsFile={BELIEVED}", "mdx1", "true"),
)
UNKNOWN = "Host key verification failed"


def certified_by(twin: Rotating) -> dict[str, str]:
    """Whose certificates the hosts show."""
    return {host: read(twin("exec", host, "--", "cat", CERTIFICATE)).authority for host in HOSTS}


@contextmanager
def known_all_along(twin: Rotating) -> Iterator[None]:
    """Have sato go on to mdx1 again and again, knowing it by its certificate alone; it may never be unknown."""
    over, answers = threading.Event(), []

    def go_on() -> None:
        while not over.is_set():
            answers.append(twin.attempt("exec", "login1", "--", *BY_CERTIFICATE))
            over.wait(1)

    walker = threading.Thread(target=go_on)
    walker.start()
    try:
        yield
    finally:
        over.set()
        walker.join()
    assert not [answer.stderr for answer in answers if UNKNOWN in answer.stderr]
    # While sshd reads its configuration anew it may refuse one connection, whoever comes.
    assert [answer.returncode for answer in answers].count(0) > len(answers) * 3 / 4, answers


def test_the_key_that_certifies_hosts_is_replaced(rotating: Rotating, tmp_path_factory: pytest.TempPathFactory) -> None:
    twin, room = rotating, tmp_path_factory.mktemp("authority")
    runs, operators = Runs(twin, room), room / "operators"
    before = twin.key("ca1", AUTHORITY)
    operators.write_text(f"@cert-authority mdx1,192.0.2.101 {before}\n")
    words = ("-e", "rotate=host_authority", "-e", f"rotate_known_hosts={operators}")
    assert set(certified_by(twin).values()) == {before}
    twin.age("ca1", AUTHORITY)
    with known_all_along(twin):
        run = runs.start(PLAYBOOK, *words, kill_at="Prove that it is known by the certificate")  # of the first host, login1
        assert run.killed, run.end()
        cut_shared_connections(twin)  # the whole controller is gone
        now = twin.key("ca1", AUTHORITY)
        assert now != before
        assert twin.taken("login1", BELIEVED) == sorted([before, now])
        assert certified_by(twin) == {**dict.fromkeys(HOSTS, before), "login1": now}
        assert operators.read_text() == "".join(f"@cert-authority mdx1,192.0.2.101 {key}\n" for key in (before, now))
        last = runs.start(PLAYBOOK, *words)
        assert last.process.wait(PATIENCE) == 0, last.end()
    assert twin.key("ca1", AUTHORITY) == now
    assert set(certified_by(twin).values()) == {now}
    assert twin.taken("login1", BELIEVED) == [now]
    assert operators.read_text() == f"@cert-authority mdx1,192.0.2.101 {now}\n"
    there = "ls -A /var/lib | grep kakehashi-host-authority"
    assert twin("exec", "ca1", "--", "sh", "-c", there) == "kakehashi-host-authority\n"
    # Who believed the old one alone does not know the host any more: it is the certificate by which it was known above.
    twin("exec", "login1", "--", "sh", "-c", "cat >/run/old && chmod 644 /run/old", text=f"@cert-authority mdx1 {before}\n")
    alone = [word.replace(BELIEVED, "/run/old") for word in BY_CERTIFICATE]
    refused = twin.attempt("exec", "login1", "--", *alone)
    assert (refused.returncode, UNKNOWN in refused.stderr) == (255, True), refused.stderr
