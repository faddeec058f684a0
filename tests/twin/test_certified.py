"""Changes after which accounts can't go on with certificates, or can't come with their keys: each host goes back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.twin.changing import Run, Runs, settled, state, wait_for
from tests.twin.machine import named
from tests.twin.validated import Validated

pytestmark = [pytest.mark.twin, pytest.mark.identity]
HELD = 180  # seconds until the change of a killed run is undone
BEFORE_UNDOING = "Undo the change"
BEFORE_PROVING = "Prove the way in"
ASKING = "Get a certificate from this signer, as for an account"
REVOKED = """
echo 'id: sato@login1' >/tmp/revoked
ssh-keygen -q -k -f /etc/ssh/kakehashi-revoked-keys -s /etc/ssh/kakehashi-user-authorities /tmp/revoked
rm /tmp/revoked
"""


class Certified(Validated):
    """The survey's fabric with a signer."""

    inventories = (*Validated.inventories, Path(__file__).parent / "certified")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs on a twin of its own, which is converged."""
    twin = Certified(named("certified"))
    try:
        twin.up()
        twin.converge()
        yield Runs(twin, tmp_path_factory.mktemp("runs"))
    finally:
        twin("down")


def in_words(run: Run) -> str:
    return " ".join(run.end().split())


def goes_on(twin: Validated, node: str) -> bool:
    """Return whether an account gets from the login server to a node."""
    return (
        twin.attempt("exec", "login1", "--", "runuser", "-u", "sato", "--", "ssh", "-oBatchMode=yes", node, "true").returncode
        == 0
    )


def changed(host: str, seconds: int = 600, **arguments: object) -> tuple[str, ...]:
    """Arguments by which a host is changed, after which it is not as declared."""
    return ("--limit", host, "-e", json.dumps({"change_seconds": seconds, **arguments}))


@pytest.fixture(scope="module")
def nobodys(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The public key of an authority that no signer holds any more."""
    path = tmp_path_factory.mktemp("old") / "user_ca"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()


def test_nodes_that_trust_an_authority_whose_time_is_over_go_back_at_once(runs: Runs, nobodys: str) -> None:
    before = state(runs.twin, "mdx1")
    assert goes_on(runs.twin, "mdx1")
    run = runs.site(*changed("mdx1", authorities={"ca1": nobodys}), hold_at=BEFORE_UNDOING)
    run.held()
    assert not goes_on(runs.twin, "mdx1"), "a mistake that locks nobody out shows nothing"
    run.go()
    said = in_words(run)
    assert "(task Log in as an ordinary account, by the real path)" in said
    assert "things were put back as they were before this run" in said
    assert sorted(set(before) ^ set(state(runs.twin, "mdx1"))) == []
    assert goes_on(runs.twin, "mdx1")


def test_nodes_that_take_no_certificate_any_more_go_back_by_themselves(runs: Runs) -> None:
    twin, before = runs.twin, state(runs.twin, "mdx2")
    run = runs.site(*changed("mdx2", HELD, login_restriction_max_sessions=8), hold_at=BEFORE_PROVING, kill_at=BEFORE_UNDOING)
    run.held()
    twin("exec", "mdx2", "--", "bash", "-e", "-s", text=REVOKED)
    assert not goes_on(twin, "mdx2"), "a mistake that locks nobody out shows nothing"
    run.go()
    assert run.killed, run.end()
    wait_for("mdx2 undone", partial(settled, twin, "mdx2"))
    assert sorted(set(before) ^ set(state(twin, "mdx2"))) == []
    assert goes_on(twin, "mdx2")


def test_a_signer_that_certifies_nobody_goes_back(runs: Runs) -> None:
    twin, before = runs.twin, state(runs.twin, "ca1")
    run = runs.site(*changed("ca1", certificate_authority_minutes=9), hold_at=ASKING)
    run.held()
    twin("exec", "ca1", "--", "sed", "-i", "s/sato/satou/", "/etc/kakehashi/authority/policy.json")
    assert not goes_on(twin, "mdx1"), "a mistake that locks nobody out shows nothing"
    run.go()
    said = in_words(run)
    assert "ca1 certifies nobody: ca1 gave none (refused: login1 has no account sato)" in said
    assert f"(task {ASKING})" in said
    assert sorted(set(before) ^ set(state(twin, "ca1"))) == []
    assert goes_on(twin, "mdx1")


def test_a_login_server_that_takes_no_account_goes_back(runs: Runs) -> None:
    before = state(runs.twin, "login1")
    run = runs.site(*changed("login1", login_restriction_max_sessions=8), hold_at=BEFORE_PROVING)
    run.held()
    runs.twin("exec", "login1", "--", "rm", "/etc/ssh/authorized_keys.d/sato")
    run.go()
    said = in_words(run)
    assert (
        "an account that may log in here did not get in with its own key: sato at 192.0.2.10: sshd took none of the keys" in said
    )
    assert sorted(set(before) ^ set(state(runs.twin, "login1"))) == []


def test_right_changes_are_kept_once_that_is_proved(runs: Runs) -> None:
    run = runs.site(*changed("login1:ca1", certificate_authority_minutes=8, login_restriction_max_sessions=8))
    printed = run.end()
    assert run.process.returncode == 0, printed
    assert {"Log in as an ordinary account, with its own key", ASKING} <= set(run.names)
    assert "could be tried" not in printed
