"""Mistakes that lock everybody out, on a real twin: each host undoes its own, without the controller, and says so."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.twin.changing import fresh_login, pending, settled, state, wait_for
from tests.twin.lockouts import MORE_ROUNDS, ROUNDS, Mistake, cases
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
SHORTEST = int(os.environ.get("KAKEHASHI_CHANGE_SECONDS", "30"))  # of the timer, in seconds
LONGEST = 480  # where a busy machine takes longer to make the mistakes, a round is gone through again with twice the seconds
LATE = 90  # seconds that arming, a timer and a start may take together on a busy machine
HANGS = 10  # seconds that a login takes to fail where nothing answers
MADE = "var/tmp/mistake-made"
HOSTS = ("mdx1", "mdx2", "infra1", "data1", "login1")
SKEWED = "/opt/skewed"
# A python whose wall clock is wrong: the one process has it, as with a clock that was never set.
SKEW = """
mkdir -p {room}
printf '#!/bin/sh\\nPYTHONPATH={room} exec /usr/bin/python3 "$@"\\n' >{room}/python3; chmod 755 {room}/python3
printf '%s\\n' 'import time' 'right, parts = time.time, time.gmtime' 'time.time = lambda: right() + {seconds}' \
    'time.gmtime = lambda at=None: parts(time.time() if at is None else at)' >{room}/sitecustomize.py
"""


@dataclass
class Round:
    """What was seen of a round, by host, and the timer's seconds in it."""

    seconds: int
    locked_out: dict[str, str]
    after: dict[str, list[str]] = field(default_factory=dict)
    reachable: dict[str, bool] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: str = ""


@dataclass
class Sweep:
    """All rounds, and the state of each host before them."""

    before: dict[str, list[str]]
    rounds: list[Round] = field(default_factory=list)


def run(twin: Validated, scripts: dict[str, str], seconds: int, interpreters: dict[str, str] | None = None) -> str:
    more = json.dumps({"scripts": scripts, "interpreters": interpreters or {}, "change_seconds": seconds, "made": f"/{MADE}"})
    done = twin.playbook("../tests/twin/changes/lockout", "-e", more)
    assert done.stdout, done.stderr
    return str(done.stdout)


def try_in(twin: Validated, host: str) -> str | None:
    """Return ssh's or sudo's words when a fresh login fails after the mistake; empty if it gets in.

    ``None``: the host was back before anybody could find out, since the mistake was made too late or not at all.
    """
    made = twin.state / "nodes" / host / "upper" / MADE
    wait_for(f"{host} armed", lambda: pending(twin, host))
    wait_for(f"the mistake on {host}", lambda: made.exists() or not pending(twin, host))
    # An sshd that reloads may answer once more by the rules of before.
    got_in = 0
    while made.exists() and pending(twin, host):
        done = fresh_login(twin, host, HANGS - 2)
        if done.returncode != 0:
            return done.stderr or "no words"
        got_in += pending(twin, host)
    return "" if got_in > 1 else None


def lock_out(twin: Validated, mistakes: list[Mistake], seconds: int) -> tuple[dict[str, str | None], str]:
    """Make the mistakes and return how a fresh login to each host failed, and what the run printed."""
    for mistake in mistakes:
        if mistake.prepare:
            twin("exec", mistake.host, "--", "bash", "-e", "-s", text=mistake.prepare)
        if mistake.clock:
            twin("exec", mistake.host, "--", "bash", "-s", text=SKEW.format(room=SKEWED, seconds=mistake.clock))
    skewed = {m.host: f"{SKEWED}/python3" for m in mistakes if m.clock}
    with ThreadPoolExecutor() as pool:
        made = pool.submit(run, twin, {m.host: m.script for m in mistakes}, seconds, skewed)
        found = dict(zip([m.host for m in mistakes], pool.map(lambda m: try_in(twin, m.host), mistakes), strict=True))
        printed = made.result()
    assert "FAILED!" not in printed, printed
    for mistake in mistakes:
        if mistake.power_cut:
            twin("stop", mistake.host, "--power-cut")
            twin("start", mistake.host)
    return found, printed


