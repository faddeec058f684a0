"""What tests on a twin compare before and after a change is all that a change keeps."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from module_utils.changes.places import PROGRAM
from module_utils.changes.record import DEFAULT_TREES

ROOT = Path(__file__).resolve().parents[3]
STATE = ROOT / "tests/twin/changes/state.sh"


def compared() -> list[str]:
    """The trees that the script looks at."""
    words = STATE.read_text().partition("for tree in")[2].partition("; do")[0]
    return [f"/{word}" for word in words.replace("\\\n", " ").split()]


def test_all_that_a_change_keeps_is_compared() -> None:
    trees = compared()
    assert [kept for kept in DEFAULT_TREES if not any(kept == tree or kept.startswith(f"{tree}/") for tree in trees)] == []


def test_each_program_that_is_put_on_hosts_is_kept() -> None:
    sources = [path for room in ("library", "module_utils", "roles") for path in (ROOT / room).rglob("*") if path.is_file()]
    texts = [path.read_text() for path in sources if path.suffix in (".py", ".yml", ".j2")]
    named = {name for text in texts for name in re.findall(r"/usr/local/s?bin/kakehashi-[a-z-]*[a-z]", text)}
    # What undoes a change is not undone by it.
    assert named - {*DEFAULT_TREES, PROGRAM} == set()


def lines_of(place: Path) -> list[str]:
    """What the script says of a place, looked at in the stead of one of its trees. The rest is this machine's own."""
    script = STATE.read_text().replace("etc/ssh ", f"{str(place)[1:]} ", 1)
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False).stdout
    return [line for line in said.splitlines() if str(place)[1:] in line]


@pytest.mark.parametrize("alter", ["chmod 700 {}", "mkdir {}/more", "touch {}/more"])
def test_a_directory_that_is_another_is_seen_and_its_time_is_not(tmp_path: Path, alter: str) -> None:
    place = tmp_path / "kept"
    place.mkdir(mode=0o755)
    (place / "file").write_text("as it was\n")
    before = lines_of(place)
    (place / "other").touch()
    (place / "other").unlink()
    assert lines_of(place) == before
    subprocess.run(alter.format(place).split(), check=True)
    assert lines_of(place) != before
