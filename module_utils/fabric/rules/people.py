"""Accounts, operators and the other users that hosts have."""

from __future__ import annotations

from collections.abc import Iterator

from ..factors import factor
from ..keys import material
from ..model import Account, Operator
from ..problems import Key, Problem
from .context import Context

USER_NAME_LENGTH = 32
"""Longest user name of Linux (useradd(8))."""
_SYSTEM_USERS = """
    _apt avahi backup bin chrony daemon dbus ftp games gnats irc list lp mail man messagebus munge news nobody ntp
    openvswitch operator polkitd postfix proxy root slurm sshd statd sudo sync sys syslog systemd-coredump
    systemd-journal-remote systemd-journal-upload systemd-network systemd-resolve systemd-timesync tcpdump uucp
    uuidd www-data
"""
SYSTEM_USERS = frozenset(_SYSTEM_USERS.split())
"""Users of Debian 12 and 13 (base-passwd, and packages that hosts of a fabric have); ``operator`` is a group there."""

AUTHORITY_TYPES = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-rsa")
"""Keys by which role login_restriction takes signatures of certificates (CASignatureAlgorithms)."""


def names(context: Context) -> Iterator[Problem]:
    """A user name is one person's, everywhere: two of one name would share files and ways in."""
    owner: dict[str, str] = {}
    for key, name, what in _named(context):
        wanted = "use another name, which no other user has on any host"
        before = owner.setdefault(name, what)
        if name in SYSTEM_USERS:
            yield Problem(key, name, "is a user of the operating system", wanted)
        elif before != what:
            yield Problem(key, name, f"is the name of {before} already", wanted)
        elif len(name) > USER_NAME_LENGTH:
            yield Problem(key, name, f"is longer than {USER_NAME_LENGTH} characters", "shorten it")


def _named(context: Context) -> Iterator[tuple[Key, str, str]]:
    """Yield every user name, where it stands and whose it is; what hosts share is one owner's."""
    for operator in context.fabric.operators.values():
        yield context.where(operator, "name"), operator.name, "an operator"
    for account in context.fabric.accounts.values():
        yield context.where(account, "name"), account.name, "an account"
    for host in context.fabric.hosts.values():
        if host.initial_user is not None:
            yield context.where(host, "fabric_initial_user"), host.initial_user, "an image's initial user"
        for i, name in enumerate(host.local_users):
            yield context.where(host, "fabric_local_users", i), name, "a centre's local user"


def _people(context: Context) -> Iterator[Account | Operator]:
    yield from context.fabric.operators.values()
    yield from context.fabric.accounts.values()


def uids(context: Context) -> Iterator[Problem]:
    """A uid is one person's, those who left included: their files may still lie somewhere."""
    first: dict[int, str] = {}
    for person in _people(context):
        if first.setdefault(person.uid, person.name) != person.name:
            message = f"is the uid of {first[person.uid]} already"
            yield context.problem(person, "uid", person.uid, message, "give each person a uid of their own, for ever")


def keys_once(context: Context) -> Iterator[Problem]:
    """A key is one person's: else the journal can't tell who it was."""
    first: dict[str, str] = {}
    for person in _people(context):
        for i, line in enumerate(person.keys):
            owner = first.setdefault(material(line), person.name)
            if owner != person.name:
                message = f"is a key of {owner} already"
                yield context.problem(person, ("keys", i), line, message, "have each person make a key of their own")


def operators(context: Context) -> Iterator[Problem]:
    """Somebody runs the platform."""
    declared = context.declared("fabric_operators")
    if not any(o.state == "present" for o in context.fabric.operators.values()) and (
        not declared or len(declared) == len(context.fabric.operators)
    ):
        wanted = "declare at least one with state present, or nobody can get in any more"
        yield Problem(("all", "fabric_operators"), None, "there is no operator", wanted)


def sealed(context: Context) -> Iterator[Problem]:
    """A sealed credential is used by nobody every day, by no machine, with nothing but ssh, and raises an alert that is read."""
    for operator in context.fabric.operators.values():
        if operator.break_glass and operator.probe:
            message = f"{operator.name} is a sealed credential, which validation must not open"
            yield context.problem(operator, "probe", operator.probe, message, "drop probe, or drop break_glass")
        if operator.break_glass and factor(context.fabric, operator) == "totp":
            message = f"{operator.name} is a sealed credential, which could open no login server without somebody's device"
            wanted = "drop second_factor, or drop break_glass"
            yield context.problem(operator, "second_factor", operator.second_factor, message, wanted)
    present = [o for o in context.fabric.operators.values() if o.state == "present"]
    if present and all(o.break_glass for o in present):
        message = "every operator is a sealed credential"
        wanted = "declare somebody who works by their own name, without break_glass"
        yield context.problem(present[0], "break_glass", present[0].break_glass, message, wanted)


def authorities(context: Context) -> Iterator[Problem]:
    """Who signs operators' certificates is nobody who logs in, and what is signed is taken."""
    variable = "fabric_operator_authorities"
    owner = {material(line): person.name for person in _people(context) for line in person.keys}
    first: set[str] = set()
    for i, line in enumerate(context.fabric.operator_authorities):
        key, same = ("all", variable, i), material(line)
        if line.split()[0] not in AUTHORITY_TYPES:
            wanted = f"make one of the types {', '.join(AUTHORITY_TYPES)}"
            yield Problem(key, line, "is of a type by which no sshd of ours takes certificates", wanted)
        elif same in owner:
            yield Problem(key, line, f"is a key of {owner[same]} already", "make a key that does nothing but sign")
        elif same in first:
            yield Problem(key, line, "stands twice in the list", "write each once")
        first.add(same)
    if not context.fabric.operator_keys and not context.declared_lines(variable):
        wanted = f"write {variable} and have certificates signed first, or drop it"
        yield Problem(("all", "fabric_operator_keys"), False, "leaves operators no way in", wanted)


def accounts(context: Context) -> Iterator[Problem]:
    """An account that may use no data platform has no business on the login servers."""
    for account in context.fabric.accounts.values():
        if account.state == "present" and not account.data_platforms:
            wanted = "name the data platforms it may use, or write state: absent"
            yield context.problem(account, "data_platforms", None, f"{account.name} may use no data platform", wanted)


def probes(context: Context) -> Iterator[Problem]:
    """Validation shows private keys that are files: of a security key there is none."""
    for person in _people(context):
        if person.probe and factor(context.fabric, person) == "security_key":
            message = f"is written for {person.name}, whose keys are all security keys: validation can't show these"
            yield context.problem(person, "probe", None, message, "mark somebody who has a plain key")
