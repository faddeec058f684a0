"""What is brought to hosts: pinned, and refused where it is another."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from module_utils.judges.exceptions import JudgesError
from plugin_utils import judges_pack
from plugin_utils.judges_pack import PINS, Pin, pins


def test_every_judge_is_pinned_by_hash() -> None:
    found = {pin.package: pin for pin in pins(PINS.read_text())}
    assert {"openscap-scanner", "libopenscap25", "ssg-debian", "lynis"} <= found.keys()
    assert found["ssg-debian"].suite == "trixie"
    assert all(len(pin.sha256) == 64 for pin in found.values())


def test_a_line_that_is_no_pin_is_named() -> None:
    with pytest.raises(JudgesError, match="line 2: expected package"):
        pins("# comment\nlynis 3.1.4-1\n")


def test_a_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "lynis_3.1.4-1_all.deb"
    package.write_bytes(b"something else")
    pin = Pin("lynis", "3.1.4-1", "trixie", "0" * 64)
    with pytest.raises(JudgesError, match="is not what"):
        judges_pack._check(pin, [package])
    with pytest.raises(JudgesError, match="did not come"):
        judges_pack._check(pin, [])
    judges_pack._check(Pin("lynis", "3.1.4-1", "trixie", hashlib.sha256(b"something else").hexdigest()), [package])


def test_no_archive_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges_pack, "_run", lambda *_words, **_more: "")
    with pytest.raises(JudgesError, match="names no archive of Debian"):
        judges_pack.judges_program(str(tmp_path))
    assert not list(tmp_path.glob("*.pyz"))