def undone(twin: Validated, mistakes: tuple[Mistake, ...], seconds: int) -> tuple[Round, str]:
    """Go through one round, again with more seconds where they were too few; return what was seen, and what its runs told."""
    told = ""
    while seconds <= LONGEST:
        # The others are reached through the login server, so its own turn comes when they were tried.
        behind = [m for m in mistakes if m.host != "login1"]
        found, first = lock_out(twin, behind, seconds)
        more, second = lock_out(twin, [m for m in mistakes if m.host == "login1"], seconds)
        told += first + second
        for mistake in mistakes:
            wait_for(f"{mistake.host} undone", partial(settled, twin, mistake.host))
        words = {host: said for host, said in {**found, **more}.items() if said is not None}
        seen = looked_at(twin, mistakes, Round(seconds, words)) if len(words) == len(mistakes) else None
        for mistake in mistakes:
            if mistake.prepare:
                twin("exec", mistake.host, "--", "umount", "--lazy", "/etc")
            if mistake.clock:
                twin("exec", mistake.host, "--", "rm", "-r", SKEWED)
        if seen:
            return seen, told
        seconds *= 2
    raise AssertionError(f"in {seconds // 2} s of the timer nobody could find out who was locked out: {words}")


def looked_at(twin: Validated, mistakes: tuple[Mistake, ...], seen: Round) -> Round:
    """Look at the hosts, each of which was put back."""
    for mistake in mistakes:
        seen.after[mistake.host] = state(twin, mistake.host)
        seen.reachable[mistake.host] = fresh_login(twin, mistake.host).returncode == 0
        text = twin("exec", mistake.host, "--", "sh", "-c", "cat /var/lib/kakehashi-change/reverted/*/result.json")
        seen.results[mistake.host] = json.loads(text)
    return seen


def swept(twin: Validated, rounds: tuple[tuple[Mistake, ...], ...]) -> Sweep:
    start = time.monotonic()
    run(twin, dict.fromkeys(HOSTS, ""), 600)  # what arming leaves for good is there before
    # A run of a round gets to its mistakes in less time than this one took to its end, and a login must fail before the timer.
    seconds = max(SHORTEST, round(time.monotonic() - start) + HANGS)
    sweep = Sweep({host: state(twin, host) for host in HOSTS})
    for mistakes in rounds:
        seen, told = undone(twin, mistakes, seconds)
        seconds = seen.seconds
        if sweep.rounds:
            sweep.rounds[-1].told = told
        sweep.rounds.append(seen)
    sweep.rounds[-1].told = run(twin, dict.fromkeys(HOSTS, ""), 600)
    return sweep


@pytest.fixture(scope="module")
def sweep(converged: Validated) -> Sweep:
    """The rounds of every test run."""
    return swept(converged, ROUNDS)


@pytest.fixture(scope="module")
def more(converged: Validated) -> Sweep:
    """The rounds of `make soak`."""
    return swept(converged, MORE_ROUNDS)


def check(sweep: Sweep, number: int, mistake: Mistake) -> None:
    seen, host = sweep.rounds[number], mistake.host
    assert seen.locked_out[host], "a mistake that locks nobody out shows nothing"
    assert seen.reachable[host]
    assert sorted(set(sweep.before[host]) ^ set(seen.after[host])) == []
    assert f"{host}: the change of" in seen.told
    result = seen.results[host]
    assert result["why"] == ("boot" if mistake.power_cut else "timer")
    assert not result["problems"]
    took = (when(result["when"]) - when(result["id"].split("-")[0])).total_seconds()
    if mistake.clock:
        assert abs(took + mistake.clock - sweep.rounds[number].seconds) < LATE, "the timer went by the wall clock"
    else:
        assert took < sweep.rounds[number].seconds + LATE


def when(text: str) -> datetime:
    return datetime.strptime(text.replace("-", "").replace(":", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def ids(case: object) -> str | None:
    return f"{case.host}: {case.name}" if isinstance(case, Mistake) else None


@pytest.mark.parametrize(("number", "mistake"), cases(ROUNDS), ids=ids)
def test_the_host_comes_back_by_itself_as_it_was_and_says_why(sweep: Sweep, number: int, mistake: Mistake) -> None:
    check(sweep, number, mistake)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "mistake"), cases(MORE_ROUNDS), ids=ids)
def test_the_host_comes_back_from_more(more: Sweep, number: int, mistake: Mistake) -> None:
    check(more, number, mistake)


def test_why_is_told_in_words(sweep: Sweep) -> None:
    told = "".join(seen.told for seen in sweep.rounds)
    assert "because nobody confirmed it in time" in told
    assert "because the host was restarted before it was confirmed" in told
