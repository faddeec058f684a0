"""The controller is killed before every task of a run that changes who gets in: each host is as before or after, and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from tests.twin.changing import (
    ARMED,
    BEFORE_CONFIRMATION,
    BETWEEN_ROLES,
    Run,
    Runs,
    fresh_login,
    in_order,
    is_after,
    policy,
    settled,
    wait_for,
    wanted,
)
from tests.twin.conftest import after_site
from tests.twin.machine import named
from tests.twin.validated import Validated

pytestmark = [pytest.mark.twin, pytest.mark.slow]
# A group kills a run on each of its hosts, waits for their timers, and runs once for all; meanwhile the others do the same.
GROUPS = (("mdx1", "mdx2", "mdx3", "mdx4"), ("mdx5", "mdx6", "mdx7", "mdx8"), ("mdx9", "mdx10", "mdx11", "mdx12"))
# Seconds until a run is undone: so many times what one took alone from arming to confirming, since so many run at once.
MORE = 10


class Many(Validated):
    """The validated twin with nodes for all groups."""

    inventories = (*Validated.inventories, Path(__file__).parent / "sweep")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs on a twin of their own."""
    with after_site(Many(named("sweep"))) as twin:
        yield Runs(twin, tmp_path_factory.mktemp("sweep"))


def test_killed_at_every_boundary(runs: Runs) -> None:
    """Each host takes its share of the boundaries."""
    run = watched(runs, 50)
    seconds = round(MORE * run.took(ARMED, BEFORE_CONFIRMATION))
    assert {BETWEEN_ROLES, BEFORE_CONFIRMATION} <= set(run.names)
    numbers = list(range(1, len(run.names) + 1))
    share = [numbers[i :: len(GROUPS)] for i in range(len(GROUPS))]
    print(f"{len(numbers)} boundaries, {seconds} s until a killed run is undone", flush=True)
    ended = Event()
    with ThreadPoolExecutor() as pool:
        try:
            wrong = list(pool.map(partial(sweep, runs, seconds=seconds, ended=ended), GROUPS, share))
        finally:
            ended.set()  # the pool waits for all; with Ctrl-C each ends at its next boundary
    assert [words for part in wrong for words in part] == []


def watched(runs: Runs, number: int) -> Run:
    """Return a run that changed both roles on a host."""
    host = GROUPS[0][0]
    in_order(runs.site(*wanted(number, ",".join(host for group in GROUPS for host in group))))
    run = runs.site(*wanted(number + 1, host))
    in_order(run)
    return run


def sweep(runs: Runs, hosts: Sequence[str], numbers: Sequence[int], *, seconds: int, ended: Event) -> list[str]:
    """Kill runs at these boundaries, as many at once as there are hosts, and run again; return in words what was wrong.

    Ends early once ``ended`` is set.
    """
    wrong = []
    for value, first in enumerate(range(0, len(numbers), len(hosts))):
        if ended.is_set():
            break
        now = numbers[first : first + len(hosts)]
        wrong += killed(runs, dict(zip(hosts, now, strict=False)), 60 + 2 * value, seconds)
        in_order(runs.site(*wanted(61 + 2 * value, ",".join(hosts))))
        stays = [host for host in hosts if not is_after(policy(runs.twin, host), 61 + 2 * value)]
        wrong += [f"{host}: after a run killed before one of {now} the next run doesn't converge" for host in stays]
        print(f"killed before {', '.join(map(str, now))}: {len(wrong)} wrong", flush=True)
    return wrong


def killed(runs: Runs, at: dict[str, int], value: int, seconds: int) -> list[str]:
    """Kill a run for each host before the task of this number, and return in words what was wrong once none holds a change."""
    wrong = []
    before = {host: policy(runs.twin, host) for host in at}
    started = {host: runs.site(*wanted(value, host, seconds), kill_at=str(number)) for host, number in at.items()}
    for host, run in started.items():
        name = f"{host}, before {at[host]}"
        if not run.killed:
            wrong.append(f"{name}: the run ended earlier: {run.end()}")
            continue
        wait_for(f"{name} ({run.names[-1]}) undone", partial(settled, runs.twin, host))
        now = policy(runs.twin, host)
        wrong += [f"{name} ({run.names[-1]}): in between"] if now != before[host] and not is_after(now, value) else []
        wrong += [f"{name} ({run.names[-1]}): not reachable"] if fresh_login(runs.twin, host).returncode else []
    return wrong
