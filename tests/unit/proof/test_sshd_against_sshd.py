"""The evaluator gives the settings that the real sshd gives, for configurations and logins made at random."""

from __future__ import annotations

import grp
import os
import pwd
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from module_utils.proof.accounts import User
from module_utils.proof.problem import CannotProve
from module_utils.proof.sshd import Login, parse_sshd
from module_utils.proof.sshd_keywords import APPENDING
from module_utils.proof.sshd_login import open_methods

from .real_sshd import RealSshd, usable

pytestmark = pytest.mark.skipif(not usable(), reason="needs sshd and /run/sshd (package openssh-server)")

USERS = [name for name in ("root", "daemon", "nobody", "mail") if name in {p.pw_name for p in pwd.getpwall()}]
ADDRESSES = ["192.0.2.7", "192.0.2.130", "198.51.100.9", "2001:db8::7", "2001:db8:1::9"]
CIDRS = [
    "192.0.2.0/25",
    "192.0.2.7",
    "192.0.2.0/24",
    "2001:db8::/48",
    "2001:db8::7",
    "0.0.0.0/0",
    "::/0",
    "192.0.2.*",
    "*",
]
FLAGS = ["yes", "no"]
VALUES = {
    "PermitRootLogin": ["yes", "no", "prohibit-password", "forced-commands-only"],
    "PasswordAuthentication": FLAGS,
    "PubkeyAuthentication": FLAGS,
    "KbdInteractiveAuthentication": FLAGS,
    "ChallengeResponseAuthentication": FLAGS,
    "PermitEmptyPasswords": FLAGS,
    "AllowTcpForwarding": ["yes", "no", "local", "remote"],
    "X11Forwarding": FLAGS,
    "AllowUsers": ["root", "daemon@192.0.2.0/25", "*@2001:db8::/48 nobody", "r?ot@192.0.2.7,!192.0.2.130"],
    "DenyUsers": ["mail", "*@198.51.100.0/24"],
    "AllowGroups": ["root", "d* mail"],
    "DenyGroups": ["nogroup"],
    "AuthenticationMethods": ["publickey", "publickey,password password", "any"],
    "AuthorizedKeysFile": ["none", "/etc/ssh/authorized_keys.d/%u", "a b"],
}
GLOBAL_VALUES = {"UsePAM": FLAGS, "UseDNS": FLAGS}
CRITERIA = st.one_of(
    st.tuples(st.just("User"), st.sampled_from(["root", "!root,*", "d*,mail", "nobody"])),
    st.tuples(st.just("Group"), st.sampled_from(["root", "daemon,mail", "!nogroup,*"])),
    st.tuples(st.just("Address"), st.lists(st.sampled_from([*CIDRS, "!192.0.2.7"]), min_size=1, max_size=3).map(",".join)),
    st.tuples(st.just("LocalPort"), st.sampled_from(["22", "2022"])),
    st.tuples(st.just("Host"), st.sampled_from(["192.0.2.7", "*.example", "198.51.100.*"])),
)


@cache
def sshd() -> RealSshd:
    return RealSshd(Path(mkdtemp()))


def setting(values: dict[str, list[str]]) -> st.SearchStrategy[str]:
    lines = st.sampled_from(sorted(values)).flatmap(lambda k: st.tuples(st.just(k), st.sampled_from(values[k])))
    forms = st.sampled_from(["{k} {v}", "  {k}\t{v}  ", "{l} {v}", "{k}={v}", "{k} = {v}", '{k} {v} # "no"', "# {k} {v}"])
    return st.tuples(lines, forms).map(lambda p: p[1].format(k=p[0][0], l=p[0][0].lower(), v=p[0][1]))


MATCH = st.one_of(
    st.just("Match all"),
    st.lists(CRITERIA, min_size=1, max_size=2).map(lambda c: "Match " + " ".join(f"{k} {v}" for k, v in c)),
)
CONFIGS = st.tuples(
    st.lists(setting(VALUES | GLOBAL_VALUES), max_size=6),
    st.lists(st.tuples(MATCH, st.lists(setting(VALUES | GLOBAL_VALUES), max_size=4)), max_size=4),
).map(lambda parts: "\n".join([*parts[0], *(line for head, lines in parts[1] for line in (head, *lines))]) + "\n")


def groups_of(user: str) -> frozenset[str]:
    entry = pwd.getpwnam(user)
    return frozenset(grp.getgrgid(g).gr_name for g in os.getgrouplist(user, entry.pw_gid))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CONFIGS, st.sampled_from(USERS), st.sampled_from(ADDRESSES), st.sampled_from([22, 2022]))
def test_settings_are_those_of_the_real_sshd(text: str, user: str, address: str, port: int) -> None:
    real = sshd().effective(text, user, address, port)
    refusal = refused(text)
    if refusal is not None:
        assert real is None or "must stand alone" in refusal.reason
        return
    config = parse_sshd(text, "generated")
    login = Login(user, groups_of(user), ip_address(address), port)
    if real is None:
        assert not satisfiable(text, login), text
        return
    for keyword in sorted({k.lower() for k in VALUES | GLOBAL_VALUES} - {"challengeresponseauthentication"}):
        value = config.value(keyword, login)
        mine = list(value.arguments)
        shown = real.get(keyword, [])
        theirs = [w for line in shown for w in line.split()] if keyword in APPENDING else (shown[0].split() if shown else [])
        if keyword == "permitrootlogin":
            theirs = ["prohibit-password" if w == "without-password" else w for w in theirs]
        assert [w.lower() for w in mine] == [w.lower() for w in theirs], (keyword, text)


def refused(text: str) -> CannotProve | None:
    try:
        parse_sshd(text, "generated")
    except CannotProve as refusal:
        return refusal
    return None


def satisfiable(text: str, login: Login) -> bool:
    """Return whether some list of methods can be passed by the global part, which sshd asks for before it starts."""
    head, active = [], True
    for line in text.splitlines():
        if line.startswith("Match"):
            active = line == "Match all"
        elif active:
            head.append(line)
    somebody = User("x", 1000, frozenset(), "/home/x", "/bin/sh", "set")
    return bool(open_methods(parse_sshd("\n".join(head), "head"), somebody, login))


BROKEN = [
    "NoSuchKeyword yes",
    "PermitRootLogin",
    "PermitRootLogin maybe",
    "PermitRootLogin yes no",
    'AllowUsers "root',
    "AllowUsers root@10.0.0.5/8",
    "AllowUsers root@10.0.0.0/33",
    "AllowUsers root@192.0.2.1,",
    "Match Address 10.0.0.5/8",
    "Match Address 192.0.2.1,,192.0.2.2",
    "Match User",
    "Match",
    "Match all User root",
    "Match Nothing x",
    "Match User root\n  UsePAM no",
    "Match User root\n  UseDNS no",
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_sshd_refuses_is_refused(text: str) -> None:
    assert sshd().effective(text + "\n", "root", "192.0.2.7", 22) is None
    with pytest.raises(CannotProve):
        parse_sshd(text + "\n", "broken")
