"""ssh-audit, OpenSCAP and Lynis on real hosts, and what was weakened there by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
# Not while a job of a timer runs: it may write files, too.
MARK = """
timeout 60 sh -c 'while [ -n "$(systemctl list-units --state=activating --plain --no-legend)" ]; do sleep 0.2; done' || true
touch /root/begun
"""
TRIES = 3
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


def judged(twin: Validated) -> tuple[dict[str, Any], str, str]:
    """Return what judges found, what was printed, and which files changed on mdx1 meanwhile.

    They judge again where files changed and a timer fired: it may have been its job.
    """
    for _unused in range(TRIES):
        twin("exec", "mdx1", "--", "sh", "-ec", MARK)
        before = twin.timers("mdx1")
        found, printed = twin.evidence("judges", *LIMIT)
        changed = twin("exec", "mdx1", "--", "sh", "-ec", CHANGED)
        if not changed or twin.timers("mdx1") == before:
            break
    return found, printed, changed


def test_judges_are_content_and_leave_nothing(converged: Validated) -> None:
    found, printed, changed = judged(converged)
    assert changed == ""
    assert converged("exec", "mdx1", "--", "sh", "-ec", UNITS) == ""
    assert found["holds"], printed
    assert found["sshds_judged"] == 3
    by = {(row["host"], row["judge"]) for row in found["judged"]}
    assert by == {("mdx1", "ssh-audit"), ("mdx1", "openscap"), ("mdx1", "lynis"), ("data1", "ssh-audit"), ("data1", "lynis")}
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
