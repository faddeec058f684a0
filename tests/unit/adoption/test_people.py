from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from module_utils.adoption import people
from module_utils.adoption.findings import KINDS, Finding
from module_utils.adoption.sshd import settings, sshd_findings
from tests.unit.adoption.conftest import KEY_ONE, KEY_TWO

View = Callable[[str], dict[str, Any]]
USERS = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
backup2:x:900:900::/srv:/bin/sh
toor:x:0:0::/root:/bin/bash
nobody:x:65534:65534::/:/bin/sh
mdxuser:x:1000:1000::/home/mdxuser:/bin/bash
guest:x:1001:1001::/home/guest:
sato:x:1002:1002::/home/sato:/bin/bash
kato:x:3004:3004::/home/kato:/bin/bash
other:x:2001:2001::/home/other:/usr/sbin/nologin
broken line
"""
SHADOW = "root:*:1::::::\nguest:$y$abc:1::::::\nbackup2:!:1::::::\nsato::1::::::\n"


def texts(found: Any) -> list[str]:
    return [f"{f.subject}: {f.effect}" for f in found]


def one(found: list[Finding], part: str) -> Finding:
    matching = [f for f in found if part in f.subject]
    assert len(matching) == 1, [f.subject for f in found]
    return matching[0]


def test_password_fields_are_told_without_the_hash() -> None:
    assert people.password_states(SHADOW) == {"root": "locked", "guest": "set", "backup2": "locked", "sato": "empty"}


def test_users_in_no_list_and_taken_numbers_are_found(view: View) -> None:
    users = people.users(USERS, people.password_states(SHADOW))
    found = list(people.user_findings(users, view("mdx1")))
    assert "in no list" in one(found, "guest (uid 1001, /bin/sh, password set)").effect
    assert "under another name" in one(found, "toor").effect
    assert "would be locked" in one(found, "mdxuser").effect
    assert "declared with uid 3001" in one(found, "sato (uid 1002)").effect
    assert "would no longer" in one(found, "sato has a password (empty)").effect
    assert "absent here" in one(found, "kato").effect
    assert "renumber other" in one(found, "uid 2001 belongs to other").effect
    assert not any(name in text for text in texts(found) for name in ("daemon", "backup2", "nobody", "root ("))
    assert {f.kind for f in found} <= set(KINDS)


def test_a_data_servers_readers_are_no_strangers(view: View) -> None:
    users = people.users("sato:x:3001:3001::/srv:/bin/bash\n", {})
    assert list(people.user_findings(users, view("data1"))) == []


def test_keys_that_would_stop_working_are_found(view: View) -> None:
    files = [
        {"user": "aoki", "path": "/home/aoki/.ssh/authorized_keys", "text": f"{KEY_ONE}\n{KEY_TWO}\n"},
        {"user": "guest", "path": "/home/guest/.ssh/authorized_keys", "text": f'command="token=secret,x",no-pty {KEY_ONE}\n'},
        {"user": "aoki", "path": "/etc/ssh/authorized_keys.d/aoki", "text": f"{KEY_TWO}\n"},
    ]
    found = texts(people.key_findings(files, view("mdx1"), "/etc/ssh/authorized_keys.d"))
    assert len(found) == 2
    assert "not among aoki's declared keys" in found[0]
    assert "[command,no-pty]" in found[1]
    assert "secret" not in found[1]


def test_ways_to_root_of_others_are_found(view: View) -> None:
    files = {
        "/etc/sudoers": "Defaults env_reset\nUser_Alias X = a\n@includedir /etc/x\n"
        "#3004 ALL=(ALL) ALL\n# 1 comment\nroot ALL=(ALL) ALL\n%sudo ALL=(ALL) ALL\n",
        "/etc/sudoers.d/x": "aoki ALL=(ALL) NOPASSWD: ALL\nguest ALL=(ALL) \\\n NOPASSWD: ALL\n\n",
    }
    groups = "sudo:x:27:aoki,guest\ndocker:x:99:kato\nx\n"
    found = texts(people.sudo_findings(files, groups, view("mdx1")))
    assert found == [
        "/etc/sudoers: User_Alias: is no operator: stays unless you remove it",
        "/etc/sudoers: @includedir /etc/x: more rules may stand there, which are not read",
        "/etc/sudoers: #3004: is no operator: stays unless you remove it",
        "/etc/sudoers.d/x: guest without a password: is no operator: would be taken away",
        "guest is in group sudo: is no operator: would be taken away",
        "kato is in group docker: is no operator: stays unless you remove it",
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("#3001,root ALL=(ALL) NOPASSWD: ALL", "#3001,root without a password"),
        ("aoki, guest ALL, !SERVERS = ALL", "aoki,"),
        ("User_Alias FEW = aoki : root = guest", "User_Alias"),
        ("%wheel ALL=(ALL) ALL", "%wheel"),
        ("sudo ALL=(ALL) ALL", "sudo"),
        ("aoki, ueda ALL=(ALL) ALL", None),
        ("User_Alias FEW = aoki, ueda", None),
        ("Cmnd_Alias GUEST = /bin/ls", None),
        ("#3001x is a comment", "#3001x"),
        ("# 3001 is a comment", None),
    ],
)
def test_each_who_is_named_in_sudoers_is_read(view: View, line: str, found: str | None) -> None:
    told = texts(people.sudo_findings({"/etc/sudoers.d/x": line}, "", view("mdx1")))
    assert told == ([] if found is None else [f"/etc/sudoers.d/x: {found}: is no operator: would be taken away"])


def test_to_begin_a_recorded_session_is_no_way_to_root_but_only_where_it_is_declared(view: View) -> None:
    rule = 'sato ALL=(root) NOPASSWD: /usr/local/sbin/kakehashi-record ""'
    told = {host: texts(people.sudo_findings({"/etc/sudoers.d/x": rule}, "", view(host))) for host in ("login1", "mdx1")}
    assert told["login1"] == []
    assert told["mdx1"] == ["/etc/sudoers.d/x: sato without a password: is no operator: would be taken away"]
    wider = texts(people.sudo_findings({"/etc/sudoers.d/x": rule.removesuffix(' ""')}, "", view("login1")))
    assert len(wider) == 1


def test_who_has_a_group_as_his_own_is_its_member(view: View) -> None:
    listed = people.users("guest:x:3009:27::/home/guest:/bin/bash\naoki:x:2001:27::/home/aoki:/bin/bash\n", {})
    told = texts(people.sudo_findings({}, "sudo:x:27:\n", view("mdx1"), listed))
    assert told == ["guest is in group sudo: is no operator: would be taken away"]


def test_jobs_show_the_program_and_not_its_arguments() -> None:
    crontabs = {
        "/etc/cron.d/pull": "PATH=/bin\n# no\n*/5 * * * * guest /usr/bin/rsync --password=secret\n@reboot root\n",
        "/var/spool/cron/crontabs/guest": "@daily /home/guest/run secret\n1 2 3\n",
    }
    found = texts(people.job_findings(crontabs, ["a0001"], ["guest"], ["/home/guest/.config/systemd/user/x.wants/y"]))
    assert found[0].startswith("/etc/cron.d/pull: /usr/bin/rsync as guest:")
    assert found[1].startswith("/var/spool/cron/crontabs/guest: /home/guest/run:")
    assert len(found) == 5
    assert "secret" not in "".join(found)


CONFIG = """# comment
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin=no
Match User guest
  PasswordAuthentication yes
  AllowTcpForwarding yes
