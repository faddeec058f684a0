from __future__ import annotations

import pytest

from module_utils.access_control.pam_files import needed_modules, parse_rules, rule_admits, rule_problems

GOOD = "# words\n+:sato:192.0.2.70 2001:db8::10\n+:aoki:192.0.2.0/24\n-:ALL:ALL\n"


def test_rules_that_can_not_fail_open() -> None:
    rules, problems = parse_rules(GOOD)
    assert problems == []
    assert rules == {"sato": ("192.0.2.70", "2001:db8::10"), "aoki": ("192.0.2.0/24",)}
    assert rule_admits(rules, "sato", "2001:db8::10")
    assert rule_admits(rules, "aoki", "192.0.2.9")
    assert not rule_admits(rules, "sato", "192.0.2.71")
    assert not rule_admits(rules, "root", "192.0.2.70")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.rstrip("\n"), "no newline"),  # measured: linux-pam 1.5.2 then skips the line and admits
        (GOOD.replace("-:ALL:ALL\n", ""), "does not end with"),
        ("", "does not end with"),
        (GOOD.replace("-:ALL", "- ALL"), "does not end with"),
        (GOOD + "\n", "no newline"),
        (GOOD + "+:sato:192.0.2.9\n", "does not end with"),
        (GOOD.replace("+:sato", "+ sato"), "not of the form"),
        (GOOD.replace("+:sato", "-:sato"), "not of the form"),
        (GOOD.replace("+:sato:192.0.2.70 2001:db8::10", "+:sato:"), "not of the form"),
        (GOOD.replace("192.0.2.70", "login1"), "names are not allowed"),
        (GOOD.replace("192.0.2.70", "LOCAL"), "names are not allowed"),
        (GOOD.replace("192.0.2.70", "ALL"), "names are not allowed"),
    ],
)
def test_everything_else_is_refused(text: str, words: str) -> None:
    _, problems = parse_rules(text)
    assert any(words in problem for problem in problems)


def test_rules_are_compared_with_the_declaration() -> None:
    assert rule_problems({"sato": ("192.0.2.1",)}, {"sato": ("192.0.2.2",)}) == [
        "access.conf admits sato from 192.0.2.1, which is not declared",
        "access.conf lacks sato from 192.0.2.2, which is declared",
    ]


def test_names_in_rules_admit_nobody() -> None:
    assert not rule_admits({"sato": ("login1",)}, "sato", "192.0.2.70")


def test_modules_without_which_everybody_is_refused() -> None:
    stack = (
        "# words\nauth required pam_deny.so\naccount [success=ok default=die]  pam_access.so accessfile=/x nodefgroup\n"
        "session [success=ok module_unknown=ignore default=bad] pam_selinux.so close\nsession optional pam_motd.so\n"
        "-session optional pam_systemd.so\n@include common-account\nsession required /lib/security/pam_limits.so\nbroken\n"
    )
    assert needed_modules(stack) == ["pam_deny.so", "pam_access.so", "pam_limits.so"]
