"""Users, their keys, their ways to root and their jobs, against the users a host's view declares. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..people.plan import recorder_rule
from .findings import Finding
from .keys import authorized_keys, fingerprints

NO_SHELLS = ("nologin", "false", "sync", "halt", "shutdown")
_SYSTEM_UIDS = 1000
_NOBODY = 65534
# What role base owns: the drop-ins of sudo, and its group.
_DIRECTORIES = ("@includedir", "#includedir")
_SUDOERS_D = "/etc/sudoers.d/"
_EMPTIED = ("sudo",)
_OTHER_ALIASES = ("Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias")
_TAKEN = "is no operator: would be taken away"
_STAYS = "is no operator: stays unless you remove it"


@dataclass(frozen=True)
class User:
    """A line of passwd; ``password`` is ``set``, ``empty`` or ``locked``."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str = "locked"  # noqa: S105 - a state, no password

    @property
    def has_shell(self) -> bool:
        """Whether the login shell starts a session. An empty field means /bin/sh."""
        return PurePosixPath(self.shell or "/bin/sh").name not in NO_SHELLS


def users(passwd: str, passwords: Mapping[str, str]) -> list[User]:
    """Return the users of a passwd text, with the state of each one's password."""
    found = []
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdigit() and fields[3].isdigit():  # noqa: PLR2004 - passwd(5)
            found.append(
                User(fields[0], int(fields[2]), int(fields[3]), fields[5], fields[6], passwords.get(fields[0], "locked"))
            )
    return found


def password_states(shadow: str) -> dict[str, str]:
    """Return what each user's password field means, so that no hash leaves the machine."""
    states = {}
    for line in shadow.splitlines():
        name, _colon, rest = line.partition(":")
        field = rest.partition(":")[0]
        states[name] = "empty" if not field else "locked" if field[0] in "!*" else "set"
    return states


def members(group_text: str, name: str, found: Sequence[User] = ()) -> set[str]:
    """Return the members that a group file lists for a group, and those of ``found`` whose own group it is."""
    for line in group_text.splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[0] == name:  # noqa: PLR2004 - group(5)
            return {m for m in fields[3].split(",") if m} | {u.name for u in found if str(u.gid) == fields[2]}
    return set()


