"""A use of the sealed credential raises an alert, whatever it is used for and whoever would rather it didn't."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest

from tests.access.node import PATIENCE, STATE, Node, in_operators_place, overlay

pytestmark = pytest.mark.twin

LOGIN, NODE, LOG = Node("login1"), Node("mdx1"), Node("log1")
NAME, TOLD = "breakglass", "/var/lib/kakehashi-alert/told"
TAKEN, TO_BE_TOLD = "/var/log/kakehashi-audit/*.jsonl", "/var/lib/kakehashi-audit/alerts/*.json"
HOOK = "/etc/pam.d/sshd"
ROOT = Path(__file__).resolve().parents[3]
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of a copy of the twin's key
# Ends the connection once it is logged in, however long that took.
LEAVE = ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=kill $PPID")
NOTHING = "nothing but a connection"
WAYS: dict[str, tuple[str, ...]] = {
    "a command": ("ssh", "-n", "mdx1", "true"),
    "a shell": ("ssh", "-tt", "mdx1"),
    NOTHING: ("ssh", "-n", "-N", *LEAVE, "mdx1"),
    "sftp": ("sftp", "-q", "-b", "-", "mdx1"),
    "another hop": ("ssh", "-n", "-J", "login1", "mdx1", "true"),
}


def until(holds: Callable[[], bool], seconds: float = 2 * PATIENCE) -> None:
    """Wait for what has to come about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings by which ssh shows the sealed credential on each hop, over connections of its own."""
    personas: Any = overlay()["twin_personas"]
    key = next(p["key"] for p in personas if p["name"] == NAME)
    path = tmp_path_factory.mktemp("ssh") / "config"
    lines = f"Host *\n User {NAME}\n IdentityFile {key}\n IdentitiesOnly yes\n ControlPath none\n"
    path.write_text(f"{lines}Include {overlay()['twin_ssh_config_fresh']}\n")
    return path


def use(config: Path, *words: str, stdin: str = "") -> str:
    at = next(i for i, word in enumerate(words, 1) if word in ("ssh", "sftp"))
    done = in_operators_place(*words[:at], "-F", str(config), *words[at:], stdin=stdin)
    return done.stdout + done.stderr


def alerts(node: Node) -> list[str]:
    words = "--quiet --output=cat --priority=alert --identifier=kakehashi-break-glass _UID=0"
    return node.out(f"journalctl --sync; journalctl {words}").splitlines()


def told_since(begun: float) -> list[dict[str, Any]]:
    """Return what the command on the log server was told of uses of the node since then."""
    found = [json.loads(line) for line in LOG.out(f"cat {TOLD} 2>/dev/null || true").splitlines()]
    return [use for use in found if use["host"] == "mdx1" and use["at"] >= begun * 1_000_000]


def all_told() -> None:
    """Wait until the log server has taken all that the node's journal holds by now, and told of what is to be told of it."""
    mark = uuid4().hex
    # In a unit of its own: what users' sessions said a moment ago may have used up what journald takes of those.
    NODE.out(f"systemd-run --wait --quiet --collect logger -p authpriv.info -t kakehashi-break-glass -- {mark}")
    until(lambda: LOG.run(f"grep -qs {mark} {TAKEN}").returncode == 0)
    until(lambda: LOG.run(f"ls {TO_BE_TOLD}").returncode != 0)


def apart() -> float:
    """Have the next use told of, though what follows another within a minute counts as the same; return the time."""
    all_told()  # what came of another use only after the restart would be that other
    LOG.out("systemctl restart kakehashi-audit")
    return time.time()


def test_what_raises_it_lies_there_as_it_is_shipped() -> None:
    shipped = ROOT / "roles/login_restriction/files/kakehashi-break-glass"
    assert NODE.out("cat /usr/local/sbin/kakehashi-break-glass") == shipped.read_text()


