"""Names who and what is on a host or switch beside what was declared: people, programs, listeners, mounts, rules. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..access_control.mounts import REQUIRED, mounted_below
from ..adoption.people import users
from ..mountinfo import shown
from ..people.plan import RECORDED_SHELL
from ..sessions.command import DASH, SHELL, SHELL_MODE
from .drift import KEYS, NETWORK, ONWARD, RECORDING, SWITCH, Drift, layer_of
from .surroundings import SSHD

PEOPLE, PROGRAMS, DATA = "people", "programs", "data sets"
KEEPERS = "kakehashi-sessions.socket"
_GROUP_FIELDS = 4
_OURS = ("/lib/systemd/", "/usr/lib/systemd/")
_LOOPBACK = ("127.", "[::1]", "[::ffff:127.")
_MARK = "--"
_SWITCHED = re.compile(r"(?:cookie=0x0, ?)?(?:table=0, ?)?priority=0,? ?actions=NORMAL")
"""The one rule of a switch that forwards by its ports' VLANs."""


def members_drift(host: str, group: str, passwd: str, accounts: Collection[str]) -> Iterator[Drift]:
    """Yield who is in an account's own group and isn't that account: the group reads the account's onward key."""
    rows = [fields for line in group.splitlines() if len(fields := line.split(":")) == _GROUP_FIELDS]
    number = {fields[0]: fields[2] for fields in rows}
    for account in sorted(set(accounts) & set(number)):
        inside = {name for fields in rows if fields[2] == number[account] for name in fields[3].split(",") if name}
        inside |= {user.name for user in users(passwd, {}) if str(user.gid) == number[account]}
        for name in sorted(inside - {account}):
            yield Drift(host, PEOPLE, f"/etc/group: {account}", f"{name} is in {account}'s own group, so reads what is for it")


def numbers_drift(host: str, passwd: str, declared: Mapping[str, int]) -> Iterator[Drift]:
    """Yield declared people with another uid, and names that share one (``sudo_drift`` names root's)."""
    names: dict[int, list[str]] = {}
    for user in users(passwd, {}):
        names.setdefault(user.uid, []).append(user.name)
        if user.uid != declared.get(user.name, user.uid):
            yield Drift(host, PEOPLE, f"/etc/passwd: {user.name}", f"has uid {user.uid}, declared is {declared[user.name]}")
    for uid, shared in sorted(names.items()):
        if uid != 0 and len(shared) > 1:
            yield Drift(host, PEOPLE, f"/etc/passwd: {', '.join(shared)}", f"are one user to the kernel: all have uid {uid}")


def shells_drift(host: str, passwd: str, recorded: Collection[str]) -> Iterator[Drift]:
    """Yield whose sessions are to be recorded, and whose login shell isn't what begins the recording."""
    for user in users(passwd, {}):
        if user.name in recorded and user.shell != RECORDED_SHELL:
            words = f"the shell is {user.shell}, so what sshd runs for {user.name} begins unrecorded"
            yield Drift(host, PEOPLE, f"/etc/passwd: {user.name}", words)


def programs_drift(host: str, wanted: Mapping[str, str], seen: Mapping[str, str]) -> Iterator[Drift]:
    """Yield what records sessions and is missing, or isn't what would be written; both are digests by path."""
    for path, digest in sorted(wanted.items()):
        if path not in seen:
            yield Drift(host, RECORDING, path, "the program is missing")
        elif seen[path] != digest:
            yield Drift(host, RECORDING, path, "the program is another than the one that would be written")


def session_shell_drift(host: str, seen: Mapping[str, str], owned: Mapping[str, Sequence[int]]) -> Iterator[Drift]:
    """Yield that what runs the beginning of sessions is missing, another than the host's dash, or can be read by its users.

    ``seen`` are digests by path, ``owned`` uid, gid and mode by path.
    """
    if SHELL not in seen:
        yield Drift(host, RECORDING, SHELL, "the shell of what begins sessions is missing: no session begins")
    elif seen[SHELL] != seen.get(DASH):
        yield Drift(host, RECORDING, SHELL, f"the shell of what begins sessions is another than this host's {DASH}")
    mode = owned.get(SHELL, (0, 0, SHELL_MODE))[2]
    if mode != SHELL_MODE:
        words = f"its mode is {mode:04o}, not {SHELL_MODE:04o}: who can read it sees what the beginning of a session holds open"
        yield Drift(host, RECORDING, SHELL, words)


def keeper_drift(host: str, socket_units: str) -> Iterator[Drift]:
    """Yield that nobody takes recordings: the keepers' socket isn't active. ``socket_units`` as in ``listeners_drift``."""
    blocks = [block.splitlines() for block in socket_units.split("\n\n")]
    states = [line.partition("=")[2] for block in blocks if f"Id={KEEPERS}" in block for line in block if "ActiveState=" in line]
    if "active" not in states:
        words = f"is {states[0] if states else 'not active'}: accounts can't log in, and operators' sessions are not recorded"
        yield Drift(host, RECORDING, KEEPERS, words)


