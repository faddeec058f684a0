"""Reading a machine: this one for what needs no preparation, and made-up directories for the rest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from module_utils.adoption import collect, history
from tests.unit.adoption.test_logins import LINE, entry, record

NOW = 1_795_450_000


def answers(found: dict[str, tuple[int, str, str]]) -> Any:
    """A ``run`` that answers by the first argument that it knows."""
    return lambda argv: next((answer for word, answer in found.items() if word in " ".join(argv)), (127, "", "is not installed"))


def test_what_can_not_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("content\n")
    place.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(place)
    facts = collect.survey(
        answers({"ss ": (0, "line\n", ""), "nft": (1, "", "no\nlast word\n"), "sshd": (1, "", "")}),
        [str(place), str(link), str(tmp_path), "/dev/null", str(tmp_path / "none")],
    )
    assert facts["listeners"] == "line\n"
    assert {"nft -j list: last word", "sshd -T: ended with 1", "ip -j address: is not installed"} <= set(facts["unread"])
    files = facts["files"]
    assert [files[p]["kind"] for p in (str(place), str(link), str(tmp_path), "/dev/null", str(tmp_path / "none"))] == [
        "file",
        "link",
        "directory",
        "other",
        "missing",
    ]
    assert (files[str(place)]["mode"], files[str(place)]["content"]) == ("0640", "content\n")
    assert "root" in facts["passwd"]
    assert not any("$" in state for state in facts["passwords"].values())
    json.dumps(facts)


def test_keys_are_looked_for_where_sshd_looks(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "authorized_keys").write_text("one")
    (tmp_path / "central-guest").write_text("two")
    passwd = f"guest:x:1:1::{tmp_path}:/bin/sh\n"
    effective = f"usepam yes\nauthorizedkeysfile %h/.ssh/authorized_keys {tmp_path}/central-%u .none\n"
    found = collect._authorized_keys(passwd, {}, effective, [])
    assert [item["text"] for item in found] == ["one", "two"]
    assert [item["text"] for item in collect._authorized_keys(passwd, {}, "", [])] == ["one"]


def test_units_that_users_enabled_are_found(tmp_path: Path) -> None:
    wants = tmp_path / ".config/systemd/user/default.target.wants"
    wants.mkdir(parents=True)
    (wants / "pull.service").symlink_to("/dev/null")
    assert collect._user_units(f"guest:x:1:1::{tmp_path}:/bin/sh\n", {}) == [str(wants / "pull.service")]


def test_an_unknown_owner_is_a_number() -> None:
    def nobody(_number: int) -> str:
        raise KeyError

    assert collect._name(4242, nobody) == "4242"


def test_history_joins_all_records_as_far_back_as_they_reach(tmp_path: Path) -> None:
    logs = tmp_path / "var/log"
    logs.mkdir(parents=True)
    (logs / "auth.log").write_text(
        "2026-11-20T00:00:00+00:00 m sshd[1]: Accepted password for guest from 192.0.2.9 port 5 ssh2\n"
    )
    (logs / "auth.log.2.gz").write_bytes(gzip.compress(b"2026-11-10T00:00:00+00:00 m sshd[1]: " + LINE.encode() + b"\n"))
    (logs / "auth.log.3.gz").write_bytes(b"torn")
    (logs / "wtmp").write_bytes(record("guest", bytes([192, 0, 2, 9]) + bytes(12), at=NOW - 50))
    run = answers({"--grep": (0, entry(LINE, at=NOW - 60), ""), "+1": (0, "1795000000.123 m systemd: x\n", "")})
    found = history.history(run, 30, NOW, str(tmp_path))
    assert [(r["user"], r["seen_in"], r["count"]) for r in found["rows"]] == [
        ("guest", "wtmp", 1),
        ("guest", "auth.log", 1),
        ("sato", "auth.log", 1),
        ("sato", "journal", 1),
    ]
    assert found["reaches_back"] == {"auth.log": 1794268800, "wtmp": NOW - 50, "journal": 1795000000}
    assert "auth.log.3.gz" in found["unread"][0]


@pytest.mark.parametrize(
    ("answer", "rows", "unread"),
    [
        ({"--grep": (1, "", "Compiled without pattern matching support"), "--identifier": (0, entry(LINE, at=NOW), "")}, 1, []),
        ({"--grep": (1, "", "")}, 0, []),
        ({"--grep": (1, "", "No journal files were found.\n")}, 0, ["journalctl: No journal files were found."]),
    ],
)
def test_what_journalctl_may_say(tmp_path: Path, answer: dict[str, Any], rows: int, unread: list[str]) -> None:
    found = history.history(answers(answer), 30, NOW, str(tmp_path))
    assert (len(found["rows"]), found["unread"]) == (rows, unread)


@pytest.mark.parametrize(
    ("header", "begin"),
    [
        ("Head realtime timestamp: Mon 2026-11-23 16:00:00 UTC (6443b29e8c000)\n", 1763913600),
        ("Head realtime timestamp: n/a (0)\n", 0),
        ("Head realtime timestamp: x\n", 0),
        ("", 0),
    ],
)
def test_older_systemd_tells_where_the_journal_begins_in_its_header(header: str, begin: int) -> None:
    found = history._journal_begin(answers({"+1": (1, "", "Failed to parse"), "--header": (0, header, "")}))
    assert found == begin or (begin and found > 0)


def test_processes_are_counted_by_user_and_program(tmp_path: Path) -> None:
    for pid, name in (("7", "python3"), ("8", "python3"), ("9", "two\nlines"), ("self", "x")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "comm").write_text(f"{name}\n")
    (tmp_path / "10").mkdir()
    uid = str(tmp_path.stat().st_uid)
    counted = {name: n for name, n in collect._processes(str(tmp_path))[uid].items() if n}
    assert counted == {"python3": 2, "two lines": 1}