@pytest.mark.parametrize("way", WAYS)
def test_each_use_raises_an_alert_on_the_host_at_once(config: Path, way: str) -> None:
    before = len(alerts(NODE)), len(alerts(LOGIN))
    said = use(config, *WAYS[way], stdin="pwd\nexit\n")
    if way == NOTHING:  # it leaves while the hosts still open its sessions
        until(lambda: len(alerts(NODE)) > before[0] and len(alerts(LOGIN)) > before[1])
    assert alerts(NODE)[before[0] :] == [f"The sealed credential of {NAME} was used: login from 192.0.2.70"], said
    assert alerts(LOGIN)[before[1] :] == [f"The sealed credential of {NAME} was used: login from 203.0.113.2"], said


def test_passing_through_a_hop_is_a_use_of_it(config: Path) -> None:
    before = len(alerts(LOGIN))
    assert use(config, "ssh", "-n", "-W", "192.0.2.101:22", "login1").startswith("SSH-2.0-")
    assert len(alerts(LOGIN)) == before + 1


def test_who_is_logged_in_is_told(config: Path, tmp_path: Path) -> None:
    there, go = "/tmp/test-there", "/run/test-told"  # noqa: S108 - of a node of the twin
    stay = f"mesg n; touch {there}; timeout {PATIENCE - 10} sh -c 'until [ -e {go} ]; do sleep 0.2; done'"
    screen = tmp_path / "screen"
    here = ("ssh", "-F", overlay()["twin_ssh_config_fresh"], "-tt", "mdx1", stay)
    told = f"The sealed credential of {NAME} was used"
    NODE.out(f"rm -f {there} {go}")
    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(in_operators_place, "sh", "-c", f'exec "$@" >{screen}', "sh", *here)
        try:
            until(lambda: NODE.run(f"test -e {there} && who | grep -q pts/").returncode == 0, PATIENCE)
            use(config, "ssh", "-n", "mdx1", "true")
            until(lambda: told in screen.read_text() or shown.done(), PATIENCE)
        finally:
            NODE.out(f"touch {go}")
        shown.result()
    NODE.out(f"rm -f {there} {go}")
    assert told in screen.read_text()


def test_others_raise_none() -> None:
    before = len(alerts(NODE))
    NODE.out("true")
    in_operators_place("ssh", "-F", overlay()["twin_ssh_config_fresh"], "-n", "mdx1", "true")
    assert len(alerts(NODE)) == before


@pytest.mark.parametrize("sessions", ["of logind", "of nobody"])
def test_a_user_does_not_drown_it(config: Path, sessions: str) -> None:
    """Whose processes run in sshd's own unit could use up what journald takes of that unit."""
    off = sessions == "of nobody"
    before = len(alerts(NODE))
    if off:
        NODE.out("systemctl mask --runtime --now systemd-logind.service")
    try:
        flood = "yes flood | head -30000 | logger --priority authpriv.alert --tag kakehashi-break-glass"
        in_operators_place("ssh", "-F", overlay()["twin_ssh_config_fresh"], "-n", "mdx1", flood)
        use(config, "ssh", "-n", "mdx1", "true")
        assert len(alerts(NODE)) == before + 1
    finally:
        if off:
            NODE.out("systemctl unmask --runtime systemd-logind.service; systemctl start systemd-logind")


def test_the_log_server_tells_of_it(config: Path) -> None:
    begun = apart()
    use(config, "ssh", "-n", "mdx1", "true")
    until(lambda: len(told_since(begun)) > 0)
    all_told()
    assert len(told_since(begun)) == 1, "the host and sshd tell of the same use"


def test_what_the_log_server_misses_it_tells_later(config: Path) -> None:
    begun, here = apart(), len(alerts(NODE))
    LOG.out("systemctl stop kakehashi-journal")
    try:
        use(config, "ssh", "-n", "mdx1", "true")
        assert len(alerts(NODE)) == here + 1
        assert told_since(begun) == []
    finally:
        LOG.out("systemctl start kakehashi-journal")
    until(lambda: len(told_since(begun)) > 0)


@pytest.fixture
def unhooked() -> Iterator[None]:
    with NODE.put_back(HOOK, after="true"):
        NODE.out(f"sed -i '/kakehashi-break-glass/d' {HOOK}")
        yield


