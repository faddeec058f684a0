"""Runs the host's programs, so that one that is missing or says strange things ends in one sentence."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

inherited: list[int] = []
"""Open files that programs hold, too: a lock must not go with a module that is killed while its program still writes."""


def run(
    argv: Sequence[str], failure: type[Exception], text: str | None = None, directory: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` without a shell and return what it said; how it ended is the caller's to judge.

    ``text`` is its standard input; ``directory`` is where it is run, if not here. Bytes that are no UTF-8 are replaced.
    Raises ``failure`` where it can't be run at all.
    """
    try:
        return subprocess.run(  # noqa: S603 - words, no shell
            argv,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            pass_fds=inherited,
            cwd=directory,
        )
    except FileNotFoundError as error:
        raise failure(f"{argv[0]} is not installed: install the package that brings it, then run again") from error
    except OSError as error:
        raise failure(f"{argv[0]} can't be run: {error.strerror}; mend that, then run again") from error
