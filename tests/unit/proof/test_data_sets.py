"""Drift names what tells the audit of data sets, where it is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.proof.test_authorities import as_found, drift

STACK, PROGRAM = "/etc/pam.d/kakehashi-data-sshd", "/usr/local/sbin/kakehashi-data-sets"
LINE = f"session  optional   pam_exec.so quiet /bin/sh {PROGRAM} /srv/kakehashi"


def unhooked(files: dict[str, str]) -> None:
    files[STACK] = files[STACK].replace(f"{LINE}\n", "")


def elsewhere(files: dict[str, str]) -> None:
    files[STACK] = files[STACK].replace(LINE, LINE.replace("/srv/kakehashi", "/srv/other"))


def gone(files: dict[str, str]) -> None:
    del files[PROGRAM]


def emptied(files: dict[str, str]) -> None:
    files[PROGRAM] = "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (unhooked, f"lacks {LINE!r}"),
        (elsewhere, f"lacks {LINE!r} and has "),
        (gone, f"data1: PAM: {PROGRAM}: the file is missing"),
        (emptied, f"data1: PAM: {PROGRAM}:2: lacks "),
    ],
)
def test_a_data_server_that_was_silenced_is_drift(act: Callable[[dict[str, str]], None], words: str) -> None:
    found = as_found()
    act(found["data1"]["files"])
    [told] = drift(found)
    assert told.startswith("data1: PAM: ")
    assert words in told


def test_no_other_host_has_it() -> None:
    assert {name for name, host in as_found().items() if PROGRAM in host["files"]} == {
        name for name, host in as_found().items() if STACK in host["files"]
    }
