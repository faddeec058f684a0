"""Runs of site.yml that end badly: killed, disturbed by others, without room, or losing a host. Nothing stays in between."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.twin.changing import (
    ARMED,
    BEFORE_CONFIRMATION,
    BETWEEN_ROLES,
    Run,
    Runs,
    cut_shared_connections,
    fresh_login,
    in_order,
    is_after,
    pending,
    policy,
    settled,
    state,
    wait_for,
    wanted,
)
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
BEFORE_THE_RULESET = "packet_filter : Load the ruleset"
# Where the run on each host is killed in every test run; `make soak` has all boundaries.
SAMPLE = {
    "mdx1": BETWEEN_ROLES,
    "mdx2": BEFORE_CONFIRMATION,
    "infra1": "login_restriction : Reload sshd",
    "data1": "Log in afresh",
}
# Seconds until runs that are killed or held there are undone: at least so many, and MORE times what a run just took to get there,
# since four at once and other tests' beside them take longer.
HELD, SHORT, MORE = 120, 60, 4


def enough(run: Run, last: str, least: int) -> int:
    """Seconds in which a run like this one gets from arming to a task, on a machine that is busier by then."""
    return max(least, round(MORE * run.took(ARMED, last)))


@pytest.fixture(scope="module")
def runs(converged: Validated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs on the twin, which is converged again afterwards."""
    yield Runs(converged, tmp_path_factory.mktemp("runs"))
    converged.converge()


@pytest.fixture(scope="module")
def killed(runs: Runs) -> dict[str, tuple[list[str], list[str]]]:
    """The state of each host of the sample before its run was killed, and when its change was over."""
    twin = runs.twin
    first = runs.site(*wanted(20, ",".join(SAMPLE)))
    in_order(first)  # what arming leaves for good is there before
    seconds = enough(first, BEFORE_CONFIRMATION, HELD)
    before = {host: state(twin, host) for host in SAMPLE}
    started = [runs.site(*wanted(21, host, seconds), kill_at=where) for host, where in SAMPLE.items()]
    assert [run.killed for run in started] == [True] * len(started), started[0].end()
    cut_shared_connections(twin)  # the whole controller is gone
    for host in SAMPLE:
        wait_for(f"{host} undone", partial(settled, twin, host))
    return {host: (before[host], state(twin, host)) for host in SAMPLE}


@pytest.mark.parametrize("host", SAMPLE)
def test_a_killed_run_leaves_the_host_as_it_was(killed: dict[str, tuple[list[str], list[str]]], runs: Runs, host: str) -> None:
    before, after = killed[host]
    assert sorted(set(before) ^ set(after)) == []
    assert fresh_login(runs.twin, host).returncode == 0


@pytest.mark.usefixtures("killed")
def test_the_next_run_after_a_killed_one_converges(runs: Runs) -> None:
    printed = in_order(runs.site(*wanted(21, ",".join(SAMPLE))))
    assert printed.count("because nobody confirmed it in time") >= len(SAMPLE), printed
    for host in SAMPLE:
        assert is_after(policy(runs.twin, host), 21), host


def test_the_next_run_undoes_what_a_killed_one_holds_and_converges(runs: Runs) -> None:
    before = policy(runs.twin, "mdx1")
    assert runs.site(*wanted(22, "mdx1", 3600), kill_at=BEFORE_CONFIRMATION).killed
    assert pending(runs.twin, "mdx1")
    assert is_after(policy(runs.twin, "mdx1"), 22)
    held = runs.site(*wanted(23, "mdx1"), hold_at="base : Have exactly the declared users and administrators")
    held.held()
    try:
        assert policy(runs.twin, "mdx1") == before, "undone before anything new is done"
    finally:
        held.go()
    assert "an earlier change was found held by a run that is over, and undone first" in in_order(held)
    assert is_after(policy(runs.twin, "mdx1"), 23)


@pytest.fixture(scope="module")
def disturbed(runs: Runs) -> dict[str, str]:
    """What was printed by a run, and by another operator's, when meanwhile one host lost power and one an account's key."""
    twin = runs.twin
    hosts = "mdx1,mdx2,data1"  # none that serves packages: that one's turn is before the others'
    in_order(runs.site(*wanted(30, hosts)))
    before = {host: state(twin, host) for host in hosts.split(",")}
    first = runs.site(*wanted(31, hosts), hold_at="Prove the way in", environment={"LOGNAME": "aoki"})
    first.held()
    seen = policy(twin, "data1")
    second = runs.site(*wanted(32, "data1"), environment={"LOGNAME": "ueda"})
    found = {"second": second.end(), "second changed": str(policy(twin, "data1") != seen)}
    twin("stop", "mdx2", "--power-cut")
    twin("exec", "mdx1", "--", "rm", "/etc/ssh/authorized_keys.d/sato")
    first.go()
    found["first"] = first.end()
    twin("start", "mdx2")
    for host in ("mdx1", "mdx2"):
        found[f"{host} differs"] = ", ".join(sorted(set(before[host]) ^ set(state(twin, host))))
    return found


