from __future__ import annotations

import subprocess
from typing import Any

import pytest

from module_utils.matrix import packages

# Debian 12's dpkg and Debian 13's.
SAID = """\
??5??????   /usr/sbin/sshd
??5?????? c /etc/pam.d/login
missing     /usr/share/doc/sudo/README.gz
missing   c /etc/cron.d/e2scrub_all
??5??????   /usr/lib/a file
"""


def test_what_is_there_to_be_edited_and_what_is_missing_is_no_change() -> None:
    assert packages.changed_files(SAID) == ["/usr/lib/a file", "/usr/sbin/sshd"]
    assert packages.changed_files("") == []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        there = "installed sudo\nconfig-files login\ninstalled libc6:amd64\ninstalled emacs\n"
        return subprocess.CompletedProcess(command, int(command[0] == "dpkg"), SAID if command[0] == "dpkg" else there, "")

    monkeypatch.setattr("subprocess.run", run)
    return commands


def test_only_packages_that_are_installed_and_matter_are_asked_for(asked: list[list[str]]) -> None:
    problems: list[str] = []
    assert packages.altered(problems) == ["/usr/lib/a file", "/usr/sbin/sshd"]
    assert asked[1] == ["dpkg", "--verify", "sudo", "libc6:amd64"]
    assert problems == []


def test_a_machine_without_dpkg_is_a_problem_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_words: Any, **_options: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "dpkg-query")

    monkeypatch.setattr("subprocess.run", run)
    problems: list[str] = []
    assert packages.altered(problems) == []
    assert problems == ["files of packages: [Errno 2] No such file or directory: 'dpkg-query'"]