def user_findings(found: Sequence[User], view: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the users who could log in and stand in no list, and declared users whose number or name is taken."""
    declared = {person["name"]: person for person in view["base"]["users"]}
    locked = set(view["base"].get("locked_users", ()))
    data = {account["name"] for account in view.get("data_server", {}).get("accounts", ())}
    for user in found:
        who = f"{user.name} (uid {user.uid}, {user.shell or '/bin/sh'}, password {user.password})"
        if user.name in declared:
            yield from _declared_user(user, declared[user.name])
        elif user.name in locked:
            yield Finding("user", who, "shared user of the image: would be locked")
        elif user.name not in data and user.name != "root" and _may_log_in(user):
            yield Finding("user", who, "is in no list: stays, but every login over ssh would be refused")
        if user.uid == 0 and user.name != "root":
            yield Finding("user", who, "has root's number under another name: remove it by hand")
    yield from _taken_numbers(found, list(declared.values()))


def _may_log_in(user: User) -> bool:
    return user.has_shell and user.uid != _NOBODY and (user.uid >= _SYSTEM_UIDS or user.password != "locked")  # noqa: S105 - a state, no password


def _declared_user(user: User, person: Mapping[str, Any]) -> Iterator[Finding]:
    if person["state"] == "absent" and user.has_shell:
        yield Finding("user", f"{user.name} (uid {user.uid})", "is declared absent here: logins would be refused")
    elif person["state"] != "absent" and user.uid != person["uid"]:
        effect = f"is declared with uid {person['uid']}: declare {user.uid}, or renumber the user and their files by hand"
        yield Finding("user", f"{user.name} (uid {user.uid})", effect)
    if user.password != "locked":  # noqa: S105 - a state, no password
        yield Finding("user", f"{user.name} has a password ({user.password})", "would no longer open an ssh session")


def _taken_numbers(found: Sequence[User], declared: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    by_uid = {user.uid: user.name for user in found}
    for person in declared:
        holder = by_uid.get(person["uid"])
        if person["state"] != "absent" and holder not in (None, person["name"]):
            effect = f"{person['name']} is declared with this number: declare another one, or renumber {holder} by hand"
            yield Finding("user", f"uid {person['uid']} belongs to {holder}", effect)


def process_findings(
    found: Sequence[User], processes: Mapping[str, Mapping[str, int]], view: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield what runs for users whom enforcing would lock or remove. ``processes``: by uid, how often each program runs."""
    absent = {person["name"] for person in view["base"]["users"] if person["state"] == "absent"}
    locked = set(view["base"].get("locked_users", ()))
    for user in found:
        programs = processes.get(str(user.uid), {})
        if programs and user.name in absent | locked:
            told = ", ".join(f"{name} ({number})" for name, number in sorted(programs.items()))
            gone = "would be ended: the user is removed"
            effect = gone if user.name in absent else "would go on: the user is locked, and nobody could come back to them"
            yield Finding("process", f"{user.name} runs {sum(programs.values())}: {told}", effect)


def key_findings(files: Sequence[Mapping[str, str]], view: Mapping[str, Any], managed_directory: str) -> Iterator[Finding]:
    """Yield each key in an authorized_keys file that would no longer open a session.

    ``files`` holds ``{user, path, text}``; files under ``managed_directory`` are the role's own. A key goes on
    working where the same key is declared for the same user.
    """
    declared = {person["name"]: fingerprints(person["keys"]) for person in view["login_restriction"]["users"]}
    for item in files:
        if item["path"].startswith(managed_directory.rstrip("/") + "/"):
            continue
        for key in authorized_keys(item["text"]):
            if key.fingerprint in declared.get(item["user"], ()):
                continue
            comment = f" {key.comment}" if key.comment else ""
            options = f" [{_option_names(key.options)}]" if key.options else ""
            yield Finding(
                "key",
                f"{item['path']}: {key.type} {key.fingerprint[:19]}…{comment}{options}",
                _key_effect(item, declared),
            )


def _option_names(options: str) -> str:
    """Return the names of a key's options without their values: a command may hold a secret."""
    names, quoted, word = [], False, ""
    for letter in options + ",":
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            names.append(word.partition("=")[0].strip())
            word = ""
        elif not quoted:
            word += letter
    return ",".join(name for name in names if name)


def _key_effect(item: Mapping[str, str], declared: Mapping[str, set[str]]) -> str:
    if item["user"] in declared:
        return f"would stop working: it is not among {item['user']}'s declared keys here"
    return f"would stop working: {item['user']} is nobody who may log in here"


def sudo_findings(
    files: Mapping[str, str], groups: str, view: Mapping[str, Any], found: Sequence[User] = ()
) -> Iterator[Finding]:
    """Yield who may become root by sudo or by a group and is no operator. ``files`` is sudoers text by path."""
    admins = {p["name"] for p in view["base"]["users"] if p["admin"] and p["state"] != "absent"}
    recorded = {recorder_rule(p["name"]) for p in view["base"]["users"] if p.get("recorded") and p["state"] != "absent"}
    for path, text in files.items():
        for line in _joined(text):
            if line in recorded:
                continue
            who = line.split()[0] if line.split() else ""
            if who in ("@include", "#include") or (who in _DIRECTORIES and line.split()[1:] != ["/etc/sudoers.d"]):
                yield Finding("sudo", f"{path}: {line}", "more rules may stand there, which are not read")
                continue
            if not who or _names_nobody(who):
                continue
            if set(_named(line)) - {*admins, "root", "%sudo", "%admin"}:
                free = " without a password" if "NOPASSWD" in line else ""
                yield Finding("sudo", f"{path}: {who}{free}", _TAKEN if path.startswith(_SUDOERS_D) else _STAYS)
    for group in ("sudo", "admin", "wheel", "docker", "lxd", "disk"):
        for name in sorted(members(groups, group, found) - {*admins, "root"}):
            yield Finding("sudo", f"{name} is in group {group}", _TAKEN if group in _EMPTIED else _STAYS)


def _names_nobody(word: str) -> bool:
    """Return whether a line of sudoers(5) that begins so gives nobody a right. ``#1000`` is a user by number, no comment."""
    comment = word.startswith("#") and not word[1:2].isdigit()
    return comment or word.startswith(("@", "Defaults")) or word in _OTHER_ALIASES


def _named(line: str) -> list[str]:
    """Return whom a line of sudoers(5) names: the users of its list, or those of an alias for users."""
    words = line.split(None, 1)
    if words[0] == "User_Alias":
        return [name.strip() for part in words[-1].split(":") for name in part.partition("=")[2].split(",")]
    # The list ends at the first blank that no comma touches; the hosts stand behind it.
    return re.sub(r"\s*,\s*", ",", line).split()[0].split(",")


def _joined(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\\\n", " ").splitlines()]


def job_findings(
    crontabs: Mapping[str, str], at_jobs: Sequence[str], linger: Sequence[str], user_units: Sequence[str]
) -> Iterator[Finding]:
    """Yield what runs for somebody without a login: it goes on after their logins end. Of a command only the program is shown."""
    effect = "runs without a login: no login rule stops it"
    for path, text in crontabs.items():
        system = not path.startswith("/var/spool/")
        for line in text.splitlines():
            program = _cron_program(line, system)
            if program:
                yield Finding("job", f"{path}: {program}", effect)
    for name in at_jobs:
        yield Finding("job", f"at job {name}", effect)
    for name in linger:
        yield Finding("job", f"services of {name} linger", effect)
    for path in user_units:
        yield Finding("job", f"unit {path}", effect)


def _cron_program(line: str, system: bool) -> str:
    words = line.split()
    if not words or words[0].startswith("#") or "=" in words[0]:
        return ""
    skip = (1 if words[0].startswith("@") else 5) + (1 if system else 0)
    if len(words) <= skip:
        return ""
    owner = f" as {words[skip - 1]}" if system else ""
    return f"{words[skip]}{owner}"
