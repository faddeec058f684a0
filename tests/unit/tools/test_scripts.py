"""What the shell tools say and return."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(*command: str, fakes: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool from the repository's root, programs of `fakes` before all others."""
    path = os.environ["PATH"] if fakes is None else f"{fakes}:{os.environ['PATH']}"
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)


def fake(directory: Path, **programs: str) -> Path:
    """Write shell scripts that stand for programs."""
    for name, body in programs.items():
        script = directory / name.replace("_", "-")
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
    return directory


def test_a_stage_says_when_it_starts_and_what_it_took() -> None:
    result = run("tools/stage.sh", "greet", "echo", "hello")
    assert result.returncode == 0
    assert result.stdout.splitlines()[1:3] == ["==> greet", "hello"]
    assert result.stdout.splitlines()[3].startswith("<== greet: done in ")


def test_a_failed_stage_keeps_the_exit_status() -> None:
    result = run("tools/stage.sh", "fall", "sh", "-c", "exit 7")
    assert result.returncode == 7
    assert result.stderr.startswith("<== fall: FAILED after ")


def stages(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run("env", f"STAGES_KEPT={tmp_path / 'kept'}", "tools/stages.sh", *words, fakes=tmp_path)


def test_stages_run_to_the_end_and_close_with_a_table(tmp_path: Path) -> None:
    fake(tmp_path, make='echo "about $2"; [ "$2" != two ] || { echo "fatal: no $2"; exit 1; }')
    result = stages(tmp_path, "1", "one", "two", "three")
    assert result.returncode == 1
    said, table, failed = result.stdout.split("\n\n")
    assert said.splitlines() == ["[one] about one", "[two] about two", "[two] fatal: no two", "[three] about three"]
    rows = [line.split()[:2] for line in table.splitlines()]
    assert rows == [["one", "ok"], ["two", "FAILED"], ["three", "ok"], ["total", "FAILED"]]
    assert failed.splitlines() == [f"What failed: {tmp_path}/kept/two.log", "fatal: no two"]
    assert (tmp_path / "kept/two.log").read_text() == "about two\nfatal: no two\n"


def test_stages_of_two_lanes_run_beside_each_other(tmp_path: Path) -> None:
    # Each waits for the other; one after another they would wait for ever.
    meet = f"touch {tmp_path}/$2; until [ -e {tmp_path}/one ] && [ -e {tmp_path}/two ]; do sleep 0.01; done"
    fake(tmp_path, make=f"[ $2 = after ] || {{ {meet}; }}")
    result = stages(tmp_path, "2", "one", "two", "after")
    assert result.returncode == 0
    assert [line.split()[:2] for line in result.stdout.splitlines() if line] == [
        ["one", "ok"],
        ["two", "ok"],
        ["after", "ok"],
        ["total", "ok"],
    ]


def test_a_lane_that_is_done_takes_what_is_left(tmp_path: Path) -> None:
    # The first stage ends only when all others have: they have to run beside it, in the other lane.
    others = " && ".join(f"[ -e {tmp_path}/{name} ]" for name in ("two", "three", "four"))
    fake(tmp_path, make=f"touch {tmp_path}/$2; [ $2 != one ] || until {others}; do sleep 0.01; done")
    result = stages(tmp_path, "2", "one", "two", "three", "four")
    assert result.returncode == 0
    assert [line.split()[0] for line in result.stdout.splitlines() if line] == ["one", "two", "three", "four", "total"]


def test_what_fails_in_one_lane_fails_the_whole(tmp_path: Path) -> None:
    fake(tmp_path, make='[ "$2" != two ]')
    assert stages(tmp_path, "2", "one", "two").returncode == 1
    assert stages(tmp_path, "2", "two", "one").returncode == 1


def test_debian_packages_that_are_there_need_no_root_and_no_word(tmp_path: Path) -> None:
    fake(tmp_path, dpkg_query="echo installed", id="echo 1000", apt_get="exit 9")
    result = run("tools/apt_install.sh", "requirements/apt.txt", fakes=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_missing_debian_packages_are_named_to_a_user_who_is_not_root(tmp_path: Path) -> None:
    fake(tmp_path, dpkg_query="exit 1", id="echo 1000")
    packages = tmp_path / "list"
    packages.write_text("# comment\nfirst # why\n\nsecond\n")
    result = run("tools/apt_install.sh", str(packages), fakes=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("Debian packages are missing: first second. Run 'make deps' once as root")


def test_a_failing_apt_is_shown_with_what_to_do(tmp_path: Path) -> None:
    fake(tmp_path, dpkg_query="exit 1", id="echo 0", apt_get="echo no route to archive; exit 100")
    result = run("tools/apt_install.sh", "requirements/apt.txt", fakes=tmp_path)
    assert result.returncode == 1
    assert "no route to archive" in result.stderr
    assert "Check that apt can reach its archive" in result.stderr


def test_a_python_that_is_missing_or_too_old_is_one_sentence(tmp_path: Path) -> None:
    advice = "is not Python 3.11 or later. Name another with 'make PYTHON=/path/to/python3.11 deps'."
    for python in ("/nonexistent/python", "/bin/false"):
        result = run("tools/make_venv.sh", python, str(tmp_path / "venv"), "requirements/run.txt")
        assert result.returncode == 1
        assert result.stderr == f"{python} {advice}\n"


def test_make_alone_lists_every_target_that_has_a_description() -> None:
    listed = run("make", "--no-print-directory").stdout
    makefile = (ROOT / "Makefile").read_text()
    described = re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE)
    assert {"demo", "test", "twin-down"} <= set(described)
    assert all(f"make {target} " in listed for target in described)
