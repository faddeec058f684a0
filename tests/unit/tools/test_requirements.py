"""Every dependency is pinned by hash, named without an index, and has its reason written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements"


def names(path: Path) -> set[str]:
    """Package names of a requirements file."""
    return {match.group() for line in path.read_text().splitlines() if (match := re.match(r"[a-z][a-z0-9-]*", line))}


@pytest.mark.parametrize("name", ["run.txt", "test.txt"])
def test_each_package_is_pinned_by_version_and_hash(name: str) -> None:
    joined = (REQUIREMENTS / name).read_text().replace("\\\n", " ")
    packages = [line for line in joined.splitlines() if re.match(r"[a-z]", line)]
    assert len(packages) > 20
    assert [line for line in packages if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.iterdir()), ids=lambda path: path.name)
def test_no_file_names_an_index_or_another_address(path: Path) -> None:
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host", path.read_text()) == []


def pins(name: str) -> dict[str, str]:
    """Return the version of each package that a pinned file names."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (REQUIREMENTS / name).read_text(), re.MULTILINE))


def test_tests_run_with_what_is_pinned_for_running() -> None:
    assert pins("run.txt").items() <= pins("test.txt").items()


def test_each_direct_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text()
    direct = names(REQUIREMENTS / "run.in") | names(REQUIREMENTS / "test.in")
    assert sorted(name for name in direct if name not in reasons) == []
