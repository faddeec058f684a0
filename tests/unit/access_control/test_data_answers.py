"""A data server says itself who gets to data: each thing that shuts an account out is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from module_utils.access_control.data_answers import data_refusals, pam_refusal

LOGIN = {"user": "sato", "address": "192.0.2.101"}
SETTINGS: dict[str, tuple[str, ...]] = {
    "allowusers": ("sato@192.0.2.101",),
    "authorizedkeysfile": ("/keys/%u",),
    "chrootdirectory": ("/data/%u",),
}
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where all is right, below a directory as / is."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/sato").write_text("# keys\nssh-ed25519 AAAA sato\n")
    (tmp_path / "data/sato").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "data", tmp_path / "data/sato"):
        path.chmod(0o755)
    return tmp_path


def refusals(root: Path, settings: dict[str, tuple[str, ...]] = SETTINGS, pam: str = "") -> list[str]:
    return data_refusals([LOGIN], lambda _user, _address: settings, lambda _user, _address: pam, root)


@only_root
def test_who_is_right_everywhere_is_not_named(root: Path) -> None:
    assert refusals(root) == []
    assert refusals(root, {**SETTINGS, "chrootdirectory": ("none",)}) == []


def no_key(root: Path) -> None:
    (root / "keys/sato").write_text("# nothing\n")


def no_file(root: Path) -> None:
    (root / "keys/sato").unlink()


def writable(root: Path) -> None:
    (root / "data").chmod(0o775)


def foreign(root: Path) -> None:
    os.chown(root / "data/sato", 1, 1)


def gone(root: Path) -> None:
    (root / "data/sato").rmdir()


@only_root
@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (no_key, "there is no key in /keys/sato"),
        (no_file, "there is no key in /keys/sato"),
        (writable, "is not a directory that root alone may write to"),
        (foreign, "is not a directory that root alone may write to"),
        (gone, "No such file or directory"),
    ],
)
def test_each_mistake_is_told(root: Path, mistake: Callable[[Path], None], words: str) -> None:
    mistake(root)
    [said] = refusals(root)
    assert said.startswith("sato from 192.0.2.101: ")
    assert words in said


@only_root
def test_lists_and_pam_are_told(root: Path) -> None:
    assert refusals(root, {**SETTINGS, "allowusers": ("nobody",)}) == [
        "sato from 192.0.2.101: sshd admits them by no AllowUsers line"
    ]
    assert refusals(root, pam="PAM refuses them: no") == ["sato from 192.0.2.101: PAM refuses them: no"]


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ("account required pam_permit.so", True),
        ("account required pam_deny.so", False),
        ("account required pam_access.so accessfile={place}/access.conf nodefgroup", True),
        ("account required pam_access.so accessfile={place}/none.conf nodefgroup", False),
    ],
)
def test_pam_itself_is_asked(tmp_path: Path, rules: str, admitted: bool) -> None:
    (tmp_path / "data").write_text(rules.format(place=tmp_path) + "\n")
    (tmp_path / "access.conf").write_text("+:root:192.0.2.101\n-:ALL:ALL\n")
    (tmp_path / "none.conf").write_text("+:root:192.0.2.102\n-:ALL:ALL\n")
    said = pam_refusal("data", "root", "192.0.2.101", str(tmp_path))
    assert (said == "") is admitted, said
    assert admitted or said.startswith("PAM refuses them: ")
