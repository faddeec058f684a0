"""What stands on a log server and on a sender."""

from __future__ import annotations

import time

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.twin
PATIENCE = 240  # seconds, for a busy machine


def name(host: Host) -> str:
    return str(host.check_output("hostname"))


def test_private_keys_are_roots_alone(host: Host) -> None:
    keys = ["/etc/kakehashi/journal/key.pem"] + (["/var/lib/kakehashi-journal-authority/key.pem"] if name(host) == "log1" else [])
    for key in keys:
        assert (host.file(key).mode, host.file(key).user) == (0o600, "root")


def test_the_services_run(host: Host) -> None:
    wanted = ["kakehashi-journal", "kakehashi-audit"] if name(host) == "log1" else ["systemd-journal-upload"]
    for service in wanted:
        assert host.service(service).is_running


def test_what_arrives_is_in_a_whole_chain(host: Host) -> None:
    if name(host) != "log1":
        pytest.skip("the chain is on the log server")
    end = time.monotonic() + PATIENCE
    while "remote-mdx1.journal" not in host.run("ls /var/log/journal/remote").stdout:
        assert time.monotonic() < end, f"no journal of mdx1 came within {PATIENCE} s"
        time.sleep(0.2)
    assert "the chain is whole" in host.check_output("kakehashi-audit verify")
