from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.people.plan import (
    RECORDED_SHELL,
    RECORDER,
    Entry,
    Host,
    Owner,
    PeopleError,
    User,
    Wish,
    going_on,
    parse,
    plan,
    refusal,
    sudoers,
)

AOKI = User("aoki", 2001, "Aoki", admin=True)

LOCKED: dict[str, Any] = {"shell": "/usr/sbin/nologin", "password": "!*", "expires": "1"}


def entry(uid: int = 2001, **more: Any) -> Entry:
    held = {"comment": "Aoki", "home": "/home/aoki", "shell": "/bin/bash", "password": "*"}
    return Entry(uid, **{**held, **more})


def said(wish: Wish, host: Host) -> list[str]:
    return [step.say for step in plan(wish, host)]


def test_a_new_user_gets_number_shell_and_no_password() -> None:
    (step,) = plan(Wish((AOKI,)), Host())
    assert step.command[:3] == ("useradd", "--uid", "2001")
    assert step.command[7:9] == ("--password", "*")
    assert "--create-home" in step.command


def test_a_user_as_declared_needs_nothing() -> None:
    assert plan(Wish((AOKI,), emptied_groups=("sudo",)), Host({"aoki": entry()}, {"sudo": ("aoki",)})) == ()


def test_what_a_removed_user_mounted_goes_after_the_processes_that_serve_it() -> None:
    found = entry(3001, home="/home/sato", processes=1, mounts=("/home/sato/data",))
    words = said(Wish((User("sato", 3001, present=False),)), Host({"sato": found}))
    assert words[1:3] == ["end the processes of sato", "unmount /home/sato/data"]


def test_a_locked_users_mounts_stay_while_the_processes_do() -> None:
    found = entry(1000, **LOCKED, processes=1, mounts=("/mnt/data",))
    assert said(Wish(locked=("mdxuser",)), Host({"mdxuser": found})) == []
    assert said(Wish(locked=("mdxuser",), end_processes=True), Host({"mdxuser": found})) == [
        "end the processes of mdxuser",
        "unmount /mnt/data",
    ]


def test_what_is_left_is_looked_at_again_once_the_processes_have_ended() -> None:
    gone, owner = User("sato", 3001, present=False), Owner("sato", 3001, "/home/sato")
    found = entry(3001, home="/home/sato", processes=1, leftovers=("/cron/sato",), mounts=("/home/sato/data",))
    steps = plan(Wish((gone,)), Host({"sato": found}))
    assert {step.say: step.clear for step in steps if step.clear} == {"remove sato": owner}
    # What can't be taken away while the user works against it doesn't end the run.
    assert {step.say for step in steps if step.again} >= {"remove /cron/sato", "unmount /home/sato/data"}
    assert plan(Wish((gone,)), Host({"sato": entry(3001, home="/home/sato")}))[-1].clear == owner
    # A locked user's: only where the processes end.
    host = Host({"sato": replace(found, **LOCKED)})
    assert [step.clear for step in plan(Wish(locked=("sato",)), host)] == [None]
    assert [step.clear for step in plan(Wish(locked=("sato",), end_processes=True), host)] == [None, None, owner]


def test_what_a_user_without_an_entry_left_goes_in_steps_that_are_told() -> None:
    left = Entry(3001, "", "/home/sato", "", "", processes=1, leftovers=("/cron/sato", "/linger/sato"), mounts=("/mnt/data",))
    host = Host(traces={"sato": left}, homes=frozenset({"/home/sato"}))
    gone = Wish((User("sato", 3001, present=False),))
    steps = plan(gone, host)
    assert [s.say for s in steps] == ["remove /cron/sato, /linger/sato", "end the processes of sato", "unmount /mnt/data"]
    assert steps[-1].clear == Owner("sato", 3001, "/home/sato")
    assert plan(replace(gone, enforce=False), host) == ()
    assert plan(gone, Host(homes=frozenset({"/home/sato"}))) == ()


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"comment": "other"}, ("--comment", "Aoki")),
        ({"shell": "/usr/sbin/nologin"}, ("--shell", "/bin/bash")),
        ({"password": "$y$secret"}, ("--password", "*")),
        ({"expires": "1"}, ("--expiredate", "")),
    ],
)
def test_what_is_wrong_is_set_right(now: dict[str, Any], words: tuple[str, ...]) -> None:
    (step,) = plan(Wish((AOKI,)), Host({"aoki": entry(**now)}))
    assert step.command == ("usermod", *words, "aoki")