def acl_drift(host: str, paths: Iterable[str]) -> Iterator[Drift]:
    """Yield files of logins that have an access control list."""
    for path in paths:
        layer = KEYS if path.startswith(ONWARD) else layer_of(path)
        yield Drift(host, layer, path, "has an access control list, which gives others rights that its mode doesn't show")


def privileged_drift(host: str, found: Mapping[str, str]) -> Iterator[Drift]:
    """Yield programs with more rights than their caller's that no package brought."""
    for path, rights in sorted(found.items()):
        yield Drift(host, PROGRAMS, path, f"runs with {rights}, and no package brought it")


def altered_drift(host: str, paths: Iterable[str]) -> Iterator[Drift]:
    """Yield files that aren't what their package brought."""
    for path in paths:
        yield Drift(host, PROGRAMS, path, "is not what its package brought: somebody changed it in place")


def listeners_drift(
    host: str, listening: Sequence[Mapping[str, Any]], socket_units: str, declared: Collection[int], logins: Collection[int]
) -> Iterator[Drift]:
    """Yield what listens for others than this host where something is declared, and isn't what belongs there.

    ``declared`` are TCP ports of services declared towards the host, ``logins`` those where our sshds listen. What listens
    elsewhere is the packet filter's to keep from others, which is judged by itself.
    """
    for row in listening:
        port, programs = row["port"], row["programs"]
        if row["address"].startswith(_LOOPBACK) or port not in {*declared, *logins}:
            continue
        paths = [program["path"] for program in programs]
        place = f"TCP port {port} ({', '.join(paths) or 'the kernel'})"
        for program in programs:
            by_systemd = program["path"].endswith("/systemd")
            if port in logins and program["path"] != SSHD and not by_systemd:
                yield Drift(host, NETWORK, place, "is not the sshd that belongs on this port")
            if port in declared and port not in logins and program["sshd"]:
                yield Drift(host, NETWORK, place, "is an sshd on the port of another service")
            if by_systemd:
                yield from _by_hand(host, place, port, socket_units)


def _by_hand(host: str, place: str, port: int, socket_units: str) -> Iterator[Drift]:
    """Yield the socket units on a port that no package brought. Output of ``systemctl show``: a block for each unit."""
    for block in socket_units.split("\n\n"):
        lines = block.splitlines()
        path = next((line.partition("=")[2] for line in lines if line.startswith("FragmentPath=")), "")
        name = next((line.partition("=")[2] for line in lines if line.startswith("Id=")), "")
        on_port = any(re.fullmatch(rf"Listen=(?:.*:)?{port} \(Stream\)", line) for line in lines)
        if on_port and "ActiveState=active" in lines and not path.startswith(_OURS):
            yield Drift(host, NETWORK, place, f"the unit {name} listens there ({path or 'no file'}), and no package brought it")


def mounts_drift(host: str, mountinfo: str, root: str, declared: Collection[str]) -> Iterator[Drift]:
    """Yield mounts below the data ``root`` that are no declared data set, lie one over the other, or can be written."""
    found = mounted_below(mountinfo, root)
    targets = [target for target, _options in found]
    for target, options in sorted(dict(found).items()):
        if target not in declared:
            yield Drift(host, DATA, shown(target), "is mounted there, and no data set is declared there")
        elif targets.count(target) > 1:
            yield Drift(host, DATA, target, "something is mounted over the declared data set")
        elif not options >= REQUIRED:
            yield Drift(host, DATA, target, f"is mounted without {', '.join(sorted(REQUIRED - options))}")


def forwarding_drift(switch: str, answer: str) -> Iterator[Drift]:
    """Yield rules, mirrors and controllers by which a switch forwards otherwise than by its ports' VLANs.

    ``answer`` is what playbooks/validate.yml asks: the rules, the mirrors as JSON, the controllers, a line ``--`` between.
    Raises ``ValueError`` where it is something else.
    """
    flows, mirrors, controllers = re.split(rf"^{_MARK}$", answer.replace("\r", ""), flags=re.MULTILINE)
    for line in flows.splitlines():
        rule = line.strip()
        if "actions=" in rule and not _SWITCHED.fullmatch(rule):
            yield Drift(switch, SWITCH, "OpenFlow rule", f"forwards beside the ports' VLANs: {rule!r}")
    for row in json.loads(mirrors)["data"]:
        yield Drift(switch, SWITCH, f"mirror {row[0]}", "copies frames to another port or VLAN")
    for name in controllers.split():
        yield Drift(switch, SWITCH, f"controller {name}", "may change how the switch forwards")