Match Address 192.0.2.0/24
"""


def test_settings_belong_to_the_match_above_them() -> None:
    found = settings(CONFIG)
    assert [(s.keyword, s.value, s.match, s.line) for s in found[1:4]] == [
        ("permitrootlogin", "no", "", 3),
        ("match", "User guest", "User guest", 4),
        ("passwordauthentication", "yes", "User guest", 5),
    ]


def test_drop_ins_and_match_blocks_are_found() -> None:
    files = {"/etc/ssh/sshd_config": CONFIG, "/etc/ssh/sshd_config.d/50-cloud.conf": "AllowUsers *\n!\n"}
    found = texts(sshd_findings(files, "/etc/ssh/sshd_config", "usepam no\nport 2200\npermitrootlogin no\nx\n"))
    assert found == [
        "/etc/ssh/sshd_config:4: Match User guest: passwordauthentication yes, allowtcpforwarding yes: block: would be gone",
        "/etc/ssh/sshd_config:7: Match Address 192.0.2.0/24: nothing: block: would be gone",
        "/etc/ssh/sshd_config.d/50-cloud.conf:1: allowusers *: drop-in: would be gone",
        "in force: usepam no: PAM is not asked today: would become yes",
        "in force: port 2200: is not the declared service ssh: would become 22",
    ]


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false"])
def test_shells_that_open_nothing(shell: str) -> None:
    assert not people.User("x", 1, 1, "/", shell).has_shell


def test_what_runs_for_users_who_would_be_locked_or_removed_is_told() -> None:
    lines = ("mdxuser:x:1000:1000", "kato:x:3004:3004", "aoki:x:2001:2001")
    found = people.users("".join(f"{line}::/home:/bin/bash\n" for line in lines), {})
    declared = [{"name": "kato", "state": "absent"}, {"name": "aoki", "state": "present"}]
    wanted = {"base": {"locked_users": ["mdxuser"], "users": declared}}
    running = {"1000": {"python3": 2, "bash": 1}, "3004": {"sshfs": 1}, "2001": {"bash": 1}}
    assert texts(people.process_findings(found, running, wanted)) == [
        "mdxuser runs 3: bash (1), python3 (2): would go on: the user is locked, and nobody could come back to them",
        "kato runs 1: sshfs (1): would be ended: the user is removed",
    ]
