"""A sealed credential is let in like any operator, and drift names what its alert rests on where that is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.proof.test_authorities import as_found, drift

STACK, PROGRAM = "/etc/pam.d/sshd", "/usr/local/sbin/kakehashi-break-glass"
LINE = "session  optional   pam_exec.so quiet type=open_session /bin/sh /usr/local/sbin/kakehashi-break-glass breakglass"


def unhooked(files: dict[str, str]) -> None:
    files[STACK] = files[STACK].replace(f"{LINE}\n", "")


def for_nobody(files: dict[str, str]) -> None:
    files[STACK] = files[STACK].replace(LINE, LINE.removesuffix(" breakglass"))


def gone(files: dict[str, str]) -> None:
    del files[PROGRAM]


def emptied(files: dict[str, str]) -> None:
    files[PROGRAM] = "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (unhooked, f"mdx1: PAM: {STACK}:13: lacks {LINE!r}"),
        (for_nobody, f"mdx1: PAM: {STACK}:13: lacks {LINE!r} and has "),
        (gone, f"mdx1: PAM: {PROGRAM}: the file is missing"),
        (emptied, f"mdx1: PAM: {PROGRAM}:2: lacks "),
    ],
)
def test_an_alert_that_was_silenced_is_drift(act: Callable[[dict[str, str]], None], words: str) -> None:
    found = as_found()
    act(found["mdx1"]["files"])
    [told] = drift(found)
    assert told.startswith(words)


def test_every_managed_host_raises_it() -> None:
    assert all(LINE in host["files"][STACK] and PROGRAM in host["files"] for host in as_found().values())