@pytest.mark.usefixtures("unhooked")
def test_without_the_hook_the_host_is_silent_and_the_log_server_is_not(config: Path) -> None:
    begun, before = apart(), len(alerts(NODE))
    for way in WAYS.values():
        use(config, *way, stdin="pwd\nexit\n")
    assert len(alerts(NODE)) == before
    until(lambda: len(told_since(begun)) > 0)
    assert told_since(begun)[0]["by"] == "sshd"


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the twin's key, sealed, its passphrase, and plans with and without a window for a drill now."""
    room = tmp_path_factory.mktemp("safe")
    personas: Any = overlay()["twin_personas"]
    key = Path(next(p["key"] for p in personas if p["name"] == NAME))
    (room / NAME).write_text(key.read_text())
    (room / NAME).chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(room / NAME)], check=True, capture_output=True
    )
    (room / "passphrase").touch(mode=0o600)
    (room / "passphrase").write_text(f"{PASSPHRASE}\n")
    now = datetime.now(UTC)
    window = {"name": "w", "begin": str(now - timedelta(days=1)), "end": str(now + timedelta(hours=1)), "operators": [NAME]}
    (room / "drill.yml").write_text(json.dumps([{**window, "drill": True}]))
    (room / "work.yml").write_text(json.dumps([window]))
    return room


def play(name: str, **variables: str) -> tuple[int, str]:
    words = [f"{Path(sys.executable).parent}/ansible-playbook", "-i", f"{ROOT}/inventories/twin", "-i", f"{STATE}/overlay"]
    words += [f"{ROOT}/playbooks/{name}.yml", *(word for pair in variables.items() for word in ("-e", "=".join(pair)))]
    words += ["--limit", "mdx1", "-vvv", "--diff"] if name == "break_glass" else []
    with patch("tests.access.node.PATIENCE", 5 * PATIENCE):  # a whole run, not one command
        done = in_operators_place("env", f"ANSIBLE_CONFIG={ROOT}/ansible.cfg", *words)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def drill(safe: Path, plan: str = "drill") -> tuple[int, str]:
    place = {"break_glass_directory": str(safe), "break_glass_passphrase_file": str(safe / "passphrase")}
    return play("break_glass", break_glass_action="check", break_glass_plan=str(safe / f"{plan}.yml"), **place)


def test_a_drill_opens_the_host_and_sees_the_alert(safe: Path) -> None:
    before = len(alerts(NODE))
    status, said = drill(safe)
    assert status == 0, said
    assert f"{NAME} opens mdx1, and the alert came (drill, w)." in said
    assert len(alerts(NODE)) == before + 1
    assert PASSPHRASE not in said


def test_what_nobody_announced_is_no_drill(safe: Path) -> None:
    before = len(alerts(NODE))
    status, said = drill(safe, "work")
    assert status != 0
    assert f"no window of the plan is for a drill of {NAME} on mdx1 now" in said
    assert len(alerts(NODE)) == before


@pytest.mark.usefixtures("unhooked")
def test_a_host_that_was_silenced_fails_drill_and_audit(safe: Path, tmp_path: Path) -> None:
    begun = apart()
    status, said = drill(safe)
    assert (status != 0, f"mdx1 opened to {NAME} and raised no alert" in said) == (True, True), said
    planned = {"audit_evidence": str(tmp_path), "audit_plan": str(safe / "drill.yml")}
    until(lambda: len(told_since(begun)) > 0)
    all_told()  # the chain has it only after that
    assert "Alerts that did not come" in play("audit", **planned)[1]
    [*_, evidence] = sorted(tmp_path.glob("*/audit.json"))
    found = json.loads(evidence.read_text())
    assert {(use["drill"], use["window"]) for use in found["sealed"]} == {(True, "w")}
    assert not found["sealed"][-1]["alert"]
    assert found["silent"][-1].startswith(f"mdx1: {NAME} logged in at ")
    status, said = play("audit", audit_evidence=str(tmp_path))
    assert (status != 0, "uses of a sealed credential that no window covers" in said) == (True, True), said
