"""Builds the program of a log server: one file, the same bytes for the same source."""

from __future__ import annotations

import io
import pkgutil
import zipfile

from ..sessions import program as sessions

SESSION_MODULES = ("__init__", "frames", "words", "recordings")
MODULES = ("__init__", "export", "entries", "sealed", "alerts", "chain", "store", "recorder", "receiver", "command")
_MAIN = """import os
import sys

from kakehashi.audit.command import main

os.umask(0o027)
sys.exit(main())
"""


def build() -> bytes:
    """Return the program."""
    buffer = io.BytesIO()
    buffer.write(b"#!/usr/bin/python3 -I\n")
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_plain("kakehashi/__init__.py"), "")
        for name in MODULES:
            archive.writestr(_plain(f"kakehashi/audit/{name}.py"), _source(name))
        for name in SESSION_MODULES:
            archive.writestr(_plain(f"kakehashi/sessions/{name}.py"), sessions.source(name))
        archive.writestr(_plain("__main__.py"), _MAIN)
    return buffer.getvalue()


def _plain(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _source(name: str) -> bytes:
    data = pkgutil.get_data(__package__ or "", f"{name}.py")
    if data is None:
        raise FileNotFoundError(f"the source of {name} can't be read, so the program can't be built")
    return data
