from __future__ import annotations

from typing import Any

import pytest

from plugin_utils.show import views as fabric_views
from plugin_utils.site import fabric_known_hosts, fabric_stage, known_hosts_of


@pytest.fixture(scope="module")
def views() -> dict[str, dict[str, Any]]:
    return fabric_views(["inventories/twin"])


@pytest.mark.parametrize(
    ("host", "stage"),
    [("login1", "stage_login_servers"), ("mdx1", "stage_behind"), ("flow-gw1", "stage_behind"), ("inst-a1", "stage_foreign")],
)
def test_login_servers_come_before_what_lies_behind_them(views: dict[str, dict[str, Any]], host: str, stage: str) -> None:
    assert fabric_stage(views[host]) == stage


def test_a_host_without_a_view_is_nobodys_turn() -> None:
    assert fabric_stage(None) == "stage_foreign"


def test_a_login_server_knows_its_targets_by_name_and_address(views: dict[str, dict[str, Any]]) -> None:
    known = fabric_known_hosts(views["login1"], {"mdx1": ["ssh-ed25519 AAAA", "ssh-rsa BBBB"], "data1": ["ssh-ed25519 CCCC"]})
    assert known == [
        {"names": ["mdx1", "192.0.2.101", "2001:db8:0:2102::41"], "key": "ssh-ed25519 AAAA"},
        {"names": ["mdx1", "192.0.2.101", "2001:db8:0:2102::41"], "key": "ssh-rsa BBBB"},
    ]
    assert fabric_known_hosts(views["mdx1"], {}) == []


def test_what_is_known_of_hosts_is_read_back_as_it_was_written() -> None:
    text = "# Owned\nmdx1,192.0.2.101 ssh-ed25519 AAAA\nmdx1,192.0.2.101 ssh-rsa BBBB\n\ndata2 ssh-ed25519 CCCC\n"
    assert known_hosts_of(text) == {"mdx1": ["ssh-ed25519 AAAA", "ssh-rsa BBBB"], "data2": ["ssh-ed25519 CCCC"]}
    assert known_hosts_of("") == {}