def test_a_second_operator_is_told_who_holds_the_change_and_changes_nothing(disturbed: dict[str, str]) -> None:
    assert "aoki on " in disturbed["second"]
    assert "holds a change of this host since" in disturbed["second"]
    assert "data1: aoki on" in disturbed["second"].replace("\n", " ") or "Nothing was changed" in disturbed["second"]
    assert disturbed["second changed"] == "False"


def test_a_failed_proof_undoes_the_change_at_once_and_says_what_failed(disturbed: dict[str, str]) -> None:
    said = " ".join(disturbed["first"].split())
    assert "(task Log in as an ordinary account, by the real path)" in said
    assert "things were put back as they were before this run" in said
    assert disturbed["mdx1 differs"] == ""


def test_a_host_that_loses_power_in_mid_run_is_named_and_undoes_its_change_at_the_next_start(disturbed: dict[str, str]) -> None:
    said = " ".join(disturbed["first"].split())
    assert "mdx2 went out of reach in the middle of its change, which is not kept" in said
    assert disturbed["mdx2 differs"] == ""


def test_the_others_go_on(disturbed: dict[str, str], runs: Runs) -> None:
    assert "data1 went out of reach" not in disturbed["first"]
    assert is_after(policy(runs.twin, "data1"), 31)


def test_a_host_that_answers_a_forbidden_origin_undoes_its_change(runs: Runs) -> None:
    twin = runs.twin
    before = policy(twin, "mdx1")
    run = runs.site(*wanted(35, "mdx1"), hold_at="Knock from where nobody may come")
    run.held()
    twin("exec", "mdx1", "--", "nft", "insert", "rule", "inet", "kakehashi", "input", "tcp", "dport", "22", "accept")
    run.go()
    printed = " ".join(run.end().split())
    assert "(task Knock from where nobody may come)" in printed, printed
    assert "things were put back as they were before this run" in printed
    assert policy(twin, "mdx1") == before


def test_a_run_that_takes_longer_than_its_time_writes_nothing_more(runs: Runs) -> None:
    """Were the ruleset loaded after the timer had put the host back, nothing would undo it any more."""
    twin = runs.twin
    first = runs.site(*wanted(37, "mdx2"))
    in_order(first)
    seconds = enough(first, BEFORE_THE_RULESET, SHORT)
    before = state(twin, "mdx2")
    run = runs.site(*wanted(38, "mdx2", seconds), hold_at=BEFORE_THE_RULESET)
    run.held()
    wait_for("mdx2 undone by its timer", lambda: not pending(twin, "mdx2"))
    # What a module that doesn't look would write now.
    twin("exec", "mdx2", "--", "sh", "-c", "echo '# late' >>/etc/ssh/sshd_config; nft add table inet late")
    run.go()
    printed = " ".join(run.end().split())
    assert run.process.returncode != 0, printed
    assert "the time of this change (change_seconds) was over before this task" in printed, printed
    assert "(task Load the ruleset)" in printed
    assert "The host had gone back before" in printed
    assert "what was written after that was put back, too: put /etc/ssh/sshd_config back" in printed, printed
    assert sorted(set(before) ^ set(state(twin, "mdx2"))) == []
    assert fresh_login(twin, "mdx2").returncode == 0


def test_a_full_disk_on_arming_changes_nothing_and_is_one_sentence(runs: Runs) -> None:
    twin, room = runs.twin, "/var/lib/kakehashi-change"
    before = state(twin, "mdx1")
    twin("exec", "mdx1", "--", "mount", "-t", "tmpfs", "-o", "mode=700,size=64k", "tmpfs", room)
    try:
        printed = runs.site(*wanted(40, "mdx1")).end()
    finally:
        twin("exec", "mdx1", "--", "umount", room)
    assert "nothing was armed and nothing changed: " in printed, printed
    assert "No space left on device" in printed
    assert "Traceback" not in printed
    assert state(twin, "mdx1") == before
