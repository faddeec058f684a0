"""What tools/upgrade_test.sh does, in which order: in a repository whose make and Python write down what they are asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NOTE = 'printf "%s: python %s\\n" "$(basename "$PWD")" "$*" >>{}\n'


class Repository:
    """A repository with the script and two programs that only take notes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.notes = place.parent / "notes"
        (place / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "upgrade_test.sh", place / "tools")
        targets = "deps twin-up site"
        (place / "Makefile").write_text(
            f'.PHONY: {targets}\n{targets}:\n\t@printf \'%s: make %s %s\\n\' "$$(basename $$PWD)" $@ "$(TWIN)" >>{self.notes}\n'
            "\t@mkdir -p .venv/bin; cp python .venv/bin/python\n"
        )
        python = place / "python"
        python.write_text(f"#!/bin/sh\n{NOTE.format(self.notes)}")
        python.chmod(0o755)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first")

    def git(self, *words: str) -> None:
        identity = (
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "tag.gpgSign=false",
            "-c",
            "commit.gpgSign=false",
        )
        subprocess.run(["git", *identity, *words], cwd=self.place, check=True, capture_output=True)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def run(self) -> subprocess.CompletedProcess[str]:
        # What `make` hands down, were these tests run by it, is no part of what is tried here.
        outside = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k not in ("TWIN", "INVENTORY")}
        return subprocess.run(["tools/upgrade_test.sh"], cwd=self.place, check=False, capture_output=True, text=True, env=outside)

    def noted(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def worktrees(self) -> int:
        listed = subprocess.run(["git", "worktree", "list"], cwd=self.place, check=True, capture_output=True, text=True)
        return len(listed.stdout.splitlines())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "new")


def test_without_a_release_it_says_so_and_is_content(repository: Repository) -> None:
    done = repository.run()
    assert (done.returncode, repository.noted()) == (0, [])
    assert done.stdout == "There is no release before this commit: nothing to upgrade from.\n"


def test_the_first_release_has_none_before_it(repository: Repository) -> None:
    repository.git("tag", "v0.1.0")
    assert "no release before" in repository.run().stdout


def test_the_release_builds_and_converges_then_this_tree_converges_and_validates(repository: Repository) -> None:
    repository.git("tag", "v0.1.0")
    repository.commit("second")
    repository.git("tag", "v0.2.0")
    done = repository.run()
    assert done.returncode == 0, done.stderr
    assert "Upgrade from v0.1.0 to v0.2.0" in done.stdout
    steps = [line.split(" -i ")[0] if "playbook" not in line else line.rsplit(" ", 1)[1] for line in repository.noted()]
    assert steps == [
        "new: make deps ",
        "release: make twin-up upgrade",
        "release: make site upgrade",
        "playbooks/site.yml",
        "playbooks/validate.yml",
        "release: python -m twin --name upgrade down",
    ]
    assert all("release/inventories/twin" in line for line in repository.noted() if "playbooks/" in line)


def test_a_failure_takes_the_twin_down_and_leaves_no_worktree(repository: Repository) -> None:
    repository.git("tag", "v0.1.0")
    program = repository.place / "python"
    program.write_text(program.read_text() + 'case "$*" in *site.yml*) exit 3;; esac\n')
    repository.commit("the release's program fails at site")
    repository.git("tag", "v0.2.0")
    repository.commit("third")
    done = repository.run()
    assert done.returncode == 3
    assert repository.noted()[-1].endswith("--name upgrade down")
    assert "validate" not in "\n".join(repository.noted())
    assert repository.worktrees() == 1
