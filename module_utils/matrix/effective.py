"""Reads under which settings a host's logins are decided: what lies on its disk and what runs. Changes nothing."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess  # only fixed programs, with argument lists
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..access_control.host import sshd_is_stale
from ..changes.running import without_traffic
from ..identity.krl import KrlError, revoked
from ..mountinfo import MOUNTINFO
from ..people.plan import RECORDED_SHELL, RECORDER, RECORDER_SETTINGS
from ..sessions.command import DASH, SHELL
from .packages import altered
from .surroundings import listening, packaged, privileged, with_acl

RULESET = "/etc/nftables.conf"
DEFAULTS = "/etc/default/ssh"
"""Debian's unit of sshd takes its options from here."""
_UNIT_ROOTS = ("/etc/systemd/system", "/run/systemd/system", "/run/systemd/system.control", "/usr/local/lib/systemd/system")
_UNIT_NAMES = ("ssh*.service", "ssh*.socket", "ssh*.d/*", "kakehashi-*.d/*", "service.d/*")
UNITS = tuple(f"{root}/{name}" for root in _UNIT_ROOTS for name in _UNIT_NAMES)
"""Where units of sshd are replaced or added to; links to the packages' own units aside."""
PACKAGE_UNITS = tuple(f"/usr/lib/systemd/system/{name}" for name in _UNIT_NAMES)
"""The packages' own place for them: read are only those that no package brought."""
ONWARD_PRIVATE = "/etc/kakehashi/onward/*/id_ed25519"
SIGNING_PUBLIC = "/etc/kakehashi/signing/id_ed25519.pub"
AUTHORITY = "/var/lib/kakehashi-authority/user_ca"
HOST_AUTHORITY = "/var/lib/kakehashi-host-authority/host_ca"
OTHER_HOST_AUTHORITY = "/var/lib/.other-kakehashi-host-authority/host_ca"
"""The pair beside it, while it is replaced."""
HOST_CERTIFICATE = "/etc/ssh/ssh_host_ed25519_key-cert.pub"
SIGNING_PRIVATE = SIGNING_PUBLIC.removesuffix(".pub")
REVOKED = "/etc/ssh/kakehashi-revoked-keys"
ALARM = "/usr/local/sbin/kakehashi-break-glass"
"""What PAM runs when a sealed credential is used."""
DATA_SETS = "/usr/local/sbin/kakehashi-data-sets"
"""What PAM runs at each login to data."""
_CLOSED = (ONWARD_PRIVATE, SIGNING_PRIVATE, AUTHORITY, HOST_AUTHORITY, OTHER_HOST_AUTHORITY, REVOKED)
"""Private keys, and a list that is no text: owner and mode alone are looked at."""
FILES = (
    RULESET,
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config_*",
    "/etc/ssh/sshd_config.d/*",
    "/etc/ssh/authorized_keys*/*",
    "/etc/ssh/auth_principals/*",
    "/etc/pam.d/*",
    ALARM,
    DATA_SETS,
    "/etc/security/access*.conf",
    "/etc/security/access.d/*",
    "/etc/systemd/network/*.network",
    "/etc/systemd/network/*.network.d/*",
    "/etc/sysctl.d/*.conf",
    "/etc/kakehashi/*.conf",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/kakehashi-*.socket",
    RECORDED_SHELL,
    RECORDER_SETTINGS,
    *UNITS,
    "/etc/kakehashi/onward/*/id_ed25519.pub",
    "/etc/ssh/kakehashi-user-authorities",
    "/etc/kakehashi/authority/*.json",
    SIGNING_PUBLIC,
    f"{AUTHORITY}.pub",
    f"{HOST_AUTHORITY}.pub",
    f"{OTHER_HOST_AUTHORITY}.pub",
    HOST_CERTIFICATE,
    "/etc/ssh/kakehashi-host-authorities",
    DEFAULTS,
    "/etc/sudoers",
    "/etc/sudoers.d/*",
    "/root/.ssh/authorized_keys*",
    "/root/.rhosts",
    "/root/.shosts",
    "/etc/passwd",
    "/etc/group",
)
"""What decides logins. Homes are added for the users there are; of shadow only whether a password is set."""
_HOME_FILES = (".ssh/authorized_keys", ".ssh/authorized_keys2", ".shosts", ".rhosts", ".ssh/rc", ".ssh/environment")
_HOMES = ("/home/", "/srv/")
_PACKAGED = ("/lib/systemd/", "/usr/lib/systemd/")
DATA_CONFIG, SIGN_CONFIG = "/etc/ssh/sshd_config_data", "/etc/ssh/sshd_config_sign"
_SOCKET = "Id,Listen,ActiveState,FragmentPath"
_LIMIT = 262144
_MARK = "end of one answer"
_QUICK = 20
_PASSWD_FIELDS = 7


