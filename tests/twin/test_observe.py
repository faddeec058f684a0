"""From a node that was set up by hand to one that enforces: site.yml in observe mode, what it remembers, then enforcing.

The node knows no operator yet: it is entered as the image's shared user, for whom a job runs that must go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.twin.by_hand import HERE, ByHand
from tests.twin.machine import named

pytestmark = pytest.mark.twin

OBSERVE = ("-i", str(HERE / "observe.yml"))
ENFORCE = ("-i", str(HERE / "enforce_mdx1.yml"))
FIRST = ("-i", str(HERE / "first_contact.yml"))
PASSWORD = "leaf-and-twig"  # noqa: S105 - of a user in mess/first_contact.sh
LIMIT = ("--limit", "login1,mdx1")
# What the shared user has, and what others put there.
OWN = """
systemctl is-active training.service
id -Gn mdxuser
sha256sum /home/mdxuser/.ssh/authorized_keys /var/spool/cron/crontabs/mdxuser /etc/sudoers.d/50-bootstrap /etc/sudoers.d/guest
getent passwd mdxuser
getent shadow mdxuser
hostname
sed '/BEGIN names of the Ansible role base/,/END names of the Ansible role base/d' /etc/hosts | grep packages.survey.example
"""
KNOCK = "exec 3<>/dev/tcp/{}/8888"


def knock(twin: ByHand, address: str, seconds: int) -> int:
    """Try the notebook on mdx1 from the login server; 0 if it answers."""
    return twin.attempt("exec", "login1", "--", "timeout", str(seconds), "bash", "-c", KNOCK.format(address)).returncode


def own(twin: ByHand) -> str:
    return twin("exec", "mdx1", "--", "bash", "-ec", OWN)


@pytest.fixture(scope="module")
def as_first(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Arguments by which Ansible logs in as the shared user, and tells sudo the password (``-K``)."""
    file: Path = tmp_path_factory.mktemp("first") / "password"
    file.write_text(PASSWORD)
    return (*FIRST, "--become-password-file", str(file))


@pytest.fixture(scope="module")
def observing(as_first: tuple[str, ...]) -> Iterator[ByHand]:
    """The twin with its mess, converged in observe mode by the shared user, after what the survey asks to do by hand."""
    twin = ByHand(named("observe"))
    try:
        twin.up()
        twin("exec", "mdx1", "--", "usermod", "--uid", "3001", "sato")
        twin("exec", "mdx1", "--", "bash", "-s", text=(HERE / "mess" / "first_contact.sh").read_text())
        before = own(twin)
        done = twin.playbook("site", *OBSERVE, *LIMIT, *as_first)
        assert done.returncode == 0, done.stdout + done.stderr
        assert own(twin) == before
        yield twin
    finally:
        twin("down")


def test_operators_get_in_by_their_own_keys_and_may_become_root(observing: ByHand) -> None:
    assert observing("ssh", "mdx1", "id -un; sudo -n id -un").split() == ["aoki", "root"]


def test_enforcing_as_the_shared_user_is_refused_and_changes_nothing(observing: ByHand, as_first: tuple[str, ...]) -> None:
    before = own(observing)
    done = observing.playbook("site", *OBSERVE, *LIMIT, *ENFORCE, *as_first)
    assert done.returncode != 0
    assert "run once without enforcing" in done.stdout
    recap = {line.split()[0]: line for line in done.stdout.partition("PLAY RECAP")[2].splitlines() if " : " in line}
    assert "changed=0" in recap["mdx1"]
    assert "changed=0" in recap["login1"]
    assert own(observing) == before


@pytest.fixture(scope="module")
def observed(observing: ByHand) -> dict[str, Any]:
    """What observing remembers of one host after a few things that enforcing would deny."""
    assert knock(observing, "192.0.2.101", 60) == 0
    assert knock(observing, "2001:db8:0:2102::41", 60) == 0
    assert observing.log_in("login1", "guest@192.0.2.101").returncode == 0
    evidence, printed = observing.evidence("observed", *OBSERVE, *LIMIT)
    assert "CONNECTIONS THAT WOULD BE DENIED" in printed
    return next(host for host in evidence["hosts"] if host["name"] == "mdx1")


def test_connections_that_would_be_denied_are_remembered_in_both_families(observed: dict[str, Any]) -> None:
    found = {(p["source"], p["protocol"], p["port"], p["who"]) for p in observed["packets"] if p["direction"] == "input"}
    assert {("192.0.2.70", "tcp", 8888, "login1"), ("2001:db8:0:2102::10", "tcp", 8888, "login1")} <= found


def test_declared_connections_are_not_among_them(observed: dict[str, Any]) -> None:
    assert not any(packet["port"] == 22 and packet["direction"] == "input" for packet in observed["packets"])


def test_logins_that_would_be_refused_are_among_them(observed: dict[str, Any]) -> None:
    assert ("guest", "192.0.2.70") in {(login["user"], login["source"]) for login in observed["logins"]}
    assert observed["enforce"] is False


@pytest.mark.usefixtures("observed")
def test_enforcing_one_host_denies_what_was_observed_and_leaves_the_operator_in(observing: ByHand) -> None:
    done = observing.playbook("site", *OBSERVE, *LIMIT, *ENFORCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "still run processes, which go on" in done.stdout + done.stderr
    assert observing("exec", "mdx1", "--", "systemctl", "is-active", "training.service").strip() == "active"
    assert observing.attempt("exec", "mdx1", "--", "test", "-e", "/home/mdxuser/.ssh/authorized_keys").returncode != 0
    assert knock(observing, "192.0.2.101", 5) != 0
    assert knock(observing, "2001:db8:0:2102::41", 5) != 0
    assert observing.log_in("login1", "guest@192.0.2.101").returncode != 0
    assert observing.attempt("ssh", "mdx1", "true").returncode == 0
