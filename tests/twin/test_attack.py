"""The bypass catalogue on a real twin: a sample, and all of it, both in `make soak`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugin_utils.attacks import load_catalogue
from tests.twin.by_hand import INVENTORY
from tests.twin.validated import MORE, Validated

SAMPLE = (
    "operator-from-institution",
    "stdio-forwarding",
    "agent-forwarding",
    "laptop-key-at-node",
    "planted-key",
    "unknown-authority",
    "drop-in-first",
    "pam-no-newline",
    "own-server",
    "shell-relay-to-data-server",
    "session-left-open",
    "process-left-running",
    "tmux-left-open",
    "cron-left-behind",
    "at-left-behind",
    "linger-left-behind",
    "pam-group-of-that-name",
)
HOSTS = ("login1", "mdx1", "mdx2", "data1")


def attack(twin: Validated, directory: Path, *words: str) -> tuple[dict[str, Any], str]:
    """Return the evidence of a run, and what it printed."""
    inventories = [word for source in (INVENTORY, MORE, twin.state / "overlay") for word in ("-i", str(source))]
    command = [sys.executable, "-m", "plugin_utils.attack_run", *inventories, "--evidence", str(directory), *words]
    done: subprocess.CompletedProcess[str] = twin.attempt("run", "--", *command)
    found = list(directory.glob("*/attack.json"))
    assert len(found) == 1, done.stdout + done.stderr
    return json.loads(found[0].read_text()), done.stdout + done.stderr


def state(twin: Validated, host: str) -> str:
    """Return what decides logins on a host."""
    script = "find /etc -type f -printf '%p %m %U %G %s %T@\n' | sort; nft -s list ruleset; ls /run/kakehashi-attack* 2>&1 || :"
    return twin("exec", host, "--", "bash", "-c", script)


@pytest.mark.slow
def test_a_sample_is_refused_with_its_counter_tests_and_nothing_stays(converged: Validated, tmp_path: Path) -> None:
    before = {host: state(converged, host) for host in HOSTS}
    evidence, printed = attack(converged, tmp_path, "--only", *SAMPLE)
    assert evidence["holds"], printed
    assert evidence["counts"]["difference"] == evidence["counts"]["not tried"] == 0, printed
    assert {row["name"] for row in evidence["attempts"] if row["counter_test"] == "seen"} == set(SAMPLE)
    assert set(evidence["hosts_after"].values()) == {"as before"}
    assert {host: state(converged, host) for host in HOSTS} == before


@pytest.mark.slow
def test_what_is_marked_harmless_changes_nothing(converged: Validated, tmp_path: Path) -> None:
    before = {host: state(converged, host) for host in HOSTS}
    harmless = [a.name for a in load_catalogue().attempts if a.harmless]
    evidence, printed = attack(converged, tmp_path, "--no-counter-tests", "--only", *harmless)
    assert evidence["holds"], printed
    assert evidence["hosts_after"] == {}
    assert {host: state(converged, host) for host in HOSTS} == before


@pytest.mark.slow
def test_a_layer_that_is_missing_is_found(converged: Validated, tmp_path: Path) -> None:
    converged("exec", "login1", "--", "sh", "-c", "sed -i s/restrict,// /etc/ssh/authorized_keys.d/sato")
    try:
        evidence, printed = attack(converged, tmp_path, "--only", "stdio-forwarding")
    finally:
        converged.converge()
    assert not evidence["holds"], printed
    assert "only key_restrict: expected:" in printed


@pytest.mark.slow
def test_all_of_it(converged: Validated, tmp_path: Path) -> None:
    evidence, printed = attack(converged, tmp_path)
    assert evidence["holds"], printed
