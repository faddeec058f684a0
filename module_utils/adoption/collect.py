"""Reads a machine in service and changes nothing on it. Runs on that machine: standard library only.

No password hash, private key or command line of a job is handed over.
"""

from __future__ import annotations

import contextlib
import grp
import pwd
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .people import password_states, users

Run = Callable[[list[str]], "tuple[int, str, str]"]
LIMIT = 1 << 20
"""Files larger than this many bytes are not handed over."""

_COMMANDS: Mapping[str, list[str]] = {
    "sshd_effective": ["sshd", "-T"],
    "listeners": ["ss", "-H", "-tulpn"],
    "connections": ["ss", "-H", "-tnp", "state", "established"],
    "ruleset": ["nft", "-j", "list", "ruleset"],
    "addresses": ["ip", "-j", "address"],
    "routes4": ["ip", "-j", "-4", "route"],
    "routes6": ["ip", "-j", "-6", "route"],
}
_SSHD_FILES = ("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf")
_SUDO_FILES = ("/etc/sudoers", "/etc/sudoers.d/*")
_CRON_FILES = ("/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/crontabs/*")
_NETWORK_FILES = ("/etc/netplan/*.yaml", "/etc/NetworkManager/system-connections/*", "/etc/network/interfaces.d/*")
_SPOOL = "/var/spool/cron/atjobs/*"
_LINGER = "/var/lib/systemd/linger/*"


def survey(run: Run, paths: Iterable[str]) -> dict[str, Any]:
    """Return what stands on this machine.

    ``run`` starts a program and returns (rc, stdout, stderr); ``paths`` are files
    whose content is asked for. What can't be read is named under ``unread`` and left out.
    """
    unread: list[str] = []
    facts: dict[str, Any] = {name: _command(run, argv, unread) for name, argv in _COMMANDS.items()}
    shadow = _read("/etc/shadow", unread)
    passwd = _read("/etc/passwd", unread)
    passwords = password_states(shadow)
    facts.update(
        passwd=passwd,
        passwords=passwords,
        groups=_read("/etc/group", unread),
        sshd_files=_texts(_SSHD_FILES, unread),
        sudo_files=_texts(_SUDO_FILES, unread),
        crontabs=_crontabs(run, unread),
        at_jobs=[Path(p).name for p in sorted(matching(_SPOOL))],
        linger=[Path(p).name for p in sorted(matching(_LINGER))],
        authorized_keys=_authorized_keys(passwd, passwords, facts["sshd_effective"], unread),
        user_units=_user_units(passwd, passwords),
        processes=_processes(),
        network_files=_network_files(unread),
        iptables_legacy=_legacy_tables(run, unread),
        files={path: _file(path) for path in paths},
        unread=unread,
    )
    return facts


def matching(pattern: str) -> list[str]:
    """Return the paths that match an absolute pattern."""
    return [str(path) for path in Path("/").glob(pattern.lstrip("/"))]


def _command(run: Run, argv: list[str], unread: list[str]) -> str:
    code, out, err = run(argv)
    if code == 0:
        return out
    lines = (err or out).strip().splitlines()
    reason = lines[-1] if lines else f"ended with {code}"
    unread.append(f"{' '.join(argv[:3])}: {reason}")
    return ""


def _read(path: str, unread: list[str]) -> str:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(LIMIT).decode("utf-8", "replace")
    except OSError as error:
        unread.append(f"{path}: {error.strerror}")
        return ""


def _texts(patterns: Iterable[str], unread: list[str]) -> dict[str, str]:
    names = [name for pattern in patterns for name in sorted(matching(pattern)) if Path(name).is_file()]
    return {name: _read(name, unread) for name in names if not name.endswith((".dpkg-dist", ".dpkg-old", "~", "README"))}


