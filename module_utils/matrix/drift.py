"""Where what is found on hosts and switches differs from what was put there. Names host, layer, file and line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..fabric.access import SIGNING_USER
from ..identity.fields import CertificateError
from ..identity.host_certificates import DAY, Needed, fault, left, read
from ..people.plan import RECORDED_SHELL, RECORDER, RECORDER_SETTINGS
from ..proof.layer2 import EVERY_VLAN, Port
from .effective import (
    ALARM,
    AUTHORITY,
    DATA_SETS,
    DEFAULTS,
    HOST_AUTHORITY,
    HOST_CERTIFICATE,
    OTHER_HOST_AUTHORITY,
    REVOKED,
    RULESET,
    SIGNING_PRIVATE,
)

PACKET_FILTER, SSHD, PAM, KEYS, NETWORK, SWITCH = "packet filter", "sshd", "PAM", "keys", "network", "switch"
SUDO, RECORDING = "sudo", "recording"
_SHOWN = 3
ONWARD = "/etc/kakehashi/onward/"
_INTERNAL = frozenset({"br0"})
"""The bridge's own port."""


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """One finding: the ``layer`` of ``host`` that isn't as it was made, where (``place``: file and line), and how."""

    host: str
    layer: str
    place: str
    message: str

    def text(self) -> str:
        """Return the finding as one sentence."""
        return f"{self.host}: {self.layer}: {self.place}: {self.message}"


def layer_of(path: str) -> str:
    """Return the layer that a file belongs to."""
    if path == RULESET:
        return PACKET_FILTER
    if path.startswith(("/etc/pam.d/", "/etc/security/")) or path in (ALARM, DATA_SETS):
        return PAM
    if path in (RECORDED_SHELL, RECORDER, RECORDER_SETTINGS) or path.rpartition("/")[2].startswith("kakehashi-sessions"):
        return RECORDING
    if "authorit" in path or "authorized_keys" in path or "/.ssh/" in path or path.endswith(("hosts", "principals")):
        return KEYS
    return SSHD if path.startswith("/etc/ssh/") or "ssh" in path else NETWORK


def files_drift(host: str, wanted: Mapping[str, str], seen: Mapping[str, str], exclusive: tuple[str, ...]) -> Iterator[Drift]:
    """Yield each file that is missing, differs, or lies where only wanted files may: in the ``exclusive`` directories."""
    for path in sorted(wanted):
        if path not in seen:
            yield Drift(host, layer_of(path), path, "the file is missing")
        elif (change := _first_change(host, layer_of(path), path, wanted[path], seen[path])) is not None:
            yield change
    for path in sorted(set(seen) - set(wanted)):
        if path.startswith(exclusive):
            first = next((line for line in seen[path].splitlines() if line.strip()), "")
            yield Drift(host, layer_of(path), f"{path}:1", f"nothing of ours put this file here: {first.strip()[:80]!r}")


def ruleset_drift(host: str, running: str, of_file: str) -> Iterator[Drift]:
    """Yield how the running ruleset differs from the one that its file makes (both as nft lists them)."""
    if running == of_file:
        return
    if not running.strip():
        yield Drift(host, PACKET_FILTER, RULESET, "the layer is missing: no ruleset runs")
        return
    if not of_file.strip():
        yield Drift(host, PACKET_FILTER, RULESET, "the file makes no ruleset that could be loaded; after a reboot there is none")
        return
    if (change := _first_change(host, PACKET_FILTER, "running ruleset", of_file, running)) is not None:
        yield change


def options_drift(host: str, daemons: Sequence[str], defaults: str, configs: Collection[str]) -> Iterator[Drift]:
    """Yield options that sshd gets beside its configuration: they win over every file of it.

    ``daemons`` are command lines of sshds that listen, ``defaults`` is the text of /etc/default/ssh, ``configs`` are
    the configuration files that may be named with -f.
    """
    for line in daemons:
        _program, *options = line.split()
        strange = [word for word in options if word not in {"-D", "-e", "-f", *configs}]
        if strange:
            yield Drift(host, SSHD, "running daemon", f"runs with options of its own: {line!r}")
    for number, line in enumerate(defaults.splitlines(), 1):
        name, _equals, value = line.strip().partition("=")
        if name.removeprefix("export ").strip() == "SSHD_OPTS" and value.strip("\"' "):
            yield Drift(host, SSHD, f"{DEFAULTS}:{number}", f"gives sshd options of its own: {line.strip()!r}")


