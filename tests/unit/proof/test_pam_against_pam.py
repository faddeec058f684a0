"""The evaluator lets pass whom the real pam_access lets pass, malformed files and all."""

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
from module_utils.proof.pam_access import decide, parse_access
from module_utils.proof.pam_stack import access_call
from module_utils.proof.problem import CannotProve

from .real_pam import RealPam, usable

pytestmark = pytest.mark.skipif(not usable(), reason="needs libpam with pam_start_confdir (1.4 and later)")

USERS = ["root", "daemon", "nobody"]
ADDRESSES = ["192.0.2.7", "192.0.2.200", "198.51.100.9", "2001:db8::7", "2001:db8:1::9"]
WHO = [
    "root",
    "daemon",
    "ALL",
    "(daemon)",
    "(nogroup)",
    "DAEMON",
    "daemon nobody",
    "ALL EXCEPT root",
    "root,nobody",
    "EXCEPT",
]
FROM = [
    "ALL", "all", "LOCAL", "192.0.2.7", "192.0.2.0/25", "192.0.2.9/25", "0.0.0.0/0", "2001:db8::/48", "2001:DB8::7", "::/0",
    "192.0.2.0/33", "ALL EXCEPT 192.0.2.7", "192.0.2.0/24 EXCEPT 192.0.2.128/25", "192.0.2.0/25 2001:db8::/32", "NONE",
]  # fmt: skip
FORMS = [
    "{p}:{u}:{f}", "{p} : {u} : {f}", "{p}:{u}:{f}  ", " {p}:{u}:{f}", "#{p}:{u}:{f}", " #{p}:{u}:{f}", "{p}:{u}", "x:{u}:{f}",
    "{p}::{u}:{f}", ":{p}:{u}:{f}", "{p}:{u}:", "{p}x:{u}:{f}", "", "   ", "deny {u} {f}",
]  # fmt: skip
LINES = st.builds(
    lambda form, p, u, f: form.format(p=p, u=u, f=f),
    st.sampled_from(FORMS[:2] * 4 + FORMS),
    st.sampled_from("+-"),
    st.sampled_from(WHO),
    st.sampled_from(FROM),
)
TEXTS = st.tuples(st.lists(LINES, max_size=5), st.sampled_from(["\n", ""])).map(lambda p: "\n".join(p[0]) + p[1])
SERVICE = "account required pam_access.so accessfile={file}\naccount required pam_permit.so\n"


@cache
def pam() -> RealPam:
    directory = Path(mkdtemp())
    (directory / "t").write_text(SERVICE.format(file=directory / "access.conf"), encoding="utf-8")
    return RealPam(directory)


def user(name: str) -> User:
    entry = pwd.getpwnam(name)
    groups = frozenset(grp.getgrgid(g).gr_name for g in os.getgrouplist(name, entry.pw_gid))
    return User(name, entry.pw_uid, groups, entry.pw_dir, entry.pw_shell)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_verdicts_are_those_of_the_real_module(text: str) -> None:
    (pam().directory / "access.conf").write_text(text, encoding="utf-8")
    try:
        parsed = parse_access(text)
    except CannotProve:
        return
    for name in USERS:
        for address in ADDRESSES:
            mine = decide(parsed, user(name), ip_address(address))
            assert mine.ok == pam().admits("t", name, address), (text, name, address, mine.reason)


CONTROLS = ["required", "requisite", "sufficient", "optional", "[success=ok default=bad]", "[default=ignore]",
            "[success=1 default=ignore]", "[default=die]", "[success=ok perm_denied=ignore default=bad]"]  # fmt: skip
OTHERS = ["pam_permit.so", "pam_deny.so"]
STACK_LINES = st.one_of(
    st.builds(lambda c, m: f"account {c} {m}", st.sampled_from(CONTROLS), st.sampled_from(OTHERS)),
    st.builds(lambda c: f"account {c} pam_access.so accessfile=FILE", st.sampled_from(CONTROLS)),
    st.sampled_from(["auth sufficient pam_permit.so", "# account required pam_deny.so", "account required \\\n pam_permit.so"]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STACK_LINES, min_size=1, max_size=4))
def test_a_refusal_that_stands_refuses(lines: list[str]) -> None:
    """Wherever the stack is said to hold, pam_access's refusal is the service's."""
    directory = pam().directory
    (directory / "deny.conf").write_text("-:ALL:ALL\n", encoding="utf-8")
    text = "\n".join(lines).replace("FILE", str(directory / "deny.conf")) + "\n"
    (directory / "s").write_text(text, encoding="utf-8")
    if access_call("s", {"/etc/pam.d/s": text}) is not None:
        assert not pam().admits("s", "root", "192.0.2.7"), text
