"""Builds the program that records: one file, the same bytes for the same source."""

from __future__ import annotations

import io
import json
import pkgutil
import zipfile
from collections.abc import Mapping
from typing import Any

MODULES = ("__init__", "frames", "words", "keeper", "recorder", "command")
_MAIN = """import os
import sys

from sessions.command import main

sys.exit(main())
"""


def build() -> bytes:
    """Return the program."""
    buffer = io.BytesIO()
    buffer.write(b"#!/usr/bin/python3 -IS\n")
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in MODULES:
            archive.writestr(_plain(f"sessions/{name}.py"), source(name))
        archive.writestr(_plain("__main__.py"), _MAIN)
    return buffer.getvalue()


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return the file of its settings."""
    return json.dumps(settings, indent=1, sort_keys=True) + "\n"


def source(name: str) -> bytes:
    """Return the source of a module of this package."""
    data = pkgutil.get_data(__package__ or "", f"{name}.py")
    if data is None:
        raise FileNotFoundError(f"the source of {name} can't be read, so the program can't be built")
    return data


def _plain(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
