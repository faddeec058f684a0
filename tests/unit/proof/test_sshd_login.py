"""Traps of sshd: each was measured, each is a way in that reads like a lock."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given, settings

from module_utils.proof.accounts import User
from module_utils.proof.intervals import Ranges, as_address, describe, samples
from module_utils.proof.keys import parse_keys
from module_utils.proof.problem import CannotProve
from module_utils.proof.ssh_patterns import cuts
from module_utils.proof.sshd import Login, parse_sshd, parse_sshd_files
from module_utils.proof.sshd_login import Server, credential_admits, credential_admitted, rules_admit, rules_admitted

from .test_sshd_against_sshd import CONFIGS

KEY = "ssh-ed25519 AAAA me"
SATO = User("sato", 3001, frozenset({"sato", "people"}), "/home/sato", "/bin/bash")
WITH_PASSWORD = replace(SATO, password="set")  # noqa: S106 - a state, no password
NO_PASSWORD = replace(SATO, password="empty")  # noqa: S106 - a state, no password
ROOT = User("root", 0, frozenset({"root"}), "/root", "/bin/bash")
FILES = {"/k/sato": f'from="192.0.2.70,2001:db8::10",restrict {KEY}\n', "/k/root": f"{KEY}\n"}
BASE = "AuthorizedKeysFile /k/%u\nAuthenticationMethods publickey\n"


def server(text: str, files: dict[str, str] | None = None) -> Server:
    return Server(parse_sshd(text), FILES if files is None else files)


def rules(text: str, user: User = SATO) -> str:
    return describe(rules_admitted(server(text), user, "ipv4"), "ipv4")


ALL = "0.0.0.0-255.255.255.255"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AllowUsers sato@192.0.2.0/28", "192.0.2.0-192.0.2.15"),
        ("AllowUsers sato@192.0.2.0/28\nAllowUsers *", ALL),
        ("AllowUsers sato@192.0.2.1\nMatch Address 198.51.100.0/24\nAllowUsers sato", "192.0.2.1, 198.51.100.0-198.51.100.255"),
        ("AllowUsers kato\nDenyUsers sato", "none"),
        ("AllowUsers s?to@10.0.0.300", "none"),
        ("DenyUsers *@192.0.2.0/25", "0.0.0.0-192.0.1.255, 192.0.2.128-255.255.255.255"),
        ("AllowUsers sato@192.0.2.0/30,!192.0.2.1", "192.0.2.0, 192.0.2.2-192.0.2.3"),
        ("AllowUsers sato@*,!*", "none"),
        ("AllowGroups people", ALL),
        ("AllowGroups others", "none"),
        ("DenyGroups peop*", "none"),
        ("RefuseConnection yes", "none"),
        ("PasswordAuthentication no\nPubkeyAuthentication no\nKbdInteractiveAuthentication no", "none"),
        ("AllowUsers sato@2001:db8::/32", "none"),
        ("AllowUsers kato\nMatch User kato\nPermitRootLogin yes\nAllowUsers sato", "none"),
    ],
)
def test_rules_for_users(text: str, expected: str) -> None:
    assert rules(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PermitRootLogin no", "none"),
        ("PermitRootLogin yes\nPermitRootLogin no", ALL),
        ("PermitRootLogin no\nMatch Address 192.0.2.7\nPermitRootLogin yes", "192.0.2.7"),
        ("Match Address 192.0.2.7\nPermitRootLogin yes\nMatch all\nPermitRootLogin no", "192.0.2.7"),
        ("PermitRootLogin prohibit-password\nPubkeyAuthentication no", "none"),
        ("PermitRootLogin forced-commands-only", ALL),
    ],
)
def test_rules_for_root(text: str, expected: str) -> None:
    assert rules(text, ROOT) == expected


def keys(text: str, user: User = SATO, files: dict[str, str] | None = None) -> str:
    return describe(credential_admitted(server(text, files), user, "ipv4"), "ipv4")


def test_what_opens() -> None:
    assert keys(BASE) == "192.0.2.70"
    assert keys(BASE, replace(SATO, name="kato")) == "none"
    assert keys("AuthenticationMethods publickey\n") == ALL, "a key in a place that the user can write"
    assert keys("AuthorizedKeysFile none\nAuthenticationMethods publickey\n") == "none"
    assert keys(BASE + "AuthorizedKeysCommand /bin/x") == ALL
    assert keys(BASE + "TrustedUserCAKeys /etc/ca") == ALL
    assert keys(BASE, files={"/k/sato": KEY}) == ALL
    assert keys("AuthorizedKeysFile /k/%u", WITH_PASSWORD) == ALL
    assert keys("AuthorizedKeysFile /k/%u") == "192.0.2.70", "a locked password opens nothing"
    assert keys("AuthorizedKeysFile /k/%u\nHostbasedAuthentication yes") == ALL
    assert keys("AuthorizedKeysFile none\nPermitEmptyPasswords yes", NO_PASSWORD) == ALL
    both = "AuthorizedKeysFile /k/%u\nAuthenticationMethods publickey,password"
    assert keys(both) == "none"
    assert keys(both, WITH_PASSWORD) == "192.0.2.70"
    assert keys("AuthorizedKeysFile /x/%h/%U/%%", files={"/x//home/sato/3001/%": KEY}) == ALL
    forced = BASE + "PermitRootLogin forced-commands-only"
    assert keys(forced, ROOT) == "none"
    assert keys(forced, ROOT, {"/k/root": f'command="x" {KEY}'}) == ALL
    with pytest.raises(CannotProve, match="token"):
        keys("AuthorizedKeysFile /k/%i")
    with pytest.raises(CannotProve, match="CIDR"):
        keys(BASE, files={"/k/sato": f'from="192.0.2.*" {KEY}'})


def test_reasons_name_the_line() -> None:
    here, there = ip_address("192.0.2.70"), ip_address("192.0.2.71")
    asked = server(BASE + "AllowUsers sato@192.0.2.70\nDenyUsers *@192.0.2.71")
    assert rules_admit(asked, SATO, here).reason == "sshd_config:3 AllowUsers sato@192.0.2.70"
    assert "DenyUsers" in rules_admit(asked, SATO, there).reason
    assert "AllowUsers (line 3)" in rules_admit(asked, SATO, ip_address("192.0.2.72")).reason
    assert "/k/sato:1" in credential_admits(asked, SATO, here).reason
    assert credential_admits(asked, SATO, there).reason == "no key of sato opens from 192.0.2.71"
    assert "no AllowUsers" in rules_admit(server(BASE), SATO, here).reason
    assert "PermitRootLogin" in rules_admit(server("PermitRootLogin no"), ROOT, here).reason


@pytest.mark.parametrize("text", ["UseDNS yes", "AllowUsers sato@192.0.2.*", "Match Address 192.0.2.*\nPermitRootLogin no"])
def test_names_and_wildcards_prove_nothing(text: str) -> None:
    with pytest.raises(CannotProve):
        rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "Include /etc/ssh/sshd_config.d/*.conf",
        "AllowUsers a@b@192.0.2.1",
        "Match rdomain x\nPermitRootLogin no",
        "Match LocalPort ssh",
    ],
)
def test_what_cant_be_known_is_refused(text: str) -> None:
    with pytest.raises(CannotProve):
        rules(text)


def test_a_drop_in_that_sorts_earlier_wins() -> None:
    main = "Include d/*.conf\nPermitRootLogin no\nMatch User sato\nInclude x\n"
    config = parse_sshd_files(main, {"d/*.conf": "PermitRootLogin yes\nMatch User kato\n", "x": "AllowUsers nobody\n"})
    login = Login("root", frozenset(), ip_address("192.0.2.1"))
    assert config.value("permitrootlogin", login).first == "yes"
    assert config.value("allowusers", login).arguments == ()
    assert config.value("allowusers", replace(login, user="sato")).arguments == ("nobody",)
    ring = {"a": "Include a\n"}
    with pytest.raises(CannotProve, match="deeply"):
        parse_sshd_files("Include a\n", ring)


def test_local_address_is_asked_where_known() -> None:
    config = parse_sshd("Match LocalAddress 192.0.2.0/24\nPermitRootLogin no\n")
    login = Login("root", frozenset(), ip_address("198.51.100.1"), local_address=ip_address("192.0.2.1"))
    assert config.value("permitrootlogin", login).first == "no"


@settings(max_examples=80, deadline=None)
@given(CONFIGS)
def test_sets_are_what_single_addresses_say(text: str) -> None:
    try:
        asked = server(text)
        for user in (SATO, ROOT, replace(SATO, name="nobody", groups=frozenset({"nogroup"}))):
            found = rules_admitted(asked, user, "ipv4"), credential_admitted(asked, user, "ipv4")
            patterns = [w.partition("@")[2] or w for line in text.split("\n") for w in line.replace('"', "").split()]
            for low, high in samples(cuts([*patterns, "192.0.2.70"], "ipv4"), "ipv4"):
                for number in (low, high):
                    address = as_address(number, "ipv4")
                    assert rules_admit(asked, user, address).ok == (number in found[0])
                    assert credential_admits(asked, user, address).ok == (number in found[1])
    except CannotProve:
        return


@pytest.mark.parametrize(
    "line",
    [
        f'from="192.0.2.1 {KEY}',
        f'wrong="x" {KEY}',
        f"no-such-flag {KEY}",
        f'from="192.0.2.1",from="192.0.2.2" {KEY}',
        f'from="192.0.2.1"x {KEY}',
    ],
)
def test_broken_options_of_a_key_are_refused(line: str) -> None:
    with pytest.raises(CannotProve):
        parse_keys(line)


def test_lines_without_a_key_are_passed_over() -> None:
    found = parse_keys('# x\n\nrestrict\ncommand="a \\"b\\"",pty ssh-rsa AAAA you and me\n')
    assert [(k.line, k.forced, k.options.get("command"), k.text[-14:]) for k in found] == [(4, True, 'a "b"', "rsa you and me")]
    assert Ranges() == credential_admitted(server(BASE, {}), SATO, "ipv6")