def gather(connections: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return a host's effective settings; ``connections`` are ``{user, address}`` to ask sshd about.

    Keys: ``files`` (text by path), ``owned`` (uid, gid, mode by path), ``shadow`` (hashes left out),
    ``programs`` (digest by path of what records and begins sessions),
    ``fingerprints`` (by authorized keys file), ``revoked`` (names of certificates; ``None`` without a list that can be read),
    ``sshd`` (digest by ``user@address``) with ``sshd_texts`` (``sshd -T`` output by digest), ``ruleset`` as it runs,
    ``ruleset_of_file`` as the file would run, ``sockets``, ``daemons`` (command lines of the sshds that listen),
    ``sshd_stale``, ``data_sshd_stale`` and ``sign_sshd_stale`` (the configuration is newer than what was read),
    ``certificate_stale`` (so is the certificate that sshd shows),
    ``filter_at_boot`` (what systemd says of its unit), ``host_keys`` and ``problems`` in words. From surroundings.py:
    ``acls`` (of the owned), ``privileged``, ``altered`` (from packages.py), ``listening`` with ``socket_units``, and ``mounts``.
    """
    problems: list[str] = []
    of_packages = read_files(PACKAGE_UNITS)
    by_packages = packaged(of_packages)
    files = {**read_files(FILES), **{path: text for path, text in of_packages.items() if path not in by_packages}}
    problems += [f"{name} is longer than {_LIMIT} characters, what stands behind was not read" for name in _cut(files)]
    owned = ownership((*FILES, *_CLOSED, RECORDER, SHELL))
    files.update(read_homes(files.get("/etc/passwd", "")))
    asked, texts = _ask_sshd(connections, problems)
    return {
        "files": files,
        "owned": owned,
        "shadow": redacted_shadow(_text(Path("/etc/shadow"))),
        "revoked": _revoked(Path(REVOKED)),
        "programs": digests((RECORDER, SHELL, DASH)),
        "fingerprints": {p: fingerprints(p) for p in sorted(files) if "authorized_keys" in p},
        "sshd": asked,
        "sshd_texts": texts,
        "ruleset": without_traffic(_said(["nft", "-s", "list", "ruleset"], problems)),
        "ruleset_of_file": _loaded_apart(problems) if RULESET in files else "",
        "sockets": sorted(_said(["ss", "-Hltn"], problems).splitlines()),
        "daemons": listeners(Path("/proc")),
        "acls": with_acl(owned),
        "privileged": privileged(problems),
        "altered": altered(problems),
        "listening": listening(_said(["ss", "-Hltnp"], problems).splitlines()),
        "socket_units": _said(["systemctl", "show", "*.socket", f"--property={_SOCKET}"], problems),
        "mounts": _mounts(),
        "sshd_stale": sshd_is_stale(),
        "certificate_stale": sshd_is_stale(config=HOST_CERTIFICATE),
        "data_sshd_stale": sshd_is_stale("kakehashi-data-sshd", DATA_CONFIG, "/run/kakehashi-data-sshd/sshd.pid"),
        "sign_sshd_stale": sshd_is_stale("kakehashi-sign-sshd", SIGN_CONFIG, "/run/kakehashi-sign-sshd/sshd.pid"),
        "filter_at_boot": _state_at_boot("nftables.service"),
        "host_keys": [_text(Path(p)).strip() for p in _matching("/etc/ssh/ssh_host_*_key.pub")],
        "problems": problems,
    }


def read_files(patterns: Sequence[str]) -> dict[str, str]:
    """Return the text of every regular file of root's that matches, by path."""
    return {name: _text(Path(name)) for name in _regular(patterns)}


def digests(paths: Sequence[str]) -> dict[str, str]:
    """Return the sha256 of each file that is there, by path."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found[path] = sha256(Path(path).read_bytes()).hexdigest()
    return found


def ownership(patterns: Sequence[str]) -> dict[str, list[int]]:
    """Return uid, gid and mode of what matches and of the directories that hold it, by path."""
    files = _regular(patterns)
    found = {}
    for name in sorted({*files, *(str(Path(name).parent) for name in files)}):
        with contextlib.suppress(OSError):
            status = Path(name).stat()
            found[name] = [status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)]
    return found


def _regular(patterns: Sequence[str]) -> list[str]:
    names = sorted({name for pattern in patterns for name in _matching(pattern)})
    return [name for name in names if Path(name).is_file() and not _is_packaged(Path(name))]


def _is_packaged(path: Path) -> bool:
    """Return whether a path is what `systemctl enable` makes: a link to a unit of a package."""
    return path.is_symlink() and os.path.normpath(path.parent / path.readlink()).startswith(_PACKAGED)


def _revoked(path: Path) -> list[str] | None:
    try:
        return revoked(path.read_bytes())
    except (OSError, KrlError):
        return None


def _cut(files: Mapping[str, str]) -> list[str]:
    return sorted(name for name, text in files.items() if len(text) >= _LIMIT)


def _state_at_boot(unit: str) -> str:
    """Return what ``systemctl is-enabled`` says, whose exit status says the same once more."""
    try:
        done = subprocess.run(["systemctl", "is-enabled", unit], capture_output=True, text=True, timeout=_QUICK, check=False)  # noqa: S603, S607 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def read_homes(passwd: str) -> dict[str, str]:
    """Return what lies in users' homes and bears on logins, by path.

    Root reads there as a guest: no link is followed, nothing is waited for, and only a user's own file is read.
    """
    found = {}
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) == _PASSWD_FIELDS and fields[2].isdigit() and fields[5].startswith(_HOMES):
            for name in _HOME_FILES:
                text = _own_text(fields[5], name, int(fields[2]))
                if text is not None:
                    found[f"{fields[5]}/{name}"] = text
    return found


def _own_text(home: str, name: str, uid: int) -> str | None:
    """Return the text of a user's file below ``home``; why it isn't read, as a comment; ``None`` where there is none."""
    careful = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    directory, _slash, last = name.rpartition("/")
    opened: list[int] = []
    try:
        opened.append(os.open(home, careful | os.O_DIRECTORY))
        if directory:
            opened.append(os.open(directory, careful | os.O_DIRECTORY, dir_fd=opened[-1]))
        opened.append(os.open(last, careful, dir_fd=opened[-1]))
        status = os.fstat(opened[-1])
        if not stat.S_ISREG(status.st_mode) or status.st_uid != uid:
            return "# not read: it is not a file of the user's own\n"
        return os.read(opened[-1], _LIMIT).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"# not read: {error.strerror}\n"
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _matching(pattern: str) -> list[str]:
    return sorted(str(path) for path in Path("/").glob(pattern.lstrip("/")))


def listeners(proc: Path) -> list[str]:
    """Return the command lines of the sshds that listen in this network: options given there override every file."""
    here, found = _namespace(proc / "self"), set()
    for entry in proc.glob("[0-9]*"):
        if not _is_sshd(entry) or _namespace(entry) != here:
            continue
        words = _text(entry / "cmdline").replace("\0", " ").split()
        # It titles itself by the name it was started under: "sshd: PROGRAM WORDS [listener] …".
        title = bool(words) and words[0].endswith(":")
        program = words[1:] if title else words
        if program:
            if title and "[listener]" not in program:
                continue
            found.add(" ".join(program[: program.index("[listener]")] if title else program))
    return sorted(found)


def _is_sshd(process: Path) -> bool:
    """Return whether root runs sshd there, whatever the process calls itself."""
    try:
        return (process / "exe").readlink().name == "sshd" and process.stat().st_uid == 0
    except OSError:
        return False


def _namespace(process: Path) -> str:
    try:
        return str((process / "ns/net").readlink())
    except OSError:
        return ""


def redacted_shadow(text: str) -> str:
    """Return shadow(5) without hashes: whether there is a password, and whether it is locked, stays to be seen."""
    lines = []
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > 1 and (match := re.match(r"(!*)(\*?)(.*)", fields[1])):
            fields[1] = f"{match[1]}{match[2]}{'$redacted$' if match[3] else ''}"
        lines.append(":".join(fields))
    return "".join(f"{line}\n" for line in lines)


def fingerprints(path: str) -> list[str]:
    """Return the fingerprints of a file of public keys, as ``ssh-keygen -l`` says them; none where it holds none."""
    return _said(["ssh-keygen", "-lf", path], []).splitlines()


def _ask_sshd(connections: Sequence[Mapping[str, str]], problems: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return sshd's answers. It wants a directory on /run that socket activation makes only for a connection's time."""
    specs = [f"user={c['user']},host={c['address']},addr={c['address']}" for c in connections]
    script = (
        "mount -t tmpfs none /run && mkdir -m 755 /run/sshd || exit; "
        f'for spec; do /usr/sbin/sshd -T -C "$spec" || exit; echo "{_MARK}"; done'
    )
    said = _said(["unshare", "--mount", "sh", "-c", script, "sh", *specs], problems) if specs else ""
    asked: dict[str, str] = {}
    texts: dict[str, str] = {}
    for one, text in zip(connections, said.split(f"{_MARK}\n"), strict=False):
        if text:
            digest = sha256(text.encode()).hexdigest()[:12]
            texts[digest] = text
            asked[f"{one['user']}@{one['address']}"] = digest
    return asked, texts


def _loaded_apart(problems: list[str]) -> str:
    """Return the ruleset that the file makes, listed as nft lists it: loaded into a network namespace of its own."""
    script = f"nft -f {RULESET} && nft -s list ruleset"
    return _said(["unshare", "--net", "sh", "-c", script], problems)


def _said(argv: list[str], problems: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs
            argv,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_QUICK,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        problems.append(f"{' '.join(argv[:4])}: {error}")
        return ""
    if done.returncode != 0:
        problems.append(f"{' '.join(argv[:4])}: {(done.stderr.strip() or f'exit status {done.returncode}')[:300]}")
        return ""
    return done.stdout


def _mounts() -> str:
    """Return the kernel's list of mounts, its line ends untouched: users name the places."""
    try:
        return MOUNTINFO.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LIMIT)
    except OSError:
        return ""
