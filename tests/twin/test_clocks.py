"""Clocks that are wrong, on a fabric with a signer: told before anything is armed, and refused where certificates would fail."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twin.changing import ARMED, Runs, pending, state
from tests.twin.rotating import Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity]
HOSTS = ("login1", "ca1", "mdx1", "data1", "infra1")
DATE = "/usr/local/bin/date"
# The machines of a twin share one clock, so the program that is asked shows another time.
WRONG = f'printf \'#!/bin/sh\\nexec /usr/bin/date -d "%+d seconds" "$@"\\n\' {{seconds}} >{DATE}; chmod 755 {DATE}'


@pytest.fixture
def runs(rotating: Rotating, tmp_path: Path) -> Runs:
    """Runs on the twin, none of which gets as far as changing anything."""
    return Runs(rotating, tmp_path)


@contextlib.contextmanager
def wrong(runs: Runs, host: str, seconds: int) -> Iterator[None]:
    """Have a host's clock be wrong for who asks."""
    runs.twin("exec", host, "--", "sh", "-c", WRONG.format(seconds=seconds))
    try:
        yield
    finally:
        runs.twin("exec", host, "--", "rm", "-f", DATE)


@pytest.mark.parametrize(("host", "seconds", "words"), [("ca1", -600, "behind"), ("login1", 600, "ahead")])
def test_a_clock_by_which_certificates_fail_is_refused_before_anything_is_armed(
    runs: Runs, host: str, seconds: int, words: str
) -> None:
    before = {name: state(runs.twin, name) for name in HOSTS if name != host}
    with wrong(runs, host, seconds):
        seen = state(runs.twin, host)
        run = runs.site()
        said = " ".join(run.end().split())
        assert state(runs.twin, host) == seen
    assert run.process.returncode != 0, said
    assert f"Nothing was changed on any host: the clock of {host} is 5" in said, said
    assert f" s {words}, by this machine's clock" in said
    assert "timedatectl" in said
    assert "Traceback" not in said
    assert [name for name in run.names if name.endswith(ARMED)] == []
    assert [name for name in HOSTS if pending(runs.twin, name)] == []
    assert {name: state(runs.twin, name) for name in before} == before


def seconds_of(host: str, said: str) -> int:
    """Return by how much a clock is said to be wrong."""
    found = re.search(rf"the clock of {host} is (\d+) s ", said)
    assert found, said
    return int(found[1])


def test_a_run_that_bears_it_and_one_of_a_node_arm_and_tell(runs: Runs) -> None:
    with wrong(runs, "ca1", 600), wrong(runs, "mdx1", 7200):
        run = runs.site("-e", "change_clock_skew_seconds=620", kill_at=ARMED)
        assert run.killed, run.end()
        said = " ".join(run.end().split())
    # At least so many, however long it takes to be told.
    assert 500 <= seconds_of("ca1", said) <= 600, said
    assert 7100 <= seconds_of("mdx1", said) <= 7200, said
    assert "certificates and codes may be refused there" in said


def test_right_clocks_are_not_spoken_of(runs: Runs) -> None:
    run = runs.site(kill_at=ARMED)
    assert run.killed, run.end()
    assert "the clock of" not in run.end()
    assert "machine's clock" not in run.end()
