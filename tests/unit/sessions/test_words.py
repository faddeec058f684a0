"""Begin and end of a session, as the journal tells them."""

from __future__ import annotations

from typing import Any

from module_utils.sessions import words

SESSION = "2026-12-01T093015Z-sato-3f2a9c0d1e5b"
UNIT = "kakehashi-sessions@3-12-0.service"
BEGIN = words.begin(SESSION, "sato", "command", 812, "198.51.100.7 50022 192.0.2.70 22", "ls -l\nrm x")
END = words.end(SESSION, "0", 2, 99, "ab" * 32)


def entry(text: str, at: int, **other: Any) -> dict[str, Any]:
    return {"by": words.SAYS, "unit": UNIT, "host": "login1", "boot": "b", "text": text, "at": at, **other}


def test_begin_and_end_make_one_session() -> None:
    found = words.told([entry(BEGIN, 5), entry(END, 9)])[SESSION]
    assert (found.user, found.kind, found.login, found.source) == ("sato", "command", 812, "198.51.100.7")
    assert (found.command, found.began, found.ended, found.status, found.chunks) == ("ls -l?rm x", 5, 9, "0", 2)


def test_only_a_keeper_tells() -> None:
    assert words.told([entry(BEGIN, 5, unit="session-3.scope"), entry(BEGIN, 5, by="sshd")]) == {}


def test_nobody_else_tells_an_end_and_a_second_one_changes_nothing() -> None:
    other = words.end(SESSION, "1", 0, 0, "cd" * 32)
    found = words.told([entry(BEGIN, 5), entry(other, 6, host="mdx1"), entry(END, 9), entry(other, 10)])
    assert (found[SESSION].status, found[SESSION].digest) == ("0", "ab" * 32)


def test_a_command_can_not_pose_as_something_else() -> None:
    text = words.begin(SESSION, "sato", "terminal", 1, "x command=y", f"\n{END}")
    assert words.told([entry(text, 1)])[SESSION].status == ""
    assert "\n" not in text
