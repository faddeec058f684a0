"""What of sshd's configuration stands outside the one file that is to be owned. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .findings import Finding

_SETTING = re.compile(r"(\w+)(?:\s*=\s*|\s+|$)(.*)$")


@dataclass(frozen=True)
class Setting:
    """One line: its ``keyword`` (lower case), ``value``, the ``match`` it belongs to (empty: global) and its line number."""

    keyword: str
    value: str
    match: str
    line: int


def settings(text: str) -> list[Setting]:
    """Return the settings of one sshd_config file. A Match reaches to the next Match or to the file's end."""
    found: list[Setting] = []
    match = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        found_line = _SETTING.match(line)
        if found_line is None:
            continue
        keyword, value = found_line[1].lower(), found_line[2].strip()
        if keyword == "match":
            match = value
        found.append(Setting(keyword, value, match, number))
    return found


def sshd_findings(files: Mapping[str, str], owned: str, effective: str) -> Iterator[Finding]:
    """Yield each drop-in's settings and each Match block, by file; ``effective`` is the output of ``sshd -T``."""
    for path, text in files.items():
        for setting in settings(text):
            place = f"{path}:{setting.line}"
            if setting.keyword == "match":
                inside = [s for s in settings(text) if s.match == setting.value and s.keyword != "match"]
                words = ", ".join(dict.fromkeys(f"{s.keyword} {s.value}" for s in inside)) or "nothing"
                yield Finding("sshd", f"{place}: Match {setting.value}: {words}", "block: would be gone")
            elif path != owned and not setting.match:
                yield Finding(
                    "sshd",
                    f"{place}: {setting.keyword} {setting.value}",
                    "drop-in: would be gone",
                )
    yield from _effective_findings(effective)


def _effective_findings(effective: str) -> Iterator[Finding]:
    """Yield settings in force that let logins past the layers."""
    values = dict(line.split(None, 1) for line in effective.splitlines() if " " in line.strip())
    for keyword, bad, effect in (
        ("usepam", "no", "PAM is not asked today: would become yes"),
        ("usedns", "yes", "rules may rest on names that others control: would become no"),
        ("permitrootlogin", "yes", "root may log in today: would become no"),
        ("passwordauthentication", "yes", "passwords open sessions today: would become no"),
        ("permitemptypasswords", "yes", "empty passwords open sessions today: would become no"),
        ("allowtcpforwarding", "yes", "users may forward ports today: accounts could no longer"),
    ):
        if values.get(keyword) == bad:
            yield Finding("sshd", f"in force: {keyword} {bad}", effect)
    if values and values.get("port", "22") != "22":
        yield Finding("sshd", f"in force: port {values['port']}", "is not the declared service ssh: would become 22")
