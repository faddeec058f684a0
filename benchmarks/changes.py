"""What it costs that a change of access undoes itself unless it is confirmed: the same change of 14 hosts with and without."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count

from .figures import Figure, figure, timed
from .twins import BenchmarkError, ansible, twin

SOURCES = ("inventories/twin", "benchmarks/more_hosts")
HOSTS = 14
RUNS = 3
BAR = 2
_numbers = count(20)


def figures(name: str) -> Iterator[Figure]:
    """Yield the figures on the twin ``name``, which gets more hosts for it. Raises ``BenchmarkError``.

    Each run changes one line of sshd's configuration and one of the ruleset on every managed host.
    """
    twin("up", name, *(word for source in SOURCES for word in ("-i", source)))
    _site(name, confirmed=True)
    without: list[float] = []
    confirmed: list[float] = []
    for _ in range(RUNS):
        without += timed(lambda: _site(name, confirmed=False), 1)
        confirmed += timed(lambda: _site(name, confirmed=True), 1)
    yield figure(f"site.yml that changes access on {HOSTS} hosts, nothing armed, proved or confirmed", "s", without)
    yield figure(f"site.yml that changes access on {HOSTS} hosts", "s", confirmed)
    yield figure("the same with / without confirmation", "times", [c / w for c, w in zip(confirmed, without, strict=True)], BAR)


def _site(name: str, *, confirmed: bool) -> None:
    number = next(_numbers)
    values = {
        "login_restriction_max_sessions": number,
        "packet_filter_log_rate": f"{number}/minute",
        "change_benchmark_without_way_back": not confirmed,
    }
    printed = ansible(name, SOURCES, "ansible-playbook", "playbooks/site.yml", "-e", json.dumps(values))
    changed = re.findall(r"^(\S+) .*changed=[1-9]\d*", printed, re.MULTILINE)
    if len(changed) != HOSTS:
        raise BenchmarkError(f"a run that should change {HOSTS} hosts changed {len(changed)}: {', '.join(changed)}")
