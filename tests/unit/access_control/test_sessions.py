from __future__ import annotations

import pytest

from module_utils.access_control.sessions import Rules, Session, connections, not_admitted, rules_of, user_of

LISTING = """\
0      0          192.0.2.70:22        192.0.2.21:50012 users:(("sshd",pid=611,fd=4),("sshd",pid=605,fd=4))
0      0      [2001:db8:0:2102::10]:22 [2001:db8:0:2101::21]:50014 users:(("sshd",pid=705,fd=4))
0      0      [::ffff:192.0.2.70]:22  [::ffff:192.0.2.22]:50016 users:(("sshd-session",pid=805,fd=4))
0      0      [fe80::1%hpc0]:22  [fe80::2]%hpc0:50018 users:(("sshd",pid=905,fd=4))

"""


def test_connections_are_read_with_their_processes() -> None:
    assert connections(LISTING) == [
        ("192.0.2.21", (611, 605)),
        ("2001:db8:0:2101::21", (705,)),
        ("192.0.2.22", (805,)),
        ("fe80::2", (905,)),
    ]


@pytest.mark.parametrize(
    ("title", "user"),
    [
        ("sshd: sato [priv]", "sato"),
        ("sshd-session: sato [priv]", "sato"),
        ("sshd: sato@pts/0", None),
        ("sshd: root", "root"),
        ("sshd: root@notty", "root"),
        ("sshd-session: root@pts/0", "root"),
        ("sshd: root [net]", None),
        ("sshd: unknown [priv]", None),
        ("sshd: [accepted]", None),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 60-120 startups", None),
        ("python3 sshd: sato [priv]", None),
    ],
)
def test_only_roots_process_of_an_authenticated_connection_names_its_user(title: str, user: str | None) -> None:
    assert user_of(title) == user


SATO, KATO = Session(605, "sato", "192.0.2.21"), Session(705, "kato", "2001:db8:0:2101::21")


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["sato@192.0.2.21", "kato@2001:db8:0:2101::21"], []),
        (["sato@192.0.2.22", "kato@2001:db8:0:2101::21"], [SATO]),
        (["kato"], [SATO]),
        (["*@192.0.2.0/24"], [KATO]),
        (["sato@192.0.2.*", "kato@2001:DB8:0:2101:0:0:0:21"], []),
        # A name is not looked up here: it may be the session's.
        (["sato@login.example", "kato@login.example"], []),
        (["sat[o]@192.0.2.21"], [SATO, KATO]),
        ([], []),
    ],
)
def test_who_no_pattern_admits_may_not_stay(patterns: list[str], left: list[Session]) -> None:
    assert not_admitted([SATO, KATO], Rules(tuple(patterns))) == left


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["*"], [SATO, KATO]),
        (["kato"], [KATO]),
        (["*@192.0.2.0/24"], [SATO]),
        # A name is not looked up: whom it means is not known.
        (["*@host.example"], []),
    ],
)
def test_who_is_denied_may_not_stay(patterns: list[str], left: list[Session]) -> None:
    assert not_admitted([SATO, KATO], Rules(deny=tuple(patterns))) == left


def test_root_may_not_stay_where_root_may_not_come() -> None:
    root = Session(905, "root", "192.0.2.21")
    assert not_admitted([root], Rules(root=False)) == [root]
    assert not_admitted([root], Rules()) == []


def test_rules_are_those_that_sshd_prints() -> None:
    said = {"allowusers": ("a@192.0.2.1", "b"), "denyusers": ("c",), "permitrootlogin": ("no",)}
    assert rules_of(said) == Rules(("a@192.0.2.1", "b"), ("c",), root=False)
    assert rules_of({"permitrootlogin": ("without-password",)}) == Rules()
