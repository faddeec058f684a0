from __future__ import annotations

import base64
from typing import Any

from module_utils.access_control import role_files

BLOB = base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519" + b"\x00\x00\x00\x20" + bytes(32)).decode()
KEY = f"ssh-ed25519 {BLOB} someone"
USERS: list[dict[str, Any]] = [
    {"name": "aoki", "kind": "operator", "sources": ["192.0.2.70"], "keys": [KEY]},
    {"name": "sato", "kind": "account", "sources": ["192.0.2.70"], "keys": [], "onward": True},
]


def test_only_those_with_keys_and_origins_get_a_file() -> None:
    files = role_files.authorized_keys_files([*USERS, {"name": "kato", "keys": [KEY]}], "/etc/ssh/authorized_keys.d")
    assert files == [
        {"path": "/etc/ssh/authorized_keys.d/aoki", "content": f'from="192.0.2.70",restrict,pty {KEY}\n', "mode": "0644"}
    ]


def test_an_authority_stands_in_the_file_of_whom_it_lets_in() -> None:
    users = [{**USERS[0], "keys": [], "authorities": [KEY]}, {**USERS[1], "authorities": []}]
    [file] = role_files.authorized_keys_files(users, "/x")
    assert (file["path"], file["content"]) == (
        "/x/aoki",
        f'from="192.0.2.70",restrict,pty,cert-authority,principals="aoki" {KEY}\n',
    )


def test_only_operators_may_jump() -> None:
    accounts = [{**user, "keys": [KEY]} for user in USERS]
    contents = [f["content"] for f in role_files.authorized_keys_files(accounts, "/x", jump=True)]
    assert ["port-forwarding" in content for content in contents] == [True, False]


def test_onward_keys_go_to_those_who_are_marked() -> None:
    results: list[dict[str, Any]] = [
        {"public_keys": [{"account": "sato", "key": KEY}, {"account": "aoki", "key": KEY}]},
        {"unreachable": True},
        {"public_keys": [{"account": "sato", "key": f"{KEY} 2"}]},
    ]
    keys = role_files.onward_keys_of(results)
    assert keys == {"sato": [KEY, f"{KEY} 2"], "aoki": [KEY]}
    aoki, sato = role_files.with_onward_keys(USERS, keys)
    assert aoki["keys"] == [KEY]
    assert sato["keys"] == [KEY, f"{KEY} 2"]
    assert role_files.with_onward_keys(USERS, {})[1]["keys"] == []


VIEWS: dict[str, Any] = {
    "login1": {"login_server": {"accounts": [{"name": "sato"}, {"name": "kato"}]}},
    "login2": {"login_server": {"accounts": [{"name": "sato"}]}},
    "mdx1": {},
}


def test_the_host_that_asked_is_found_whichever_it_was() -> None:
    skipped = {"results": [{"skipped": True, "__login_server": "login1"}]}
    asked = {"results": [{"public_keys": [], "__login_server": "login1"}]}
    hostvars: dict[str, Any] = {"mdx1": {"__onward_keys_read": skipped}, "mdx2": {"__onward_keys_read": asked}, "data1": {}}
    assert role_files.onward_results(hostvars, ["data1", "mdx1", "mdx2"]) == asked["results"]
    assert role_files.onward_results(hostvars, ["data1", "mdx1"]) == []


def test_a_login_server_without_all_keys_is_named() -> None:
    results: list[dict[str, Any]] = [
        {"__login_server": "login1", "public_keys": [{"account": "sato", "key": KEY}]},
        {"__login_server": "login2", "msg": "sudo: no tty\nmore", "failed": False},
    ]
    assert role_files.silent_login_servers(results, VIEWS, [], False) == [
        "login1 has no onward key of kato",
        "login2 did not answer (sudo: no tty)",
    ]
    assert role_files.silent_login_servers(results, VIEWS, ["login2"], True) == []
    assert role_files.silent_login_servers([], VIEWS, ["login2"], False) == ["login1 did not answer (nobody asked it)"]


def test_homes_and_notes() -> None:
    assert role_files.account_homes([{"name": "sato"}], "/home") == [
        {"path": "/home/sato", "mode": "0700", "owner": "sato", "group": "sato"}
    ]
    with_target, without = role_files.target_notes(
        [{"name": "sato"}, {"name": "kato"}], [{"name": "mdx1", "accounts": ["sato"]}, {"name": "mdx2"}], "/notes"
    )
    assert "ssh mdx1" in with_target["content"]
    assert "mdx2" not in with_target["content"]
    assert "no machine" in without["content"]


def test_data_sets_are_seen_by_their_accounts_only() -> None:
    assert role_files.data_set_mounts([{"name": "ct", "path": "/data/ct", "accounts": ["sato", "kato"]}], "/srv") == [
        {"source": "/data/ct", "target": "/srv/sato/ct"},
        {"source": "/data/ct", "target": "/srv/kato/ct"},
    ]
    assert role_files.chroot_directories([{"name": "sato"}], "/srv") == [{"path": "/srv/sato", "mode": "0755"}]
