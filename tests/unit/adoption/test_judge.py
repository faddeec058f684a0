from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from module_utils.adoption.judge import judge, whose
from module_utils.adoption.keys import authorized_keys, fingerprints
from module_utils.fabric.model import Fabric
from tests.unit.adoption.conftest import KEY_ONE, KEY_TWO

ONE, TWO = (next(iter(fingerprints([key]))) for key in (KEY_ONE, KEY_TWO))


def login(user: str, source: str, **other: Any) -> dict[str, Any]:
    return {"user": user, "source": source, "method": "publickey", "key": "", "service": "ssh", **other}


@pytest.mark.parametrize(
    ("host", "row"),
    [
        ("mdx1", login("sato", "192.0.2.70")),
        ("mdx1", login("sato", "2001:db8:0:2102::10")),
        ("mdx1", login("aoki", "192.0.2.70", key=ONE)),
        ("mdx1", login("sato", "192.0.2.70", key=TWO)),  # the onward key, made later, takes its place
        ("login1", login("sato", "192.0.2.21", key=ONE)),
        ("data1", login("sato", "198.51.100.141", service="data")),
        ("mdx1", login("root", "", service="console")),
    ],
)
def test_declared_logins_are_let_in(fabric: Fabric, host: str, row: dict[str, Any]) -> None:
    assert judge(fabric, fabric.hosts[host], row).allowed


@pytest.mark.parametrize(
    ("host", "row", "reason"),
    [
        ("mdx1", login("guest", "192.0.2.70"), "in no list"),
        ("mdx1", login("root", "192.0.2.70"), "root never logs in"),
        ("mdx1", login("mdxuser", "192.0.2.70"), "shared user is locked"),
        ("mdx1", login("kato", "192.0.2.70"), "may not use this host: its platforms are nii, flow"),
        ("mdx1", login("sato", "192.0.2.21"), "comes from inst-a1"),
        ("mdx1", login("sato", "192.0.2.100"), "an undeclared address on hpc"),
        ("mdx1", login("sato", "203.0.113.200"), "outside the fabric"),
        ("mdx1", login("sato", "::1"), "the machine itself"),
        ("mdx1", login("sato", "host.example.org"), "is a name"),
        ("mdx1", login("sato", "192.0.2.70", method="password"), "by password"),
        ("mdx1", login("aoki", "192.0.2.70", key=TWO), "which is not declared"),
        ("login1", login("sato", "192.0.2.21", key=TWO), "which is not declared"),
        ("login1", login("aoki", "192.0.2.21", key=ONE), "no flow lets operators in"),
        ("data1", login("sato", "192.0.2.70"), "over service data (port 2022)"),
        ("data1", login("tanaka", "198.51.100.141", service="data"), "may not read"),
        ("data1", login("sato", "192.0.2.70", service="data"), "comes from login1"),
    ],
)
def test_other_logins_are_refused_with_the_reason(fabric: Fabric, host: str, row: dict[str, Any], reason: str) -> None:
    verdict = judge(fabric, fabric.hosts[host], row)
    assert not verdict.allowed
    assert reason in verdict.reason


def test_a_local_user_of_the_centre_is_refused(fabric: Fabric) -> None:
    assert "computing centre" in judge(fabric, fabric.hosts["flow-n1"], login("hpc-user", "198.51.100.210")).reason


def test_people_declared_absent_are_refused(fabric: Fabric) -> None:
    gone = replace(
        fabric,
        accounts={**fabric.accounts, "sato": replace(fabric.accounts["sato"], state="absent")},
        operators={**fabric.operators, "aoki": replace(fabric.operators["aoki"], state="absent")},
    )
    for name in ("sato", "aoki"):
        assert "declared absent" in judge(gone, gone.hosts["mdx1"], login(name, "192.0.2.70")).reason


def test_an_operators_certificate_counts_by_its_authority_and_a_key_given_up_no_more(fabric: Fabric) -> None:
    alone = replace(fabric, operator_authorities=(KEY_TWO,), operator_keys=False)
    assert judge(alone, alone.hosts["mdx1"], login("aoki", "192.0.2.70", key=TWO)).allowed
    assert "which is not declared" in judge(alone, alone.hosts["mdx1"], login("aoki", "192.0.2.70", key=ONE)).reason


def test_a_switch_is_named_too(fabric: Fabric) -> None:
    assert whose(fabric, fabric.switches["sw-nii"].attachment.ipv4) == "sw-nii"


def test_keys_are_read_with_options_and_comments() -> None:
    text = f'# no key\n\nfrom="192.0.2.1,192.0.2.2",command="run it" {KEY_ONE} and more\nssh-ed25519 not-base64 x\n{KEY_TWO}\n'
    first, second = authorized_keys(text)
    assert (first.fingerprint, first.comment) == (ONE, "one and more")
    assert first.options == 'from="192.0.2.1,192.0.2.2",command="run it"'
    assert (second.fingerprint, second.options) == (TWO, "")