def modes_drift(host: str, owned: Mapping[str, Sequence[int]], groups: Mapping[str, int]) -> Iterator[Drift]:
    """Yield what others than root could change, and private keys that others can read than those whose they are.

    ``owned`` is uid, gid and mode by path, ``groups`` the number of each group of the host.
    """
    for path, (uid, gid, mode) in owned.items():
        if uid != 0 or mode & 0o022:
            yield Drift(host, layer_of(path), path, f"others than root can change it: owner {uid}, mode {mode:04o}")
        reader = _reader(path)
        if reader and (mode & 0o007 or (mode & 0o070 and gid != groups.get(reader))):
            yield Drift(host, KEYS, path, f"others than {reader} can read it: group {gid}, mode {mode:04o}")


def _reader(path: str) -> str:
    """Return the group that may read a private key, or nothing where the file is none."""
    if path.startswith(ONWARD) and path.endswith("/id_ed25519"):
        return path.removeprefix(ONWARD).partition("/")[0]
    roots = dict.fromkeys((SIGNING_PRIVATE, HOST_AUTHORITY, OTHER_HOST_AUTHORITY), "root")
    return {**roots, AUTHORITY: SIGNING_USER}.get(path, "")


def revocations_drift(host: str, wanted: Collection[str], seen: Collection[str] | None) -> Iterator[Drift]:
    """Yield where the list of revoked certificates is missing, or names others than those who left."""
    if seen is None:
        yield Drift(host, KEYS, REVOKED, "is missing or can't be read, so sshd refuses every key")
        return
    for name in sorted(set(wanted) - set(seen)):
        yield Drift(host, KEYS, REVOKED, f"certificates named {name} are not revoked")
    for name in sorted(set(seen) - set(wanted)):
        yield Drift(host, KEYS, REVOKED, f"certificates named {name} are revoked, and nobody declared that")


def certificate_drift(host: str, line: str, needed: Needed, now: float) -> Iterator[Drift]:
    """Yield how a host's certificate (its ``line``) is not the one that is needed, or is in the last quarter of its life."""
    if not line.strip():
        yield Drift(host, SSHD, HOST_CERTIFICATE, "the certificate is missing, so the host is known by its key alone")
        return
    try:
        found = read(line)
        said = fault(found, needed)
    except CertificateError as error:
        said = str(error)
        yield Drift(host, SSHD, HOST_CERTIFICATE, f"can't be judged: {said}")
        return
    days = (found.ends - now) / DAY
    if not said and days <= 0:
        said = "it has ended, so the host is known by its key alone"
    elif not said and left(found, now) < 1 / 4:
        said = f"it ends in {days:.0f} days and should have been renewed: run playbooks/site.yml"
    if said:
        yield Drift(host, SSHD, HOST_CERTIFICATE, said)


def _first_change(host: str, layer: str, place: str, wanted: str, seen: str) -> Drift | None:
    """Return the first lines that differ, with the line's number in ``seen``; ``None`` where only empty lines do."""
    want = [line for line in wanted.splitlines() if line.strip()]
    have = [(number, line) for number, line in enumerate(seen.splitlines(), 1) if line.strip()]
    matcher = SequenceMatcher(None, want, [line for _number, line in have], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            parts = [f"lacks {_quoted(want[a:b])}"] if want[a:b] else []
            parts += [f"has {_quoted([line for _number, line in have[c:d]])}"] if have[c:d] else []
            line = have[min(c, len(have) - 1)][0] if have else 1
            return Drift(host, layer, f"{place}:{line}", " and ".join(parts))
    if seen and not seen.endswith("\n") and wanted.endswith("\n"):
        return Drift(host, layer, f"{place}:{len(seen.splitlines())}", "the last line lacks its end, so it may be ignored")
    return None


def _quoted(lines: list[str]) -> str:
    said = [repr(line.strip()) for line in lines]
    return ", ".join(said[:_SHOWN]) + (f" and {len(said) - _SHOWN} more lines" if len(said) > _SHOWN else "")


def ports_drift(switch: str, wanted: Mapping[str, Port], seen: Mapping[str, Port]) -> Iterator[Drift]:
    """Yield ports that carry other VLANs than declared, are missing, or are there without a declaration."""
    for port in sorted({*wanted, *seen} - _INTERNAL):
        if port not in seen:
            yield Drift(switch, SWITCH, f"port {port}", f"is missing; it is to carry {carried(wanted[port])}")
        elif port not in wanted:
            yield Drift(switch, SWITCH, f"port {port}", f"carries {carried(seen[port])} and isn't declared")
        elif seen[port] != wanted[port]:
            yield Drift(switch, SWITCH, f"port {port}", f"carries {carried(seen[port])}, declared is {carried(wanted[port])}")


def carried(port: Port) -> str:
    """Return what a port carries, in words."""
    if len(port.tagged) >= len(EVERY_VLAN) - 1:
        return "every VLAN"
    parts = [f"VLAN {port.untagged} untagged"] if port.untagged is not None else []
    parts += [f"VLANs {', '.join(map(str, sorted(port.tagged)))} tagged"] if port.tagged else []
    return " and ".join(parts) or "nothing"
