"""The survey of a small twin whose machines were set up by hand, carelessly: what it sees, and that it changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.twin.by_hand import HERE, ByHand
from tests.twin.machine import named

pytestmark = pytest.mark.twin

NODES = ("login1", "mdx1", "data1")
TRIES = 3
ROOT_BY_IPV6 = "root@2001:db8:0:2102::41"
# Whatever a survey could disturb: every file of /etc with its attributes and times, users, packages, units, packet filter.
# Not the deployer's home: sudo leaves a mark there when somebody uses it for the first time.
STATE_OF_A_NODE = """
find /etc /home/*/.ssh /home/guest /root /var/spool /var/lib/systemd -printf '%p %y %m %u %g %s %T@ %l\\n' 2>/dev/null | sort
find /etc -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
getent passwd; getent group
dpkg-query -W
systemctl list-units --all --plain --no-legend --type=service,socket,timer | awk '{print $1, $2, $3}' | grep -v '^ssh@' | sort
command -v nft >/dev/null && nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
ip -o address; ip route; ip -6 route | sed 's/expires [0-9]*sec//'
sysctl -a 2>/dev/null | grep -E '^net\\.ipv[46]\\.(conf|ip_forward)'
"""


SWITCH = "ovs-vsctl list Port; ovs-ofctl dump-flows br0 | sed 's/[a-z_]*=[0-9.]*s\\?,//g'"


def states(twin: ByHand) -> dict[str, str]:
    """Return the state of each node, as text."""
    found = {name: twin("exec", name, "--", "bash", "-c", STATE_OF_A_NODE) for name in NODES}
    found["sw-nii"] = twin("exec", "sw-nii", "--", "sh", "-c", SWITCH)
    return found


@pytest.fixture(scope="module")
def mess() -> Iterator[ByHand]:
    """The twin with its mess, after a few logins, and with the institution's port in the wrong VLAN."""
    twin = ByHand(named("survey"))
    try:
        twin.up()
        logins = (("inst-a1", "guest@192.0.2.10", "-tt"), ("login1", "guest@192.0.2.101", "-T"), ("login1", ROOT_BY_IPV6, "-T"))
        for node, login, tty in logins:
            for _ in range(2):
                assert twin.log_in(node, login, tty).returncode == 0
        twin("exec", "sw-nii", "--", "bash", "-s", text=(HERE / "mess" / "sw-nii.sh").read_text())
        yield twin
    finally:
        twin("down")


@pytest.fixture(scope="module")
def survey(mess: ByHand) -> tuple[dict[str, Any], str, dict[str, str], dict[str, str]]:
    """The survey's evidence and text, and the nodes' states before and after it.

    It is made again where they differ and a timer fired: it may have been its job.
    """
    for _unused in range(TRIES):
        fired, before = [mess.timers(name) for name in NODES], states(mess)
        evidence, printed = mess.evidence("survey")
        after = states(mess)
        if after == before or [mess.timers(name) for name in NODES] == fired:
            break
    return evidence, printed, before, after


def of(evidence: dict[str, Any], name: str) -> dict[str, Any]:
    machines: list[dict[str, Any]] = [*evidence["hosts"], *evidence["switches"]]
    return next(machine for machine in machines if machine["name"] == name)


def kinds(evidence: dict[str, Any], name: str, kind: str) -> str:
    return "\n".join(f"{f['subject']} | {f['effect']}" for f in of(evidence, name)["findings"] if f["kind"] == kind)


def test_nothing_is_changed_by_it(survey: Any) -> None:
    _, printed, before, after = survey
    for name, text in before.items():
        assert sorted(set(text.splitlines()) ^ set(after[name].splitlines())) == []
    counts = re.findall(r"\bchanged=(\d+)", printed)
    assert counts
    assert set(counts) == {"0"}


def test_every_machine_was_read(survey: Any) -> None:
    evidence = survey[0]
    assert [m["name"] for m in (*evidence["hosts"], *evidence["switches"]) if m["problem"]] == []


def test_logins_that_would_be_refused_are_told_with_the_reason(survey: Any) -> None:
    evidence = survey[0]
    refused = {(h["name"], x["user"], x["source"]): x for h in evidence["hosts"] for x in h["logins"] if not x["allowed"]}
    assert set(refused) == {
        ("login1", "guest", "192.0.2.21"),
        ("mdx1", "guest", "192.0.2.70"),
        ("mdx1", "root", "2001:db8:0:2102::10"),
    }
    assert all(row["count"] == 2 for row in refused.values())
    assert "in no list" in refused["mdx1", "guest", "192.0.2.70"]["reason"]
    assert "root never logs in" in refused["mdx1", "root", "2001:db8:0:2102::10"]["reason"]


def test_the_deployers_own_logins_stay_allowed(survey: Any) -> None:
    assert any(x["user"] == "aoki" and x["allowed"] for x in of(survey[0], "mdx1")["logins"])


def test_a_forged_line_of_the_journal_blames_nobody(survey: Any) -> None:
    assert not any(x["source"] == "203.0.113.99" for x in of(survey[0], "login1")["logins"])


@pytest.mark.parametrize(
    ("host", "kind", "parts"),
    [
        ("mdx1", "user", ["guest (uid 1600, /bin/bash, password set)", "sato (uid 1700)", "toor (uid 0", "mdxuser"]),
        ("mdx1", "key", ["/home/guest/.ssh/authorized_keys", "[command,no-pty]", "/root/.ssh/authorized_keys"]),
        ("mdx1", "sudo", ["/etc/sudoers.d/guest: guest without a password"]),
        (
            "mdx1",
            "sshd",
            ["01-hand.conf:1: permitrootlogin yes", "Match User guest: allowtcpforwarding yes", "in force: permitrootlogin yes"],
        ),
        ("mdx1", "listener", ["tcp port 8888 (python3)"]),
        ("mdx1", "ruleset", ["nftables table ip filter, 1 rule"]),
        ("mdx1", "job", ["/etc/cron.d/pull-data: /usr/bin/rsync as guest", "services of guest linger", "tunnel.service"]),
        ("mdx1", "address", ["hpc0 198.51.100.77/24"]),
        ("mdx1", "route", ["203.0.113.64/28 via 192.0.2.70 on hpc0"]),
        ("mdx1", "manager", ["/etc/netplan/99-hand.yaml"]),
        ("data1", "unread", ["nft -j list: is not installed"]),
        ("sw-nii", "port", ["p6 has access VLAN 2102", "test1 has access VLAN 2100"]),
    ],
)
def test_the_mess_is_found(survey: Any, host: str, kind: str, parts: list[str]) -> None:
    found = kinds(survey[0], host, kind)
    assert [part for part in parts if part not in found] == [], found


def test_no_secret_is_written_down(survey: Any) -> None:
    everything = json.dumps(survey[0]) + survey[1]
    assert "hidden" not in everything
    assert "tomato" not in everything
    assert "$y$" not in everything


def test_the_roles_files_are_compared_with_the_machines(survey: Any) -> None:
    changes = {(c["role"], c["subject"]) for c in of(survey[0], "mdx1")["changes"]}
    assert ("login_restriction", "/etc/ssh/sshd_config") in changes
    assert ("packet_filter", "/etc/nftables.conf") in changes


def test_the_summary_fits_a_terminal(survey: Any) -> None:
    text = survey[1][survey[1].index("SURVEY of") : survey[1].index("PLAY RECAP")]
    assert [line for line in text.splitlines() if len(line) > 100] == []


def test_a_machine_that_is_off_is_named_and_the_rest_is_read(mess: ByHand) -> None:
    mess("stop", "data1", "--power-cut")
    try:
        evidence, printed = mess.evidence("survey", "--limit", "mdx1,data1")
    finally:
        mess("start", "data1")
    assert "Not read: data1." in printed
    assert of(evidence, "data1")["problem"]
    assert of(evidence, "mdx1")["findings"]
    assert "Traceback" not in printed
