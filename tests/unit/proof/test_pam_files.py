"""Traps of PAM: pam_access lets pass whom no line that it can read refuses."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings

from module_utils.proof.accounts import User, parse_users
from module_utils.proof.intervals import as_address, block, describe, samples
from module_utils.proof.pam_access import admitted, decide, parse_access
from module_utils.proof.pam_stack import access_call
from module_utils.proof.problem import CannotProve

from .test_pam_against_pam import TEXTS

SATO = User("sato", 3001, frozenset({"people"}), "/home/sato", "/bin/bash")
ALL = "0.0.0.0-255.255.255.255"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+:sato:192.0.2.70\n-:ALL:ALL\n", "192.0.2.70"),
        ("+:sato:192.0.2.70\n-:ALL:ALL", ALL),
        ("+:sato:192.0.2.70\n", ALL),
        ("+:sato:192.0.2.70\n-:ALL ALL\n", ALL),
        ("+:sato:192.0.2.70\n -:ALL:ALL\n", ALL),
        ("-:ALL:ALL\n+:sato:192.0.2.70\n", "none"),
        ("+:people:192.0.2.0/30\n-:ALL:ALL\n", "192.0.2.0-192.0.2.3"),
        ("+:(people):192.0.2.0/30 EXCEPT 192.0.2.1\n-:ALL:ALL\n", "192.0.2.0, 192.0.2.2-192.0.2.3"),
        ("+:ALL EXCEPT sato:ALL\n-:ALL:ALL\n", "none"),
        ("+:SATO:0.0.0.0/0\n-:ALL:ALL\n", str(ip_address(0))),
        ("+:sato:LOCAL NONE\n-:ALL:ALL\n", "none"),
        ("", ALL),
    ],
)
def test_who_passes(text: str, expected: str) -> None:
    assert describe(admitted(parse_access(text), SATO, "ipv4"), "ipv4") == expected


def test_a_plain_name_may_be_a_group() -> None:
    rules = parse_access("+:people:192.0.2.1\n-:ALL:ALL\n")
    assert not decide(rules, SATO, ip_address("192.0.2.1"), plain_groups=False).ok
    assert decide(rules, SATO, ip_address("192.0.2.1")).reason == "access.conf:1 +:people:192.0.2.1"


@pytest.mark.parametrize(
    "line",
    ["+:sato:login1", "+:sato:192.0.2.", "+:sato:.example.org", "+:3001:ALL", "+:@group:ALL", "+:sato@login1:ALL",
     "+:sato:192.0.2.0/255.255.255.0", "+:sato:" + "192.0.2.1 " * 900 + "192.0.2.2"],
)  # fmt: skip
def test_what_releases_or_names_decide_is_refused(line: str) -> None:
    with pytest.raises(CannotProve):
        parse_access(f"{line}\n")


def test_what_is_passed_over_is_kept_for_the_report() -> None:
    assert [number for number, _ in parse_access("x\n+:a\n-:ALL:ALL").ignored] == [1, 2, 3]


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_sets_are_what_single_addresses_say(text: str) -> None:
    try:
        rules = parse_access(text)
    except CannotProve:
        return
    points = ["192.0.2.0/25", "192.0.2.7", "192.0.2.128/25", "192.0.2.0/24", str(ip_address(0))]
    for name in ("root", "daemon", "nobody"):
        user = User(name, 1, frozenset({name}), "/", "/bin/sh")
        found = admitted(rules, user, "ipv4")
        for low, high in samples((block(p)[1] for p in points), "ipv4"):
            assert all(decide(rules, user, as_address(n, "ipv4")).ok == (n in found) for n in (low, high))


ACCESS = "account required pam_access.so accessfile=/a\n"


def stack(text: str, **more: str) -> bool:
    return access_call("s", {"/etc/pam.d/s": text, **{f"/etc/pam.d/{k}": v for k, v in more.items()}}) is not None


def test_where_the_refusal_stands() -> None:
    assert stack(ACCESS)
    assert stack("account requisite pam_nologin.so\naccount [success=ok default=die] pam_access.so nodefgroup\n")
    assert stack("@include c\n", c=ACCESS)
    assert stack("account include c\n", c="account required \\\n  /lib/security/pam_access.so # why\n")
    assert not stack("account sufficient pam_unix.so\n" + ACCESS)
    assert not stack("account [success=1 default=ignore] pam_unix.so\n" + ACCESS)
    assert not stack("account sufficient pam_access.so\n")
    assert not stack("account optional pam_access.so\n")
    assert not stack("auth required pam_access.so\n")
    assert not stack(ACCESS + "account [default=reset] pam_permit.so\n")
    assert not stack("account required pam_permit.so\n")


@pytest.mark.parametrize(
    "text",
    ["@include missing\n", "account required\n", "account perhaps pam_unix.so\n", "account [x] pam_unix.so\n",
     "account required pam_access.so fieldsep=|\n"],
)  # fmt: skip
def test_what_isnt_known_of_a_stack_is_refused(text: str) -> None:
    with pytest.raises(CannotProve):
        stack(text)


def test_users() -> None:
    users = parse_users(
        "root:x:0:0:root:/root:/bin/bash\nsato:x:3001:3001::/home/sato:\nold:x:9:9::/:/bin/sh\n",
        "sato:x:3001:\nteam:x:50:sato,root\n",
        "root:*:1:0:9:7:::\nsato:$y$x:1:0:9:7:::\nold::1:0:9:7::1:\n",
    )
    assert [(u.name, sorted(u.groups), u.password, u.expired, u.shell) for u in users] == [
        ("root", ["team"], "locked", False, "/bin/bash"),
        ("sato", ["sato", "team"], "set", False, "/bin/sh"),
        ("old", [], "empty", True, "/bin/sh"),
    ]
    with pytest.raises(CannotProve):
        parse_users("root:x\n", "", "")
