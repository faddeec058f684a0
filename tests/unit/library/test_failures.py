"""What a host lacks ends in one sentence of the module, never in a traceback, and leaves nothing half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from module_utils.people import system
from module_utils.people.plan import PeopleError, Step
from tests.support.modules import call

ROOT = Path(__file__).parents[3]
INTERFACE = {"name": "hpc0", "mtu": 1500, "addresses": ["192.0.2.1/24"]}
MOUNTS = {"root": "{room}", "mounts": [{"source": "/srv", "target": "{room}/nara/data"}]}


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("installed_packages", {"names": ["nftables"]}, "dpkg-query is not installed: install"),
        ("managed_units", {"started": ["x.service"]}, "systemctl is not installed: install"),
        ("segment_interfaces", {"interfaces": [INTERFACE]}, "ip is not installed: install"),
        ("nftables_ruleset", {"content": "", "path": "{room}/rules"}, "nft is not installed: install"),
        ("read_only_mounts", MOUNTS, "systemctl is not installed: install"),
        ("ssh_sessions", {}, "ss is not installed: install"),
        ("onward_keys", {"accounts": ["root"], "directory": "{room}/onward"}, "ssh-keygen is not installed: install"),
    ],
)
def test_a_missing_program_is_named(
    name: str, arguments: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "read_only_mounts":
        monkeypatch.setattr("ansible.module_utils.access_control.mounts_host.UNITS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = call(name, json.loads(json.dumps(arguments).replace("{room}", str(tmp_path))))
    assert said["failed"] is True
    assert words in said["msg"]
    assert "\n" not in said["msg"]
    assert not (tmp_path / "rules").exists()


@pytest.mark.parametrize(
    ("program", "name", "arguments", "words"),
    [
        ("ip", "segment_interfaces", {"interfaces": [INTERFACE]}, "ip -json address show gave no JSON but"),
        ("dpkg-query", "installed_packages", {"names": ["nftables"]}, "can't tell what is installed: "),
        ("systemctl", "managed_units", {"started": ["x.service"]}, "systemctl show"),
    ],
)
def test_output_that_is_no_text_is_told(
    program: str, name: str, arguments: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / program
    status = 0 if program == "ip" else 2
    path.write_text(f"#!/bin/sh\nprintf '\\377\\376'\nprintf '\\377\\376' >&2\nexit {status}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said = call(name, arguments)
    assert said["failed"] is True
    assert words in said["msg"]


def test_who_installs_nft_is_told_that_it_is_missing_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = {"content": "", "path": str(tmp_path / "rules"), "tolerate_missing": True}
    said = call("nftables_ruleset", wanted)
    assert (said["changed"], said["missing"], said["loaded"]) == (False, True, [])
    assert not (tmp_path / "rules").exists()
    assert call("nftables_ruleset", wanted, check=True)["changed"] is True


def test_without_its_packages_no_key_is_made_and_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\necho 'openssl installed'\nexit 1\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    wanted = {"directory": str(tmp_path / "k/journal"), "name": "mdx1", "packages": ["openssl", "systemd-journal-remote"]}
    said = call("journal_certificate", wanted)
    assert (said["changed"], said["missing"], said["made"]) == (False, ["systemd-journal-remote"], [])
    assert not (tmp_path / "k").exists()
    assert call("journal_certificate", wanted, check=True)["changed"] is True


def test_who_asks_for_packages_is_told_the_running_name() -> None:
    assert call("installed_packages", {"names": []})["running_name"] == os.uname().nodename


def test_a_program_that_can_not_be_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dpkg-query").write_text("no program")
    (tmp_path / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "dpkg-query can't be run: Exec format error" in call("installed_packages", {"names": ["x"]})["msg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("managed_files", {"files": [{"path": "{room}/f", "content": "new"}], "validate": [["true", "{{room}/f}"]]}),
        (
            "sshd_effective",
            {"users": [], "config": "x", "access_rules": "", "pam_stack": "", "settings": {}},
        ),
    ],
)
def test_a_full_directory_for_temporary_files_is_told_and_nothing_is_written(
    name: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    given = json.loads(json.dumps(arguments).replace("{room}", str(tmp_path)))
    code = (
        "import sys, json, tempfile; sys.path.insert(0, '.'); import tests.conftest; from tests.support.modules import call\n"
        f"tempfile.tempdir = {str(full)!r}\n"
        f"print(json.dumps(call({name!r}, {given!r})))"
    )
    script = f'mount -t tmpfs -o nr_inodes=1 none {full} && exec {sys.executable} -c "$1"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", code]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["failed"] is True
    assert "No space left on device" in said["msg"]
    assert "run again" in said["msg"]
    assert not (tmp_path / "f").exists()


def test_a_setting_that_is_not_there_leaves_the_others_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").write_text("0\n")
    monkeypatch.setattr("library.kernel_settings.ROOM", tmp_path)
    wanted = [{"name": "there", "value": "1"}, {"name": "absent", "value": "1"}]
    said = call("kernel_settings", {"settings": wanted})
    assert said["msg"].startswith(f"{tmp_path}/absent: No such file or directory; ")
    assert (tmp_path / "there").read_text() == "0\n"


def test_a_missing_program_of_users_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(PeopleError, match="useradd is not installed: install the package that brings it"):
        system.carry_out([Step("create aoki", ("useradd", "aoki"))])
