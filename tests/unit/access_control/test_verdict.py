from __future__ import annotations

import dataclasses

import pytest

from module_utils.access_control.deployer import Deployer, parse_deployer, shut_out
from module_utils.access_control.people import Person
from module_utils.access_control.ssh_version import knows_pam_service_name, parse_version
from module_utils.access_control.verdict import Staged, problems_of

PEOPLE = [Person("aoki", ("192.0.2.70",), ("ssh-ed25519 AAAA",), operator=True), Person("sato", ("192.0.2.71",))]
RULES = "+:aoki:192.0.2.70\n+:sato:192.0.2.71\n-:ALL:ALL\n"
FOUND = {"usepam": ("yes",), "allowusers": ("aoki@192.0.2.70", "sato@192.0.2.71"), "allowtcpforwarding": ("no",)}
STAGED = Staged(
    people=PEOPLE,
    access_rules=RULES,
    pam_stack="account required pam_access.so\n",
    settings={"usepam": "yes", "allowtcpforwarding": "no"},
    pam_modules=frozenset({"pam_access.so"}),
    deployer=Deployer("aoki", "192.0.2.70"),
)


def verdict(staged: Staged, **found: tuple[str, ...]) -> list[str]:
    problems, tried = problems_of(staged, lambda _user, _address: {**FOUND, **found})
    assert tried > 5
    return problems


def test_what_is_meant_is_accepted() -> None:
    assert verdict(STAGED) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"usepam": ("no",)}, "sshd, for sato: usepam is no, meant is yes"),
        ({"allowusers": ("aoki@192.0.2.70", "sato@192.0.2.71", "*")}, "sshd: AllowUsers admits *, which is not declared"),
        ({"allowusers": ("aoki@192.0.2.70",)}, "sshd refuses sato from 192.0.2.71, meant is the opposite"),
        ({"allowtcpforwarding": ("yes",)}, "sshd, for sato: allowtcpforwarding is yes, meant is no"),
    ],
)
def test_effects_that_are_not_meant_are_refused(found: dict[str, tuple[str, ...]], words: str) -> None:
    assert words in verdict(STAGED, **found)


def test_settings_of_operators_are_theirs_alone() -> None:
    staged = dataclasses.replace(STAGED, operator_settings={"allowtcpforwarding": "local"})
    problems, _ = problems_of(staged, lambda user, _: {**FOUND, "allowtcpforwarding": ("local",) if user == "aoki" else ("no",)})
    assert problems == []
    assert "sshd, for aoki: allowtcpforwarding is no, meant is local" in verdict(staged)


def test_pam_is_judged_beside_sshd() -> None:
    staged = dataclasses.replace(STAGED, access_rules=RULES.replace("+:sato", "+:kato"))
    assert "PAM refuses sato from 192.0.2.71, meant is the opposite" in verdict(staged)


def test_a_missing_pam_module_would_shut_everybody_out() -> None:
    staged = dataclasses.replace(STAGED, pam_modules=frozenset())
    assert verdict(staged) == ["PAM module pam_access.so is not installed, so PAM would refuse everybody: install it first"]


@pytest.mark.parametrize(
    ("deployer", "words"),
    [
        (Deployer("mdxuser", "192.0.2.70"), "only aoki, sato may log in"),
        (Deployer("aoki", "192.0.2.99"), "sshd admits aoki from 192.0.2.70 only; PAM does not admit"),
        (Deployer("sato", "192.0.2.71"), "neither a public key nor an authority is declared for sato"),
    ],
)
def test_the_deployer_is_never_shut_out(deployer: Deployer, words: str) -> None:
    (problem,) = [p for p in verdict(dataclasses.replace(STAGED, deployer=deployer)) if "deployer" in p]
    assert words in problem


def test_a_deployer_with_an_authority_needs_no_key() -> None:
    person = Person("sato", ("192.0.2.71",), authorities=("ssh-ed25519 AAAA",))
    found = {**FOUND, "allowusers": ("sato@192.0.2.71",)}
    assert shut_out(Deployer("sato", "192.0.2.71"), [person], found, {"sato": ["192.0.2.71"]}) == []


def test_with_nobody_declared_the_deployer_is_shut_out() -> None:
    (problem,) = shut_out(Deployer("aoki", "192.0.2.70"), [], {}, {})
    assert "only nobody may log in" in problem


def test_versions() -> None:
    assert parse_version("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.17") == (9, 2)
    assert parse_version("dropbear") is None
    assert not knows_pam_service_name((9, 2))
    assert knows_pam_service_name((10, 0))
    assert not knows_pam_service_name(None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"user": "aoki", "source": None}, "named without source"),
        ({"source": "192.0.2.70"}, "named without user"),
        ({"user": "aoki", "source": "login1"}, "'login1' is no address"),
    ],
)
def test_a_deployer_half_named_is_told(given: dict[str, str | None], words: str) -> None:
    found, problems = parse_deployer(given)
    assert found is None
    assert words in problems[0]


def test_a_deployer_is_named_whole_or_not_at_all() -> None:
    assert parse_deployer({"user": "aoki", "source": "2001:db8::0:10"}) == (Deployer("aoki", "2001:db8::10"), [])
    assert parse_deployer({"user": None, "source": None}) == (None, [])
