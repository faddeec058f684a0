"""Which data sets lay there for a login to data: what a data server says, and what others would like it to have said."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.audit import data_sets, table
from module_utils.audit.entries import LONGEST, as_data, entry_of
from module_utils.audit.logins import Login, logins

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "roles/data_server/files/kakehashi-data-sets"
TELLS = "timeout 5 logger --socket-errors=off -p auth.info -t kakehashi-data-sets >/dev/null 2>&1"
UNIT = "kakehashi-data-sshd.service"
ACCEPTED = "Accepted publickey for {} from 192.0.2.101 port 5{} ssh2: ED25519 SHA256:5Dx76+KQci6qXMmHOxvD7lYHEvKb9u3DG8ANuephx+4"
CLOSED = "pam_unix(kakehashi-data-sshd:session): session closed for user {}"


def entries(*lines: tuple[str, str], pid: int = 38, uid: str = "0") -> list[dict[str, Any]]:
    """What the audit keeps of ``(who says it, what)`` on a data server."""
    found = []
    for at, (by, text) in enumerate(lines, 1):
        own = pid if by == "sshd" else 5000 + at
        fields = {
            "MESSAGE": text, "SYSLOG_IDENTIFIER": by, "_PID": str(own), "_UID": uid, "_GID": uid, "_BOOT_ID": "48a1",
            "_SYSTEMD_UNIT": UNIT, "__REALTIME_TIMESTAMP": str(at), "__MONOTONIC_TIMESTAMP": str(at),
        }  # fmt: skip
        entry = entry_of("data1", fields)
        found += [as_data(entry)] if entry is not None else []
    return found


def accepted(user: str = "sato", port: int = 0) -> tuple[str, str]:
    return "sshd", ACCEPTED.format(user, port)


def closed(user: str = "sato") -> tuple[str, str]:
    return "sshd", CLOSED.format(user)


def said(names: str, at: str = "open", login: int = 38, user: str = "sato", of: int | None = None) -> tuple[str, str]:
    count = len(names.split(",")) if names else 0
    return data_sets.SAYS, f"at={at} login={login} user={user} of={count if of is None else of} sets={names}"


def tell(root: Path, *, user: str = "sato", at: str = "open_session") -> list[str]:
    """What the program would give the journal of an account's directory."""
    text = SCRIPT.read_text(encoding="utf-8")
    assert TELLS in text
    run = ["sh", "-c", text.replace(TELLS, "cat"), "teller", str(root)]
    done = subprocess.run(run, env={"PAM_USER": user, "PAM_TYPE": at}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def told(lines: Iterable[str]) -> Login:
    """The login of this process that was told of so."""
    seen = entries(accepted(), *((data_sets.SAYS, line) for line in lines), pid=os.getpid())
    [login] = logins(seen)
    return login


def seen_of(found: Sequence[Login]) -> list[tuple[str, tuple[str, ...] | None, int]]:
    return [(login.user, login.data_sets, login.data_sets_missing) for login in found]


def test_what_lies_there_is_told_of_the_login(tmp_path: Path) -> None:
    home = tmp_path / "sato"
    for path in ("ct-2024/study", "mri-a/1/2"):
        (home / path).mkdir(parents=True)
    (home / "empty").mkdir()
    (home / "notes.txt").write_text("x")
    (home / ".index").write_text("x")
    (home / "link").symlink_to("/nowhere")
    (tmp_path / "kato" / "theirs" / "x").mkdir(parents=True)
    login = told(tell(tmp_path))
    assert login.data_sets == (".index", "ct-2024", "link", "mri-a", "notes.txt")
    assert (login.service, login.data_sets_missing) == ("data", 0)
    # Which process is the login's is the sshd by which PAM runs it.
    assert f" login={os.getpid()} " in tell(tmp_path)[0]


def test_what_is_mounted_counts_though_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "sato" / "ct-2024").mkdir(parents=True)
    assert told(tell(tmp_path)).data_sets == ()
    text = SCRIPT.read_text(encoding="utf-8").replace(TELLS, "cat")
    inside = 'mount --bind "$1/sato/ct-2024" "$1/sato/ct-2024" && exec sh -c "$2" teller "$1"'
    run = ["unshare", "--mount", "--map-root-user", "--propagation", "private", "sh", "-c", inside, "x", str(tmp_path), text]
    words = {**os.environ, "PAM_USER": "sato", "PAM_TYPE": "close_session"}
    done = subprocess.run(run, env=words, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip("no mounts can be made here")
    assert "at=close" in done.stdout
    assert done.stdout.endswith("of=1 sets=ct-2024\n"), done.stderr


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('ct" flags READ', "ct??flags?READ"),
        ("ct\nat=open login=1 user=kato of=1 sets=x", "ct?at?open?login?1?user?kato?of?1?sets?x"),
        ("ct,mri", "ct?mri"),
        ("-n", "-n"),
        ("%s\\n", "?s?n"),
        ("a=b", "a?b"),
        ("x" * 255, "x" * 255),
        ("*", "?"),
    ],
)
def test_no_name_makes_another_line(tmp_path: Path, name: str, shown: str) -> None:
    (tmp_path / "sato").mkdir()
    (tmp_path / "sato" / name).write_text("x")
    (tmp_path / "sato" / "zz").write_text("x")
    lines = tell(tmp_path)
    assert len(lines) == 1
    assert told(lines).data_sets == tuple(sorted((shown, "zz")))


def test_a_name_that_is_not_ascii_is_counted_byte_by_byte(tmp_path: Path) -> None:
    (tmp_path / "sato").mkdir()
    (tmp_path / "sato" / "画像").write_text("x")
    (tmp_path / "sato" / "肺癌").write_text("x")
    login = told(tell(tmp_path))
    # They look alike, which is told.
    assert (login.data_sets, login.data_sets_missing) == (("??????",), 1)


