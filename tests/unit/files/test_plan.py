from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.files.plan import Directory, File, Found, PlanError, Wish, diffs, parse, placeholder, plan, substitute

HOLDS: dict[str, Any] = {"owner": "root", "group": "root", "owner_ok": True, "group_ok": True}


def here(content: bytes, mode: int = 0o644, **more: Any) -> Found:
    return Found(kind="file", content=content, mode=mode, **{**HOLDS, **more})


def test_nothing_to_do_when_all_holds() -> None:
    wish = Wish(files=(File("/a/b", b"x"),), directories=(Directory("/a"),), absent=("/c",))
    found = {"/a/b": here(b"x"), "/a": Found(kind="directory", mode=0o755, **HOLDS)}
    assert plan(wish, found) == ()


def test_directories_come_before_files_and_removals_last() -> None:
    wish = Wish(files=(File("/a/b/f", b""),), directories=(Directory("/a/b"), Directory("/a")), absent=("/old",))
    steps = plan(wish, {"/old": here(b"")})
    assert [(s.action, s.path) for s in steps] == [
        ("make_directory", "/a"),
        ("make_directory", "/a/b"),
        ("write", "/a/b/f"),
        ("remove", "/old"),
    ]


@pytest.mark.parametrize(
    ("now", "action"),
    [
        (here(b"y"), "write"),
        (Found(kind="link", **HOLDS), "write"),
        (here(b"x", 0o600), "set_attributes"),
        (here(b"x", owner_ok=False), "set_attributes"),
        (here(b"x", group_ok=False), "set_attributes"),
    ],
)
def test_what_differs_decides_the_step(now: Found, action: str) -> None:
    assert [s.action for s in plan(Wish(files=(File("/f", b"x"),)), {"/f": now})] == [action]


def test_a_directory_with_wrong_attributes_is_set_right() -> None:
    found = {"/d": Found(kind="directory", mode=0o777, **HOLDS)}
    assert [s.action for s in plan(Wish(directories=(Directory("/d"),)), found)] == ["set_attributes"]


def test_exclusive_removes_only_what_is_not_declared() -> None:
    wish = Wish(files=(File("/d/mine", b""),), directories=(Directory("/d", exclusive=True),), absent=("/d/old",))
    found = {
        "/d": Found(kind="directory", mode=0o755, entries=("mine", "old", "stranger"), **HOLDS),
        "/d/mine": here(b""),
        "/d/old": here(b""),
        "/d/stranger": here(b"?"),
    }
    assert [(s.action, s.path) for s in plan(wish, found)] == [("remove", "/d/old"), ("remove", "/d/stranger")]


@pytest.mark.parametrize(
    ("wish", "found", "words"),
    [
        (Wish(files=(File("/f", b""),)), {"/f": Found(kind="directory")}, "/f is a directory, a file is wanted there"),
        (Wish(directories=(Directory("/f"),)), {"/f": Found(kind="file")}, "/f is not a directory but a file"),
        (Wish(absent=("/f",)), {"/f": Found(kind="directory")}, "/f is a directory and only files are removed"),
    ],
)
def test_what_stands_in_the_way_is_named(wish: Wish, found: dict[str, Found], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan(wish, found)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"files": [{"path": "relative", "content": ""}]}, "not a plain absolute path"),
        ({"absent": ["/a/../b"]}, "not a plain absolute path"),
        ({"absent": ["/a/"]}, "not a plain absolute path"),
        ({"absent": ["/"]}, "not a plain absolute path"),
        ({"files": [{"path": "/f"}]}, "/f has no content"),
        ({"files": [{"path": "/f", "content": "", "mode": "rw"}]}, "not octal"),
        ({"files": [{"path": "/f", "content": "", "mode": "99999"}]}, "not octal"),
        ({"files": [{"path": "/f", "content": ""}], "absent": ["/f"]}, "/f is declared twice"),
        ({"validate": [["sshd", "{/etc/x}"]]}, "validate names {/etc/x}"),
        ({"validate": [[]]}, "empty command"),
    ],
)
def test_a_wrong_declaration_is_refused_with_the_reason(params: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        parse(params)


def test_parse_fills_in_what_is_left_out() -> None:
    wish = parse({"files": [{"path": "/f", "content": "ä"}], "directories": [{"path": "/d"}]})
    assert wish.files == (File("/f", "ä".encode(), 0o644, "root", "root"),)
    assert wish.directories == (Directory("/d", 0o755, "root", "root", exclusive=False),)


def test_validation_words_get_the_staged_copies() -> None:
    assert substitute(["nft", "-c", "-f", "{/etc/x}"], {"/etc/x": "/room/0-x"}) == ["nft", "-c", "-f", "/room/0-x"]


@given(st.text())
def test_only_a_braced_path_is_a_placeholder(word: str) -> None:
    assert placeholder("{/" + word + "}") == "/" + word
    assert word.startswith("{/") or placeholder(word) is None


def test_diff_shows_before_and_after_with_attributes() -> None:
    steps = plan(Wish(files=(File("/f", b"new\n", 0o600),), absent=("/g",)), {"/f": here(b"old\n"), "/g": here(b"g")})
    assert diffs(steps) == [
        {
            "before_header": "/f",
            "after_header": "/f",
            "before": "# file 0644 root:root\nold\n",
            "after": "# file 0600 root:root\nnew\n",
        },
        {"before_header": "/g", "after_header": "/g", "before": "# file 0644 root:root\ng", "after": ""},
    ]


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_after_the_steps_an_exclusive_directory_holds_exactly_what_is_declared(want: list[str], have: list[str]) -> None:
    wish = Wish(files=tuple(File(f"/d/{n}", b"") for n in want), directories=(Directory("/d", exclusive=True),))
    found = {f"/d/{n}": here(b"") for n in have} | {"/d": Found(kind="directory", mode=0o755, entries=tuple(have), **HOLDS)}
    left = set(have)
    for step in plan(wish, found):
        name = step.path.removeprefix("/d/")
        left = left | {name} if step.action == "write" else left - {name}
    assert left == set(want)


@pytest.mark.parametrize("path", ["/etc", "/etc/ssh", "/home", "/usr/bin", "/etc/systemd/system", "/usr/local/sbin"])
def test_files_of_a_directory_of_the_systems_are_never_removed(path: str) -> None:
    with pytest.raises(PlanError, match="belongs to the system, so files in it are not removed: name a directory of its own"):
        parse({"directories": [{"path": path, "exclusive": True}]})