def _crontabs(run: Run, unread: list[str]) -> dict[str, str]:
    """Return the crontabs that no Debian package brought along."""
    found = _texts(_CRON_FILES, unread)
    out = run(["dpkg-query", "--search", *found])[1] if found else ""
    packaged = {line.partition(": ")[2] for line in out.splitlines()}
    return {path: text for path, text in found.items() if path not in packaged}


def _authorized_keys(passwd: str, passwords: Mapping[str, str], effective: str, unread: list[str]) -> list[dict[str, str]]:
    """Return every authorized_keys file that sshd looks at: its own places, and the usual two where they are unknown."""
    lines = [line.split()[1:] for line in effective.splitlines() if line.lower().startswith("authorizedkeysfile ")]
    patterns = lines[0] if lines else [".ssh/authorized_keys", ".ssh/authorized_keys2"]
    found = []
    for user in users(passwd, passwords):
        for pattern in patterns:
            name = pattern.replace("%h", user.home).replace("%u", user.name).replace("%U", str(user.uid)).replace("%%", "%")
            path = Path(name) if name.startswith("/") else Path(user.home) / name
            if _is_file(path):
                found.append({"user": user.name, "path": str(path), "text": _read(str(path), unread)})
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _user_units(passwd: str, passwords: Mapping[str, str]) -> list[str]:
    """Return the units that users enabled for themselves."""
    homes = sorted({user.home for user in users(passwd, passwords) if user.has_shell and user.home != "/"})
    return [path for home in homes for path in sorted(matching(f"{home}/.config/systemd/user/*.wants/*"))]


def _processes(root: str = "/proc") -> dict[str, dict[str, int]]:
    """Return how many processes run of each program, by the number of their user. Names only: arguments may hold secrets."""
    found: dict[str, Counter[str]] = {}
    for process in Path(root).iterdir():
        if process.name.isdigit():
            # It may end while it is looked at.
            with contextlib.suppress(OSError):
                uid = process.stat().st_uid
                found.setdefault(str(uid), Counter())[_program(process)] += 1
    return {uid: dict(programs) for uid, programs in found.items()}


def _program(process: Path) -> str:
    """Return the name a process goes by, in one line: whoever runs it may choose it."""
    return " ".join((process / "comm").read_text(errors="replace").split())


def _network_files(unread: list[str]) -> list[str]:
    found = [path for pattern in _NETWORK_FILES for path in sorted(matching(pattern))]
    main = Path("/etc/network/interfaces")
    if main.exists():
        stanzas = [line.split() for line in _read(str(main), unread).splitlines()]
        names = [words[1] for words in stanzas if len(words) > 1 and words[0] == "iface" and words[1] != "lo"]
        if names:
            found.append(f"{main} ({', '.join(dict.fromkeys(names))})")
    return found


def _legacy_tables(run: Run, unread: list[str]) -> dict[str, str]:
    """Return the old iptables' tables that are in use. Asking for another one would create it, so none other is asked for."""
    found = {}
    for family, program in (("ip", "iptables-legacy-save"), ("ip6", "ip6tables-legacy-save")):
        names = Path(f"/proc/net/{family}_tables_names")
        if names.exists():
            for table in _read(str(names), unread).split():
                found[f"{family} {table}"] = _command(run, [program, "-t", table], unread)
    return found


def _file(path: str) -> dict[str, Any]:
    place = Path(path)
    try:
        about = place.lstat()
    except OSError:
        return {"kind": "missing"}
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))
    kind = next((name for test, name in kinds if test(about.st_mode)), "other")
    return {
        "kind": kind,
        "mode": f"{stat.S_IMODE(about.st_mode):04o}",
        "owner": _name(about.st_uid, lambda n: pwd.getpwuid(n).pw_name),
        "group": _name(about.st_gid, lambda n: grp.getgrgid(n).gr_name),
        "content": _content(place) if kind in ("file", "link") else "",
    }


def _name(number: int, look_up: Callable[[int], str]) -> str:
    try:
        return look_up(number)
    except KeyError:
        return str(number)


def _content(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""
