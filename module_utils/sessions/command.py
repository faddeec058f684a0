"""The program ``kakehashi-record``: ``keep`` is run by systemd for each session, no word by sudo for the user who logs in.

``check`` does nothing but begin.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .keeper import serve
from .recorder import REFUSED, record

PROGRAM = "/usr/local/sbin/kakehashi-record"
SETTINGS = "/etc/kakehashi/sessions.json"
BEGINNING = "/usr/local/sbin/kakehashi-session"
"""What sshd begins sessions by."""
SHELL, DASH = "/usr/local/sbin/kakehashi-shell", "/bin/dash"
"""What runs that, and of what it is a copy; with SHELL_MODE users run it and don't read it."""
SHELL_MODE = 0o711
_MIB = 20


def main() -> int:
    """Do what the words say; return the exit status."""
    try:
        settings = json.loads(Path(SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"This session can't be recorded: {SETTINGS} can't be read ({error}).\n")
        return REFUSED
    if sys.argv[1:] == ["check"]:
        return 0  # it begins, and its settings can be read
    if sys.argv[1:] == ["keep"]:
        return serve(int(settings["session_mib"]) << _MIB, int(settings["day_mib"]) << _MIB)
    return record(str(settings["shell"]), [str(name) for name in settings["admitted"]])
