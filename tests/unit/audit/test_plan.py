"""Plans: what is covered, and the sentence for each plan that can't be meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from module_utils.audit.logins import Login
from module_utils.audit.plan import NO_WINDOW, People, PlanError, Unplanned, unplanned, windows

PEOPLE, HOSTS, GROUPS = ("aoki", "ueda"), ("login1", "mdx1", "mdx2"), {"mdx_nodes": ("mdx1", "mdx2")}
ALL = People(
    frozenset({"sato"}), frozenset(PEOPLE), frozenset({"mori"}), frozenset({"mdxuser"}), "kakehashi-sign", frozenset({"sign1"})
)
GOOD: dict[str, Any] = {
    "name": "firmware",
    "begin": "2026-12-01T01:00:00+09:00",
    "end": "2026-12-01T05:00:00+09:00",
    "operators": ["aoki"],
    "hosts": ["mdx1"],
}


def login(user: str, host: str, hour: int) -> Login:
    """A login at an hour (UTC) of the day before the plan's morning."""
    return Login(user, host, "192.0.2.70", 1, int(datetime(2026, 11, 30, hour, tzinfo=UTC).timestamp() * 1_000_000))


def test_a_login_is_covered_by_its_window() -> None:
    planned = windows([GOOD], PEOPLE, HOSTS, GROUPS)
    seen = [login("aoki", "mdx1", 17), login("aoki", "login1", 17), login("sato", "mdx1", 3)]
    assert unplanned(seen, planned, ALL, {"mdx1": ("login1",)}) == []


@pytest.mark.parametrize(
    ("user", "host", "hour"), [("ueda", "mdx1", 17), ("aoki", "mdx2", 17), ("aoki", "mdx1", 21), ("aoki", "mdx1", 15)]
)
def test_another_person_host_or_time_is_not(user: str, host: str, hour: int) -> None:
    planned = windows([GOOD], PEOPLE, HOSTS, GROUPS)
    seen = login(user, host, hour)
    assert unplanned([seen], planned, ALL, {"mdx1": ("login1",)}) == [Unplanned(seen, NO_WINDOW)]


def test_hosts_may_be_groups_and_none_means_all() -> None:
    assert windows([{**GOOD, "hosts": ["mdx_nodes"]}], PEOPLE, HOSTS, GROUPS)[0].hosts == ("mdx1", "mdx2")
    everywhere = windows([{k: v for k, v in GOOD.items() if k != "hosts"}], PEOPLE, HOSTS)
    assert unplanned([login("aoki", "login1", 18)], everywhere, ALL, {}) == []


def test_an_empty_plan_covers_nothing() -> None:
    seen = login("aoki", "login1", 18)
    assert unplanned([seen], windows([], PEOPLE, HOSTS), ALL, {}) == [Unplanned(seen, NO_WINDOW)]


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("root", "root, who is no person"),
        ("mdxuser", "the shared user of an image, who is no person"),
        ("mori", "an account that is declared absent"),
        ("kondo", "no account and no operator of this name is declared"),
        ("kakehashi-sign", "no account and no operator of this name is declared"),
    ],
)
def test_whom_nobody_declares_is_unplanned_at_any_time(user: str, why: str) -> None:
    planned = windows([{k: v for k, v in GOOD.items() if k != "hosts"}], PEOPLE, HOSTS)
    seen = login(user, "mdx1", 17)
    assert unplanned([seen], planned, ALL, {}) == [Unplanned(seen, why)]


def test_login_servers_ask_signers_and_only_by_their_own_service() -> None:
    asked = replace(login("kakehashi-sign", "sign1", 17), service="sign")
    elsewhere, by_ssh = replace(asked, host="mdx1"), replace(asked, service="ssh")
    assert [n.login for n in unplanned([asked, elsewhere, by_ssh], (), ALL, {})] == [elsewhere, by_ssh]


SHAPE = "write a list of windows {name, begin, end, operators, hosts}"
ZONE = "write it with its zone, in quotes, such as '2026-12-01T01:00:00+09:00'"
BAD = {
    "no list": ({"name": "x"}, f"the plan is no list: {SHAPE}"),
    "no mapping": (["tomorrow"], f"window 1 of the plan is no mapping: {SHAPE}"),
    "no end": ([{**GOOD, "end": None}], f"window firmware has no end: {SHAPE}"),
    "nobody": ([{**GOOD, "operators": []}], f"window firmware has no operators: {SHAPE}"),
    "no name": ([{**GOOD, "name": ""}], f"window 1 of the plan has no name: {SHAPE}"),
    "strange key": (
        [{**GOOD, "who": "aoki"}],
        "window firmware has who, which means nothing here: use name, begin, end, operators, hosts, reason, drill",
    ),
    "backwards": ([{**GOOD, "end": GOOD["begin"]}], "window firmware ends before it begins: correct begin or end"),
    "stranger": (
        [{**GOOD, "operators": ["sato"]}],
        "window firmware names sato, who is no operator: use names of fabric_operators",
    ),
    "unknown host": (
        [{**GOOD, "hosts": ["mdx9"]}],
        "window firmware names mdx9, which is no managed host and no group: use names of the inventory",
    ),
    "one name": ([{**GOOD, "operators": "aoki"}], "window firmware: operators is no list of names: write [one, another]"),
    "no time": ([{**GOOD, "begin": "tonight"}], f"window firmware: begin 'tonight' is no time: {ZONE}"),
    "a number": ([{**GOOD, "begin": 5}], f"window firmware: begin 5 is no time: {ZONE}"),
    "no zone": ([{**GOOD, "begin": "2026-12-01T01:00:00"}], f"window firmware: begin 2026-12-01T01:00:00 has no zone: {ZONE}"),
    "twice": ([GOOD, GOOD], "window firmware stands in the plan twice: give each its own name"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plan_is_one_sentence(name: str) -> None:
    data, words = BAD[name]
    with pytest.raises(PlanError) as caught:
        windows(data, PEOPLE, HOSTS, GROUPS)
    assert str(caught.value) == words


def test_times_that_yaml_knows_keep_their_zone() -> None:
    data = yaml.safe_load("[{name: a, begin: 2026-12-01T01:00:00+09:00, end: 2026-12-01T05:00:00Z, operators: [aoki]}]")
    assert windows(data, PEOPLE, HOSTS)[0].begin == windows([GOOD], PEOPLE, HOSTS)[0].begin
