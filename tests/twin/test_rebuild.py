"""Every login server is lost and made anew, empty: docs/rebuild.md brings the fabric back, and lost keys open nothing."""

from __future__ import annotations

import pytest

from tests.twin.changing import cut_shared_connections
from tests.twin.rotating import AUTHORITY, DATA_KEYS, ONWARD, Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity]
SIGNING = "/etc/kakehashi/signing/id_ed25519"
ASKS = "/etc/ssh/authorized_keys_sign.d/kakehashi-sign"


def lose(twin: Rotating, host: str) -> None:
    """A machine is gone; another one of its name and addresses stands there, whose new host key operators took over by hand."""
    twin("stop", host, "--power-cut")
    for half in ("", ".pub"):
        (twin.state / f"keys/host-{host}{half}").unlink()
    twin.up()
    cut_shared_connections(twin)


@pytest.fixture(scope="module")
def rebuilt(rotating: Rotating) -> tuple[Rotating, dict[str, str]]:
    """The twin after the rebuild, and public keys of before."""
    before = {path: rotating.key("login1", path) for path in (ONWARD, SIGNING)}
    before["authority"] = rotating.key("ca1", AUTHORITY)
    rotating.carry_key("lost")
    assert rotating.opens_data("lost")
    lose(rotating, "login1")
    assert rotating.attempt("exec", "login1", "--", "test", "-e", "/etc/kakehashi").returncode != 0
    rotating.converge()
    return rotating, before


def test_accounts_go_on_by_new_keys(rebuilt: tuple[Rotating, dict[str, str]]) -> None:
    twin, before = rebuilt
    assert twin.goes_on()
    assert twin.key("login1", ONWARD) != before[ONWARD]
    assert twin.key("ca1", AUTHORITY) == before["authority"]


def test_the_signer_knows_the_new_signing_key_only(rebuilt: tuple[Rotating, dict[str, str]]) -> None:
    twin, before = rebuilt
    now = twin.key("login1", SIGNING)
    assert now != before[SIGNING]
    assert twin.taken("ca1", ASKS) == [now]


def test_lost_onward_keys_open_no_data_and_new_ones_do(rebuilt: tuple[Rotating, dict[str, str]]) -> None:
    twin, _before = rebuilt
    assert twin.taken("data1", DATA_KEYS) == [twin.key("login1", ONWARD)]
    twin.carry_key("made")
    assert (twin.opens_data("lost"), twin.opens_data("made")) == (False, True)


def test_validation_finds_no_difference(rebuilt: tuple[Rotating, dict[str, str]]) -> None:
    evidence, printed = rebuilt[0].evidence("validate")
    assert (evidence["differences"], evidence["drift"], evidence["holds"]) == ([], [], True), printed


def test_another_run_changes_nothing(rebuilt: tuple[Rotating, dict[str, str]]) -> None:
    done = rebuilt[0].playbook("site")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if "changed=" in line and "changed=0 " not in line] == []
