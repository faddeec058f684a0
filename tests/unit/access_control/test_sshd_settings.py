from __future__ import annotations

from module_utils.access_control.sshd_settings import admits, list_problems, parse_effective, setting_problems

GOOD = parse_effective(
    "usepam yes\nallowusers sato@192.0.2.70\nallowusers aoki@2001:db8::10\npermitopen a:1 b:2\nx11Forwarding no\n\n"
)


def test_lines_of_one_keyword_are_kept_apart() -> None:
    assert GOOD["allowusers"] == ("sato@192.0.2.70", "aoki@2001:db8::10")
    assert GOOD["x11forwarding"] == ("no",)


def test_settings_that_are_as_meant() -> None:
    assert (
        setting_problems({"usepam": "yes", "permitopen": "a:1 b:2", "gssapiauthentication": "no", "acceptenv": "none"}, GOOD)
        == []
    )


def test_each_setting_that_is_not_as_meant_is_named() -> None:
    assert setting_problems({"usepam": "no", "forcecommand": "internal-sftp", "x": ""}, GOOD) == [
        "usepam is yes, meant is no",
        "forcecommand is absent, meant is internal-sftp",
    ]


def test_the_lists_are_compared_whole() -> None:
    assert list_problems(["sato@192.0.2.70", "aoki@2001:db8::10"], GOOD) == []


def test_an_appended_allowusers_is_seen() -> None:
    found = {"allowusers": ("sato@192.0.2.70", "*")}
    assert list_problems(["sato@192.0.2.70"], found) == ["AllowUsers admits *, which is not declared"]


def test_no_allowusers_admits_everybody() -> None:
    assert any("everybody" in text for text in list_problems([], {}))
    assert list_problems([], {"denyusers": ("*",)}) == []


def test_other_lists_are_not_used() -> None:
    found = {"allowusers": ("sato@192.0.2.70",), "denyusers": ("aoki",), "allowgroups": ("staff",)}
    assert len(list_problems(["sato@192.0.2.70"], found)) == 2
    assert not admits(found, "sato", "192.0.2.70")


def test_what_is_missing_is_named() -> None:
    assert list_problems(["a@192.0.2.1"], {"allowusers": ("b@192.0.2.1",)}) == [
        "AllowUsers admits b@192.0.2.1, which is not declared",
        "AllowUsers lacks a@192.0.2.1, which is declared",
    ]


def test_who_is_admitted() -> None:
    assert admits(GOOD, "sato", "192.0.2.70")
    assert not admits(GOOD, "sato", "192.0.2.71")
    assert not admits(GOOD, "sato", "2001:db8::10")
    assert not admits(GOOD, "aoki", "192.0.2.70")
    assert not admits({"allowusers": ("sato@login1", "sato")}, "sato", "192.0.2.70")
