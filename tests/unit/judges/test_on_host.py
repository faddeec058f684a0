"""How the judges are run on a host: in a unit that can change nothing, or not at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from plugin_utils import judges_on_host

UNIT = """\
#!/bin/sh
printf '%s\\n' "$@" >{words}
echo "first line" >&2
{end}
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program as it lies on a host where everybody may read it, and a host whose root runs it."""
    file = tmp_path / "judges-on-host.pyz"
    file.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(file)])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return file


def systemd_run(directory: Path, end: str) -> Path:
    """Put a systemd-run there that keeps its words."""
    words = directory / "words"
    script = directory / "systemd-run"
    script.write_text(UNIT.format(words=words, end=end))
    script.chmod(0o755)
    return words


def test_the_unit_sees_everything_read_only_and_the_data_not_at_all(program: Path, tmp_path: Path) -> None:
    words = systemd_run(tmp_path, 'echo "{}"')
    assert json.loads(judges_on_host.main(["--hide", "/srv/kakehashi"])) == {}
    given = words.read_text().splitlines()
    assert {"--property=ReadOnlyPaths=/", "--property=InaccessiblePaths=-/srv/kakehashi", "--collect"} <= set(given)
    assert any(word.startswith("--property=TemporaryFileSystem=/mnt:") for word in given)
    assert any(word.startswith("--property=RuntimeMaxSec=") for word in given)
    assert given[-2:] == [str(program), "--inside"]


def test_others_cannot_read_the_program(program: Path, tmp_path: Path) -> None:
    systemd_run(tmp_path, 'echo "{}"')
    judges_on_host.main([])
    assert program.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(("end", "sentence"), [("echo 'no namespace' >&2; exit 1", "no namespace"), ("exit 1", "first line")])
def test_a_unit_that_fails_is_told_by_its_last_line(tmp_path: Path, end: str, sentence: str) -> None:
    systemd_run(tmp_path, end)
    with pytest.raises(SystemExit, match=sentence):
        judges_on_host.main([])


@pytest.mark.usefixtures("program")
def test_inside_it_refuses_a_tree_that_it_could_change() -> None:
    with pytest.raises(SystemExit, match="no read-only file tree"):
        judges_on_host.main(["--inside"])


@pytest.mark.usefixtures("program")
def test_without_root_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="need root"):
        judges_on_host.main([])
