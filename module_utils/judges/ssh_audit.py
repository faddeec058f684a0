"""What ssh-audit says of one sshd, as findings. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .exceptions import Finding

SECTIONS = ("kex", "key", "enc", "mac")
LEVELS = ("fail", "warn")


def findings(host: str, service: str, text: str) -> list[Finding]:
    """Return every fail and warn in the output of ``ssh-audit --json``.

    Raises:
        ValueError: if the text isn't a whole audit: without any algorithm of each kind nothing was judged.
    """
    start = text.find("{")
    try:
        audit: Any = json.loads(text[start:] if start >= 0 else "")
    except ValueError as error:
        msg = "ssh-audit gave no answer that can be read"
        raise ValueError(msg) from error
    if not all(isinstance(audit.get(section), list) and audit[section] for section in SECTIONS):
        msg = "ssh-audit saw no algorithms, so it judged nothing"
        raise ValueError(msg)
    return sorted(_findings(host, service, audit))


def _findings(host: str, service: str, audit: dict[str, Any]) -> Iterator[Finding]:
    for section in SECTIONS:
        for row in audit[section]:
            notes = row.get("notes", {})
            for level in LEVELS:
                for note in notes.get(level, []):
                    yield Finding("ssh-audit", host, service, level, f"{section} {row['algorithm']}", note)
    for cve in audit.get("cves", []):
        yield Finding("ssh-audit", host, service, "fail", str(cve.get("name", "CVE")), str(cve.get("description", "")))
