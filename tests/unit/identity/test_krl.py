"""Revocation lists, as ssh-keygen reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils.identity.krl import KrlError, build, revoked
from plugin_utils.render import stand_in

CA = stand_in("ca")
NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,9}@[a-z]{1,5}", fullmatch=True), max_size=6)


@given(NAMES)
@settings(max_examples=50)
def test_what_is_built_is_read_again(names: list[str]) -> None:
    assert revoked(build([CA], names)) == sorted(set(names))
    assert build([CA, CA], [*names, *names]) == build([CA], names)


@given(NAMES, st.integers(0, 200))
@settings(max_examples=50)
def test_a_list_that_is_cut_is_refused(names: list[str], end: int) -> None:
    data, nobody = build([CA], ["sato@login1", *names]), build([CA], [])
    # What is left of it up to its first section is a whole list, of nobody.
    if end < len(data) and end != len(nobody):
        with pytest.raises(KrlError):
            revoked(data[:end])


def test_an_authority_that_is_no_key_is_named() -> None:
    with pytest.raises(KrlError, match="'sato' is no public key of an authority"):
        build(["sato"], ["sato@login1"])


def keygen(room: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ssh-keygen", *map(str, words)], cwd=room, capture_output=True, text=True, check=False)


def test_ssh_takes_it_as_meant(tmp_path: Path) -> None:
    for name in ("ca", "other", "sato"):
        keygen(tmp_path, "-q", "-t", "ed25519", "-N", "", "-f", name)
    (tmp_path / "krl").write_bytes(build([(tmp_path / "ca.pub").read_text()], ["sato@login1", "kato@login1"]))
    (tmp_path / "empty").write_bytes(build([], []))
    for authority, identity, status in (("ca", "sato@login1", 1), ("ca", "sato@login2", 0), ("other", "sato@login1", 0)):
        keygen(tmp_path, "-q", "-s", authority, "-I", identity, "-n", "sato", "sato.pub")
        assert keygen(tmp_path, "-Qf", "krl", "sato-cert.pub").returncode == status, (authority, identity)
        assert keygen(tmp_path, "-Qf", "empty", "sato-cert.pub").returncode == 0