def test_a_removed_user_is_shut_out_first_and_the_home_stays_for_root() -> None:
    gone = User("sato", 3001, present=False)
    found = entry(3001, home="/home/sato", processes=2, leftovers=("/home/sato/.ssh/authorized_keys",))
    assert said(Wish((gone,)), Host({"sato": found}, homes=frozenset({"/home/sato"}))) == [
        "expire sato",
        "remove /home/sato/.ssh/authorized_keys",
        "end the processes of sato",
        "remove sato",
        "keep the home of sato for root only",
        "close the home of sato",
    ]
    assert plan(Wish((gone,)), Host()) == ()


def test_a_user_who_comes_back_gets_the_home_back() -> None:
    steps = plan(Wish((User("sato", 3001),)), Host(homes=frozenset({"/home/sato"})))
    assert "--no-create-home" in steps[0].command
    assert steps[1].command == ("chown", "3001:sato", "/home/sato")


def test_the_images_user_is_locked_by_every_means() -> None:
    found = entry(1000, home="/home/mdxuser", processes=2, leftovers=("/home/mdxuser/.ssh/authorized_keys",))
    host = Host({"mdxuser": found}, {"sudo": ("mdxuser",), "adm": ("mdxuser", "x")})
    assert said(Wish(locked=("mdxuser",), emptied_groups=("sudo",)), host) == [
        "lock mdxuser",
        "take mdxuser out of adm, sudo",
        "remove /home/mdxuser/.ssh/authorized_keys",
    ]
    ending = Wish(locked=("mdxuser",), end_processes=True)
    assert said(ending, host)[-1] == "end the processes of mdxuser"
    assert plan(ending, host)[-1].end_uid == 1000


def test_processes_of_a_locked_user_that_go_on_are_told() -> None:
    host = Host({"mdxuser": entry(1000, processes=3, **LOCKED), "ubuntu": entry(1001, **LOCKED), "aoki": entry(processes=1)})
    wish = Wish((AOKI,), locked=("mdxuser", "ubuntu", "none"))
    assert plan(wish, host) == ()
    assert str(going_on(wish, host)).endswith("end_processes is true: mdxuser (3)")
    assert going_on(replace(wish, end_processes=True), host) is None
    assert going_on(replace(wish, enforce=False), host) is None
    assert going_on(Wish((AOKI,)), host) is None


def test_without_enforcing_what_is_missing_is_given_and_nothing_is_taken() -> None:
    gone = User("sato", 3001, present=False)
    wish = Wish((AOKI, User("ueda", 2002, admin=True), gone), locked=("mdxuser",), emptied_groups=("sudo",), enforce=False)
    own: dict[str, Any] = {"comment": "other", "shell": "/bin/zsh", "password": "$y$secret"}
    out: dict[str, Any] = {"shell": "/usr/sbin/nologin", "expires": "1"}
    running: dict[str, Any] = {"processes": 2, "leftovers": ("/var/spool/cron/crontabs/x",)}
    host = Host(
        {
            "aoki": entry(**own),
            "sato": entry(3001, **running),
            "mdxuser": entry(1000, **running),
        },
        {"sudo": ("mdxuser", "mallory")},
    )
    assert said(wish, host) == ["create ueda"]
    shut = Host({"aoki": entry(**out)})
    (step,) = plan(replace(wish, users=(AOKI,)), shut)
    assert step.command == ("usermod", "--shell", "/bin/bash", "--expiredate", "", "aoki")
    kept = sudoers(wish, "# old\nold ALL=(ALL:ALL) NOPASSWD: ALL\naoki ALL=(ALL:ALL) NOPASSWD: ALL\n").splitlines()[1:]
    assert [line.split()[0] for line in kept] == ["aoki", "ueda", "old"]
    assert refusal(wish, "mdxuser") is None


