"""What switches forwarding on at boot, run for real in a network and mount namespace of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[2] / "roles/gateway/files"
SCRIPT = ROLE / "kakehashi-forwarding"
SETTINGS = """# As the role writes it.
net/ipv4/conf/all/rp_filter = 1
net/ipv6/conf/all/forwarding = 1
net/ipv4/conf/early0/forwarding = 1
net/ipv4/conf/late0.12/forwarding = 1
net/ipv6/conf/late0.12/accept_ra = 0
"""
CLOSED = "add table inet kakehashi; add chain inet kakehashi forward { type filter hook forward priority 0; policy drop; }"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(not Path("/usr/lib/systemd/systemd-sysctl").exists(), reason="needs systemd-sysctl"),
]


class Gateway:
    """A gateway's namespaces, in which /etc/kakehashi holds the settings."""

    def __init__(self, holder: subprocess.Popen[str]) -> None:
        self.holder = holder

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", *argv]
        return subprocess.run(inside, capture_output=True, text=True, check=False)

    def do(self, *argv: str) -> str:
        done = self.run(*argv)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    for name in ("upper/kakehashi", "layer"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "upper/kakehashi/forwarding.conf").write_text(SETTINGS)
    script = (
        f"mount -t tmpfs none {tmp_path}/layer && mkdir {tmp_path}/layer/u {tmp_path}/layer/w && "
        f"cp -r {tmp_path}/upper/kakehashi {tmp_path}/layer/u && "
        f"mount -t overlay -o lowerdir=/etc,upperdir={tmp_path}/layer/u,workdir={tmp_path}/layer/w none /etc && "
        "echo ready && exec cat"
    )
    argv = ["unshare", "--net", "--mount", "sh", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "ready\n"
        made = Gateway(holder)
        made.do("nft", CLOSED)
        made.do("ip", "link", "add", "early0", "type", "bridge")
        yield made
        holder.stdin.close()


def test_it_fails_until_a_late_interface_is_there_and_then_forwards(gateway: Gateway) -> None:
    first = gateway.run("sh", str(SCRIPT))
    assert first.returncode == 1
    assert "/proc/sys/net/ipv4/conf/late0.12/forwarding is missing, so not all that is declared is forwarded" in first.stderr
    assert gateway.do("cat", "/proc/sys/net/ipv4/conf/early0/forwarding") == "1\n"
    gateway.do("ip", "link", "add", "late0.12", "type", "bridge")
    assert gateway.do("cat", "/proc/sys/net/ipv4/conf/late0.12/forwarding") == "0\n"
    second = gateway.run("sh", str(SCRIPT))
    assert (second.returncode, second.stderr) == (0, "")
    assert gateway.do("cat", "/proc/sys/net/ipv4/conf/late0.12/forwarding") == "1\n"
    assert gateway.do("cat", "/proc/sys/net/ipv6/conf/late0.12/accept_ra") == "0\n"


def test_a_setting_that_does_not_hold_is_named(gateway: Gateway) -> None:
    gateway.do("ip", "link", "add", "late0.12", "type", "bridge")
    # Another program's write that holds against this one: here a file that can't be written lies over the setting.
    gateway.do("sh", "-c", "echo 7 > /etc/kakehashi/seven")
    gateway.do("mount", "--bind", "-o", "ro", "/etc/kakehashi/seven", "/proc/sys/net/ipv4/conf/early0/forwarding")
    done = gateway.run("sh", str(SCRIPT))
    assert done.returncode != 0
    checked = gateway.run("sh", "-c", f"sed s,/usr/lib/systemd/systemd-sysctl,true, {SCRIPT} | sh")
    assert checked.returncode == 1
    assert "/proc/sys/net/ipv4/conf/early0/forwarding is 7, not 1 as declared" in checked.stderr


def test_looking_only_writes_nothing(gateway: Gateway) -> None:
    assert gateway.do("sh", str(SCRIPT), "check") == ""
    assert gateway.do("cat", "/proc/sys/net/ipv4/conf/early0/forwarding") == "0\n"


def test_its_unit_never_gives_up() -> None:
    unit = (ROLE / "kakehashi-forwarding.service").read_text()
    assert re.search(r"^\[Unit\]\n(?:.+\n)*StartLimitIntervalSec=0$", unit, re.MULTILINE)
    assert re.search(r"^Restart=on-failure\nRestartSec=5$", unit, re.MULTILINE)
