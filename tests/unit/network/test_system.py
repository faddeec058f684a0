from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from module_utils.network import system
from module_utils.network.declared import Interface, NetworkError

pytestmark = pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2")


@pytest.fixture
def networkctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a networkctl on the path that writes down what it is asked; the machine may run without systemd."""
    log = tmp_path / "asked"
    program = tmp_path / "networkctl"
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(system, "_PATIENCE", 0.0)
    return log


def test_reads_the_machines_own_interfaces() -> None:
    assert "127.0.0.1/8" in system.read()["lo"].addresses


def test_the_way_back_is_the_kernels_answer() -> None:
    assert system.way_back("127.0.0.1") == "lo"
    assert system.way_back("no address") == ""


def test_networkd_says_by_which_file_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1").write_text("ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/20-kakehashi-lo.network\n")
    monkeypatch.setattr(system, "_STATE", tmp_path)
    assert system.read()["lo"].file == "/etc/systemd/network/20-kakehashi-lo.network"


def test_only_the_first_files_of_declared_interfaces_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("50-bootstrap-hpc0.network", "50-bootstrap-mgmt0.network", "10-mine.network"):
        (tmp_path / name).touch()
    monkeypatch.setattr(system, "DIRECTORY", str(tmp_path))
    assert system.bootstrap_files(["hpc0"]) == [str(tmp_path / "50-bootstrap-hpc0.network")]


def test_networkd_is_told_and_what_still_differs_is_returned(networkctl: Path) -> None:
    left = system.reconfigure([Interface("lo", 1500, ("127.0.0.1/8",))], ["lo", "absent0"], reload=True)
    assert networkctl.read_text().splitlines() == ["reload", "reconfigure lo"]
    assert any("not 1500" in word for word in left["lo"])


def test_a_failing_tool_is_named_with_its_words(networkctl: Path) -> None:
    (networkctl.parent / "networkctl").write_text("#!/bin/sh\necho no such service >&2\nexit 3\n")
    with pytest.raises(NetworkError, match="networkctl reload: no such service"):
        system.reconfigure([], [], reload=True)