def test_hundreds_come_whole(tmp_path: Path) -> None:
    names = [f"{'x' * 200}-{number:03}" for number in range(200)]
    (tmp_path / "sato").mkdir()
    for name in names:
        (tmp_path / "sato" / name).write_text("x")
    lines = tell(tmp_path)
    # logger and the audit keep less of a longer one.
    assert max(map(len, lines)) < 1000 < LONGEST
    login = told(lines)
    assert (login.data_sets, login.data_sets_missing) == (tuple(names), 0)
    lost = told(lines[1:])
    assert lost.data_sets is not None
    assert lost.data_sets_missing == len(names) - len(lost.data_sets) > 0


def test_nothing_is_told_without_a_directory_or_at_other_times(tmp_path: Path) -> None:
    assert tell(tmp_path) == []
    (tmp_path / "sato").mkdir()
    assert tell(tmp_path, at="account") == []
    [line] = tell(tmp_path)
    assert line.endswith("of=0 sets=")
    assert told([line]).data_sets == ()


def test_what_was_mounted_meanwhile_is_told_at_the_end() -> None:
    seen = entries(accepted(), said("ct,mri"), said("ct,pet", at="close"), closed())
    assert seen_of(logins(seen)) == [("sato", ("ct", "mri", "pet"), 0)]
    # The order in which PAM's modules speak is not sshd's matter.
    seen = entries(accepted(), said("ct"), closed(), said("ct,pet", at="close"))
    assert seen_of(logins(seen)) == [("sato", ("ct", "pet"), 0)]


def test_a_count_that_is_too_small_is_no_count_of_less_than_none() -> None:
    assert seen_of(logins(entries(accepted(), said("ct,mri", of=1)))) == [("sato", ("ct", "mri"), 0)]


def test_a_process_number_that_comes_again_is_another_login() -> None:
    seen = entries(accepted(), said("ct"), closed(), accepted("kato", 1), said("mri", user="kato"), closed("kato"))
    assert seen_of(logins(seen)) == [("sato", ("ct",), 0), ("kato", ("mri",), 0)]


def test_two_logins_at_once_are_not_confused() -> None:
    both = [*entries(accepted(), pid=38), *entries(accepted(port=1), pid=39), *entries(said("mri", login=39), said("ct"))]
    assert [(n.port, n.data_sets) for n in logins(both)] == [(50, ("ct",)), (51, ("mri",))]


@pytest.mark.parametrize(
    ("by", "text", "uid"),
    [
        (*said("secret"), "3001"),  # the account itself, by logger
        ("internal-sftp", said("secret")[1], "0"),
        ("sshd", said("secret")[1], "0"),
        (*said("secret", user="kato"), "0"),  # another's session under this number
        (*said("secret", login=39), "0"),
        (data_sets.SAYS, said("secret")[1] + " more", "0"),
        (data_sets.SAYS, f"x {said('secret')[1]}", "0"),
        (data_sets.SAYS, said("se cret")[1], "0"),
        (data_sets.SAYS, said("secret", at="never")[1], "0"),
    ],
)
def test_other_words_neither_add_nor_hide(by: str, text: str, uid: str) -> None:
    others = entries((by, text), uid=uid)
    seen = [*entries(accepted()), *others, *entries(said("ct")), *others]
    assert seen_of(logins(seen)) == [("sato", ("ct",), 0)]


def test_other_hosts_and_other_services_are_told_nothing() -> None:
    seen = entries(accepted(), said("ct"))
    elsewhere = [{**entry, "host": "data2"} if entry["by"] == data_sets.SAYS else entry for entry in seen]
    assert seen_of(logins(elsewhere)) == [("sato", None, 0)]
    people = [{**entry, "unit": "ssh.service"} for entry in seen]
    assert [(n.service, n.data_sets) for n in logins(people)] == [("ssh", None)]


@given(st.text(max_size=200))
def test_any_text_is_no_fault(text: str) -> None:
    logins(entries(accepted(), (data_sets.SAYS, text), (data_sets.SAYS, f"at=open login=38 user=sato of=1 sets={text}")))


@pytest.mark.parametrize(
    ("names", "missing", "words"),
    [
        (None, 0, "?"),
        ((), 0, "none"),
        (("ct", "mri"), 0, "ct, mri"),
        (("a", "b", "c", "d", "e"), 0, "a, b, c, d, e"),
        (tuple("abcdefgh"), 0, "a, b, c, d, 4 more"),
        (("ct",), 2, "ct, 2 not told"),
        ((), 2, "2 not told"),
    ],
)
def test_they_are_shown_in_a_few_words(names: tuple[str, ...] | None, missing: int, words: str) -> None:
    assert data_sets.shown(names, missing) == words


def test_the_table_and_the_evidence_name_them() -> None:
    found = [
        *logins(entries(accepted(), said("ct-2024,mri-a"), closed())),
        Login("aoki", "mdx1", "192.0.2.70", 1, 2),
        Login("sato", "data1", "192.0.2.101", 1, 3, service="data"),
    ]
    head, *rows = table.login_lines(found, {"sato": "account"}, {})
    at = head.index("data sets")
    assert [row[at:].strip() for row in rows] == ["ct-2024, mri-a", "", "?"]
    assert json.loads(json.dumps([asdict(n)["data_sets"] for n in found])) == [["ct-2024", "mri-a"], None, None]


def test_the_log_server_keeps_what_is_told_so() -> None:
    for path in ("defaults/main.yml", "meta/argument_specs.yml"):
        assert f"- {data_sets.SAYS}\n" in (ROOT / "roles/log_server" / path).read_text(encoding="utf-8")
    assert f"-t {data_sets.SAYS} " in TELLS
