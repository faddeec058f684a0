"""A second login server is a host more in the inventory; with one off people and operators go by the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.twin.conftest import after_site
from tests.twin.machine import named
from tests.twin.rotating import PATIENCE, Rotating

pytestmark = [pytest.mark.twin, pytest.mark.slow]  # minutes, of which the whole test has few left
FIRST, SECOND = "192.0.2.10", "192.0.2.11"
ALTERED, BY_HAND = "/etc/security/access.conf", "# by hand"
ALONE = ("-n", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={PATIENCE}")
LEARNING = ("-F", "none", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=accept-new")


class Two(Rotating):
    """The twin of rotations with another login server."""

    inventories = (*Rotating.inventories, Path(__file__).parent / "two")

    def account(self, address: str) -> str:
        """What sato sees who logs in from an institution and goes on to mdx1."""
        on = f"ssh {' '.join(ALONE)} mdx1 'id -un; hostname'"
        words = ("ssh", *ALONE, *LEARNING, "-i", "/run/sato", f"sato@{address}", on)
        return self.attempt("exec", "inst-a1", "--", *words).stdout

    def operator(self, host: str, config: Path) -> CompletedProcess[str]:
        """Log in as an operator by the configuration that show.yml writes."""
        return self.attempt("run", "--", "ssh", "-F", str(config), *ALONE, host, "hostname")


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    """The twin after site.yml, with sato's own key at an institution."""
    with after_site(Two(named("two"))) as twin:
        key = (twin.state / "keys/account-sato").read_text()
        twin("exec", "inst-a1", "--", "sh", "-c", "umask 077; cat >/run/sato", text=key)
        yield twin


@pytest.fixture(scope="module")
def config(two: Two, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What show.yml writes for operators' ssh, with the twin's words about keys."""
    place = tmp_path_factory.mktemp("show")
    done = two.playbook("show", "-e", f"show_directory={place}")
    assert done.returncode == 0, done.stdout + done.stderr
    mine = (two.state / "ssh/config-fresh").read_text()
    path = place / "ssh_config"
    path.write_text(path.read_text() + mine[mine.index("Host *\n") :])
    return path


def test_both_let_people_on_and_nothing_is_open_beyond_what_is_declared(two: Two) -> None:
    assert [two.account(address) for address in (FIRST, SECOND)] == ["sato\nmdx1\n"] * 2
    evidence, printed = two.evidence("validate")
    assert (evidence["differences"], evidence["drift"], evidence["holds"]) == ([], [], True), printed


def test_with_the_first_off_people_and_operators_go_by_the_second(two: Two, config: Path) -> None:
    two("stop", "login1", "--power-cut")
    try:
        assert (two.account(FIRST), two.account(SECOND)) == ("", "sato\nmdx1\n")
        reached = {host: two.operator(host, config).stdout for host in ("login2", "mdx1", "data1", "ca1")}
        assert reached == {host: f"{host}\n" for host in reached}
    finally:
        two.up()


def test_changes_end_at_a_login_server_that_is_off_and_touch_nothing_behind_it(two: Two) -> None:
    two("stop", "login2", "--power-cut")
    try:
        two("exec", "mdx1", "--", "sh", "-c", f"echo '{BY_HAND}' >>{ALTERED}")
        done = two.playbook("site", "-e", "change_seconds=120")
        assert done.returncode != 0
        recap = {line.split()[0]: line for line in done.stdout.splitlines() if "unreachable=" in line}
        assert "unreachable=1" in recap["login2"], done.stdout
        assert "unreachable=0" in recap["login1"], done.stdout
        assert "Hosts behind the login servers" not in done.stdout, done.stdout
        assert BY_HAND in two("exec", "mdx1", "--", "cat", ALTERED), "what would be put right there stays as it was"
        assert two.account(FIRST) == "sato\nmdx1\n"
    finally:
        two.up()
    two.converge()
    assert BY_HAND not in two("exec", "mdx1", "--", "cat", ALTERED)
    assert two.account(SECOND) == "sato\nmdx1\n"
