from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from callback_plugins.lost_changes import CallbackModule


def result(host: str, action: str = "confirmed_change", **found: Any) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=host), task=SimpleNamespace(action=action), result=found)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.display", lambda _self, text, **_options: lines.append(text))
    return lines


def test_a_host_lost_between_arming_and_confirming_is_told_of(said: list[str]) -> None:
    callback = CallbackModule()
    for host in ("mdx1", "mdx2", "mdx3"):
        callback.v2_runner_on_ok(result(host, id="x", ends_in=600))
    callback.v2_runner_on_ok(result("mdx1", "command", rc=0))
    callback.v2_runner_on_unreachable(result("mdx1", "command"))
    callback.v2_runner_on_unreachable(result("mdx1"))
    callback.v2_runner_on_ok(result("mdx2", changed_paths=[], changed_running=[]))
    callback.v2_runner_on_unreachable(result("mdx2", "command"))
    callback.v2_runner_on_unreachable(result("data1", "command"))
    callback.v2_playbook_on_stats(None)
    [line] = said
    assert line.startswith("mdx1 went out of reach in the middle of its change, which is not kept")
    assert "600 s after the change began" in line


def test_what_an_interrupted_run_leaves_is_told_by_the_process_that_had_it(said: list[str]) -> None:
    callback = CallbackModule()
    callback.v2_runner_on_ok(result("mdx1", id="x", ends_in=600))
    callback._interrupted(os.getpid() + 1)
    assert said == []
    callback._interrupted(os.getpid())
    [line] = said
    assert line.startswith("mdx1 was in the middle of its change when the run was interrupted")


def test_a_run_that_ends_has_left_nothing(said: list[str]) -> None:
    callback = CallbackModule()
    callback.v2_runner_on_ok(result("mdx1", id="x", ends_in=600))
    callback.v2_playbook_on_stats(None)
    callback._interrupted(os.getpid())
    assert said == []


def test_one_that_was_undone_after_all_is_not(said: list[str]) -> None:
    callback = CallbackModule()
    callback.v2_runner_on_ok(result("mdx1", id="x", ends_in=600))
    callback.v2_runner_on_unreachable(result("mdx1", "command"))
    callback.v2_runner_on_ok(result("mdx1", result={"done": ["x"]}))
    callback.v2_playbook_on_stats(None)
    assert said == []
