"""What decides whether anybody gets in is proved before it is kept: the condition knows what the roles register."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
END = (ROOT / "playbooks/tasks/change_end.yml").read_text()
# Says which packages are there.
READ_ONLY = {"__login_restriction_oath"}
ROLES = ("session_recording", "login_server", "login_restriction")


@pytest.mark.parametrize("role", ROLES)
def test_each_thing_that_shuts_out_is_a_reason_for_a_login(role: str) -> None:
    tasks = "".join(path.read_text() for path in sorted((ROOT / f"roles/{role}/tasks").glob("*.yml")))
    registered = set(re.findall(r"register: (\w+)", tasks)) - READ_ONLY
    assert registered, "a role that registers nothing is kept without a proof"
    assert {name for name in registered if name not in END} == set()
