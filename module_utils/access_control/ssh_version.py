"""Which OpenSSH runs, and what it can do."""

from __future__ import annotations

import re

_VERSION = re.compile(r"OpenSSH_(\d+)\.(\d+)")
PAM_SERVICE_NAME = (9, 8)  # PAMServiceName came with 9.8; before, the service was named after the program


def parse_version(text: str) -> tuple[int, int] | None:
    """Return major and minor number from the output of ``ssh -V``, or None when it is not OpenSSH's."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2])) if match else None


def knows_pam_service_name(version: tuple[int, int] | None) -> bool:
    """Return whether sshd's configuration can name the PAM service."""
    return version is not None and version >= PAM_SERVICE_NAME
