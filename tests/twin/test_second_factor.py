"""Changes of a login server that asks accounts for a code, which no run has: they are proved as far as the question, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twin.by_hand import INVENTORY
from tests.twin.changing import Runs, settled
from tests.twin.machine import named
from tests.twin.validated import Validated

pytestmark = [pytest.mark.twin, pytest.mark.identity]
HERE = Path(__file__).parent / "factor"
KEYS = "/etc/ssh/authorized_keys.d"
TRIED = "Log in as an ordinary account, with its own key"
WITHOUT_KATO = """---
fabric_accounts:
  - {name: sato, uid: 3001, data_platforms: [nii], compute_platforms: [mdx], probe: true}
  - {name: kato, uid: 3004, data_platforms: [nii], compute_platforms: [mdx], state: absent}
"""


class Asking(Validated):
    """The survey's fabric, asking for codes."""

    inventories = (INVENTORY, HERE)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs on a twin of its own, on which nothing ran yet."""
    twin = Asking(named("factor"))
    try:
        twin.up()
        yield Runs(twin, tmp_path_factory.mktemp("runs"))
    finally:
        twin("down")


def asked(twin: Validated, user: str) -> str:
    """By what a user logs in to the login server from an institution, as sshd has it in force."""
    said = twin("exec", "login1", "--", "sshd", "-T", "-C", f"user={user},host=,addr=192.0.2.21")
    return next(line for line in said.splitlines() if line.startswith("authenticationmethods "))


def test_codes_are_asked_for_from_now_on_though_nobody_is_enrolled(runs: Runs) -> None:
    run = runs.site("--limit", "login1")
    printed = run.end()
    assert run.process.returncode == 0, printed
    assert TRIED in run.names
    assert "could be tried" not in printed
    assert settled(runs.twin, "login1")
    assert asked(runs.twin, "sato") == "authenticationmethods publickey,keyboard-interactive:pam"


def test_an_account_that_leaves_is_gone_for_good(runs: Runs, tmp_path: Path) -> None:
    twin, there = runs.twin, ("exec", "login1", "--", "test", "-e", f"{KEYS}/kato")
    assert twin.attempt(*there).returncode == 0
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "group_vars/all/people.yml").write_text(WITHOUT_KATO)
    (tmp_path / "hosts.yml").write_text("all: {}\n")
    run = runs.start(Path("playbooks/accounts.yml"), "-i", str(tmp_path), "--limit", "login1")
    printed = run.end()
    assert run.process.returncode == 0, printed
    assert TRIED in run.names
    assert "could be tried" not in printed
    assert twin.attempt(*there).returncode == 1
    assert settled(twin, "login1")