def test_a_locked_user_stays_as_is_and_an_unknown_one_is_fine() -> None:
    locked = entry(1000, **LOCKED)
    assert plan(Wish(locked=("mdxuser", "ubuntu")), Host({"mdxuser": locked})) == ()


def test_only_administrators_stay_in_groups_that_give_rights() -> None:
    host = Host({"aoki": entry()}, {"sudo": ("aoki", "mallory")})
    assert said(Wish((AOKI,), emptied_groups=("sudo",)), host) == ["take mallory out of group sudo"]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (Host({"aoki": entry(1234)}), "aoki has uid 1234 here and 2001 is declared"),
        (Host({"other": entry(2001)}), "uid 2001 of aoki is other's here"),
    ],
)
def test_contradicting_numbers_are_refused(host: Host, words: str) -> None:
    with pytest.raises(PeopleError, match=words):
        plan(Wish((AOKI,)), host)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"users": [{"name": "Root!", "uid": 1}]}, "is no name for a user"),
        ({"users": [{"name": "a", "uid": 1}, {"name": "a", "uid": 2}]}, "name a is declared twice"),
        ({"users": [{"name": "a", "uid": 1}, {"name": "b", "uid": 1}]}, "uid 1 is declared twice"),
        ({"users": [{"name": "a", "uid": 1}], "locked_users": ["a"]}, "name a is declared twice"),
        ({"users": [{"name": "a", "uid": 1, "comment": "a:b"}]}, "comment of a holds a colon"),
    ],
)
def test_wrong_declarations_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(PeopleError, match=words):
        parse(params)


def test_sudoers_names_present_administrators_only() -> None:
    wish = Wish((AOKI, User("sato", 3001), User("ueda", 2002, admin=True, present=False)))
    assert [line for line in sudoers(wish).splitlines() if not line.startswith("#")] == ["aoki ALL=(ALL:ALL) NOPASSWD: ALL"]


def test_who_is_recorded_has_the_recorder_for_a_shell_and_one_right_more() -> None:
    wish = Wish(
        (replace(AOKI, recorded=True), User("sato", 3001, recorded=True), User("kato", 3002, present=False, recorded=True))
    )
    host = Host({"aoki": entry(), "sato": entry(3001, comment="", home="/home/sato")})
    assert [s.command for s in plan(wish, host)] == [("usermod", "--shell", RECORDED_SHELL, "sato")]
    rights = [line for line in sudoers(wish).splitlines() if not line.startswith(("#", "Defaults!"))]
    assert rights == ["aoki ALL=(ALL:ALL) NOPASSWD: ALL", f'sato ALL=(root) NOPASSWD: {RECORDER} ""']


@pytest.mark.parametrize(("deployer", "refused"), [("aoki", False), (None, False), ("root", False), ("sato", True), ("x", True)])
def test_the_deployer_keeps_their_rights(deployer: str | None, refused: bool) -> None:
    reason = refusal(Wish((AOKI, User("sato", 3001))), deployer)
    assert (reason is not None) is refused
    assert reason is None or "run once without enforcing" in reason


@given(
    st.lists(
        st.builds(User, st.sampled_from("abc"), st.integers(2000, 2005), present=st.booleans()),
        unique_by=(lambda u: u.name, lambda u: u.uid),
    )
)
def test_on_an_empty_host_exactly_the_present_are_created(users: list[User]) -> None:
    assert said(Wish(tuple(users)), Host()) == [f"create {u.name}" for u in users if u.present]
