"""ssh-audit, OpenSCAP and Lynis on real hosts, and what was weakened there by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin_utils.judges_pack import judges_program
from tests.access.node import have_read
from tests.twin.machine import ROOT
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
LIMIT = ("--limit", "mdx1,data1")
RELOAD = have_read("ssh", "/run/sshd.pid")
KEPT = "cp -p /etc/ssh/sshd_config /etc/passwd /root/kept"
WEAKEN = f"""
mkdir /root/kept; {KEPT}
sed -i 's/^Ciphers .*/&,aes128-cbc/' /etc/ssh/sshd_config; {RELOAD}
echo 'second:x:0:0::/root:/usr/sbin/nologin' >>/etc/passwd
chmod o+w /etc/shells
"""
MEND = f"cp -p /root/kept/sshd_config /etc/ssh/; cp -p /root/kept/passwd /etc/; rm -r /root/kept; chmod o-w /etc/shells; {RELOAD}"
MARK = "touch /root/begun"
# The journal and the records of logins and sessions go on, and so does the journal's way to the log server.
CHANGED = (
    "find / -xdev -newer /root/begun -type f -not -path '/var/log/*' -not -path '/var/lib/private/systemd/journal-upload/*'"
    " -not -path '/var/lib/kakehashi-sessions/*' -not -path /root/begun; rm /root/begun"
)
UNITS = "systemctl list-units --all --plain --no-legend 'run-*.service'"


OBJECTIONS = {("openscap", "file_permissions_etc_shells"), ("lynis", "AUTH-9204")}


@pytest.fixture(scope="module", autouse=True)
def packed() -> Path:
    """The judges, packed here: the operators' place reaches nothing but the twin."""
    return Path(judges_program(str(ROOT / "build/judges")))


def test_judges_are_content_and_leave_nothing(converged: Validated) -> None:
    converged("exec", "mdx1", "--", "sh", "-ec", MARK)
    found, printed = converged.evidence("judges", *LIMIT)
    assert converged("exec", "mdx1", "--", "sh", "-ec", CHANGED) == ""
    assert converged("exec", "mdx1", "--", "sh", "-ec", UNITS) == ""
    assert found["holds"], printed
    assert found["sshds_judged"] == 3
    judged = {(row["host"], row["judge"]) for row in found["judged"]}
    assert judged == {("mdx1", "ssh-audit"), ("mdx1", "openscap"), ("mdx1", "lynis"), ("data1", "ssh-audit"), ("data1", "lynis")}
    assert [row["host"] for row in found["not_covered"]] == ["data1"], "data1 runs Debian 13, which no content covers"


def test_what_is_weakened_is_found_and_named(converged: Validated) -> None:
    converged("exec", "mdx1", "--", "sh", "-ec", WEAKEN)
    try:
        found, printed = converged.evidence("judges", *LIMIT)
    finally:
        converged("exec", "mdx1", "--", "sh", "-ec", MEND)
    assert not found["holds"]
    assert {row["host"] for row in found["unexplained"]} == {"mdx1"}
    named = {(row["judge"], row["what"]) for row in found["unexplained"]}
    assert {("ssh-audit", "enc aes128-cbc"), *OBJECTIONS} <= named
    assert "aes128-cbc" in printed
    assert all(what in printed for _judge, what in OBJECTIONS)
