from __future__ import annotations

from typing import Any

from module_utils.people.report import NOTHING, done_lines, people_results


def test_what_was_done_is_told_once_with_the_hosts() -> None:
    results: dict[str, dict[str, Any]] = {
        "login1": {"steps": ["remove sato", "create mori"]},
        "mdx1": {"steps": ["remove sato"]},
        "data1": {"steps": []},
    }
    assert done_lines(results) == ["remove sato: login1, mdx1", "create mori: login1"]


def test_nothing_done_is_said() -> None:
    assert done_lines({"login1": {"steps": []}}) == [NOTHING]
    assert done_lines({"login1": {"steps": []}}, check=True) == [NOTHING]


def test_check_mode_says_what_would_be() -> None:
    assert done_lines({"login1": {"steps": ["create mori"]}}, check=True) == [
        "Nothing was changed; this would be:",
        "create mori: login1",
    ]


def test_a_host_that_failed_is_named() -> None:
    (nothing, missing) = done_lines({"login1": {"steps": []}, "mdx1": None, "mdx2": None})
    assert nothing == NOTHING
    assert missing.startswith("NOT DONE on mdx1, mdx2: ")


def test_results_come_from_the_hosts_that_have_them() -> None:
    good: dict[str, Any] = {"steps": []}
    bad = {"msg": "could not remove sato", "failed": True}
    kept = {"change_confirmed": {"changed": True}}
    hostvars = {"login1": {"__base_people": good, **kept}, "mdx1": {"__base_people": bad, **kept}, "mdx2": kept}
    found = people_results(hostvars, ["login1", "mdx1", "mdx2", "data1"])
    assert found == {"login1": good, "mdx1": None, "mdx2": None, "data1": None}


def test_what_was_not_confirmed_was_not_done() -> None:
    done: dict[str, Any] = {"steps": ["remove sato"]}
    ends: list[dict[str, Any]] = [
        {},
        {"change_confirmed": {"skipped": True}},
        {"change_confirmed": {"failed": True, "msg": "over"}},
    ]
    hostvars = {f"mdx{number}": {"__base_people": done, **end} for number, end in enumerate(ends)}
    assert people_results(hostvars, list(hostvars)) == dict.fromkeys(hostvars)
    assert people_results(hostvars, list(hostvars), check=True) == dict.fromkeys(hostvars, done)
    assert done_lines(people_results(hostvars, ["mdx0"])) == [
        NOTHING,
        "NOT DONE on mdx0: see above why, mend that, then run this again; nothing of it holds there yet",
    ]
