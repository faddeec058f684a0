from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from module_utils.units import manager


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a systemctl on the path; the machine may run without systemd."""
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\nprintf 'Id=a.service\\nLoadState=loaded\\nUnitFileState=enabled\\nActiveState=active\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return program


@pytest.mark.usefixtures("systemctl")
def test_states_are_asked_in_one_call() -> None:
    assert manager.states(["a.service"])["a.service"].active == "active"
    assert manager.states([]) == {}


def test_a_failing_call_is_told_with_systemctls_words(systemctl: Path) -> None:
    systemctl.write_text("#!/bin/sh\necho 'Unit x not found.' >&2\nexit 5\n")
    with pytest.raises(manager.UnitError, match=r"systemctl start x: Unit x not found\."):
        manager.systemctl(["start", "x"])
    systemctl.write_text("#!/bin/sh\nexit 4\n")
    with pytest.raises(manager.UnitError, match="exit status 4"):
        manager.systemctl(["start", "x"])


def test_a_file_is_as_old_as_its_being_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "draft"
    path.write_text("x")
    os.utime(path, (0, 0))
    before = time.monotonic()
    path = path.rename(tmp_path / "f")
    found = manager.changed_at([str(path), str(tmp_path / "absent")])
    assert list(found) == [str(path)]
    assert abs(found[str(path)] - before) < 1
