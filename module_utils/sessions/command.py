"""The program ``kakehashi-record``: ``keep`` is run by systemd for each session, no word by sudo for the user who logs in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .keeper import serve
from .recorder import record

PROGRAM = "/usr/local/sbin/kakehashi-record"
SETTINGS = "/etc/kakehashi/sessions.json"
_MIB = 20


def main() -> int:
    """Do what the words say; return the exit status."""
    settings = json.loads(Path(SETTINGS).read_text(encoding="utf-8"))
    if sys.argv[1:] == ["keep"]:
        return serve(int(settings["session_mib"]) << _MIB, int(settings["day_mib"]) << _MIB)
    return record(str(settings["shell"]), [str(name) for name in settings["admitted"]])
