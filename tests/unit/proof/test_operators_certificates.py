"""Operators' certificates in the proof and in drift: an authority opens what a key would, from where and for whom it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from module_utils.fabric.model import Fabric
from module_utils.fabric.views import host_views
from module_utils.proof.prove import prove
from module_utils.proof.world import Artefacts
from plugin_utils.live_proof import host_drift
from plugin_utils.render import render_fabric, stand_in

from . import test_authorities
from .test_prove import SSHD, kinds, swap, twin

KEYS = "/etc/ssh/authorized_keys.d/aoki"
LINE = f'cert-authority,principals="aoki" {stand_in("operators")}'


@cache
def certified() -> tuple[Fabric, Artefacts]:
    """Return the twin's fabric where operators come by certificates alone, and what the roles make of it."""
    fabric = replace(
        twin()[0], operator_authorities=(stand_in("operators"),), operator_keys=False, revoked_certificates=("aoki-lost",)
    )
    return fabric, render_fabric(fabric)


def test_certificates_alone_open_what_keys_opened() -> None:
    fabric, artefacts = certified()
    proof = prove(fabric, artefacts)
    assert [str(f) for f in proof.findings] == []
    assert (proof.declared, proof.admitted) == (prove(*twin()).declared, prove(*twin()).admitted)


@pytest.mark.parametrize("host", ["login1", "ca1", "mdx1", "data1"])
def test_the_authority_stands_with_its_sources_in_each_operators_file(host: str) -> None:
    files = certified()[1].hosts[host]
    [line] = files[KEYS].splitlines()
    assert line.startswith('from="')
    assert line.endswith(LINE)
    assert "ExposeAuthInfo yes" in files[SSHD].partition("Match User aoki,ueda\n")[2].splitlines()[0]
    assert "RevokedKeys /etc/ssh/kakehashi-revoked-keys" in files[SSHD]
    assert "cert-authority" not in files["/etc/ssh/authorized_keys.d/breakglass"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda text: text.partition(",")[2] if ":" not in text else text[text.index("restrict") :], "missing_layer"),
        (swap('from="', 'from="192.0.2.99,'), "missing_layer"),
        (lambda _text: "", "missing_login"),
    ],
)
def test_a_line_that_opens_more_or_less_is_named(change: Callable[[str], str], found: str) -> None:
    fabric, artefacts = certified()
    files = dict(artefacts.hosts["mdx1"])
    files[KEYS] = change(files[KEYS])
    assert files[KEYS] != artefacts.hosts["mdx1"][KEYS]
    assert found in kinds(prove(fabric, Artefacts({**artefacts.hosts, "mdx1": files}, artefacts.switches)), "mdx1")


def as_found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(test_authorities, "twin", certified)
    found = test_authorities.as_found()
    for settings in found.values():
        settings["revoked"] = ["aoki-lost"]
    return found


def test_drift_names_another_authority_and_a_certificate_that_is_not_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    fabric, artefacts = certified()
    found = as_found(monkeypatch)

    def told() -> list[str]:
        return [d.text() for d in host_drift(fabric, found, artefacts.switches)]

    assert told() == []
    # Data servers hold no account, and so no authority of accounts.
    found["data1"]["revoked"] = []
    assert told() == ["data1: keys: /etc/ssh/kakehashi-revoked-keys: certificates named aoki-lost are not revoked"]
    found["data1"]["revoked"] = None
    assert any("data1: keys: /etc/ssh/kakehashi-revoked-keys: is missing" in text for text in told())
    found["data1"]["revoked"] = ["aoki-lost"]
    found["mdx1"]["files"][KEYS] += found["mdx1"]["files"][KEYS].replace(stand_in("operators"), stand_in("another"))
    assert any(f"mdx1: keys: {KEYS}:2: has " in text for text in told())


def test_without_an_authority_nothing_of_it_is_written() -> None:
    fabric, artefacts = twin()
    assert not any(user.get("authorities") for user in host_views(fabric)["mdx1"]["login_restriction"]["users"])
    assert not any("cert-authority" in text for text in artefacts.hosts["mdx1"].values())
    assert "ExposeAuthInfo yes" not in artefacts.hosts["mdx1"][SSHD]
    assert "RevokedKeys none" in artefacts.hosts["data1"][SSHD]
