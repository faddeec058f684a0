"""Certificates in the proof: what a signer's policy grants for its key, and whatever else an unknown authority could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from module_utils.fabric.views import HOST_AUTHORITIES, host_views
from module_utils.identity.host_certificates import known_lines
from module_utils.people.plan import RECORDER
from module_utils.proof.authorities import POLICY, PUBLIC
from module_utils.proof.findings import Proof
from module_utils.proof.prove import prove
from module_utils.proof.world import Artefacts
from module_utils.sessions.command import DASH, SHELL
from module_utils.sessions.program import build
from plugin_utils.live_proof import host_drift
from plugin_utils.render import AUTHORITIES, ONWARD_KEY, render_fabric, stand_in

from .test_prove import SSHD, kinds, proof_with, swap, twin

NODE, SIGNER = "mdx1", "ca1"
OTHER = f"{stand_in('another')}\n"


def without(host: str, path: str) -> Proof:
    fabric, artefacts = twin()
    files = {p: t for p, t in artefacts.hosts[host].items() if p != path}
    return prove(fabric, Artefacts({**artefacts.hosts, host: files}, artefacts.switches))


def named(proof: Proof, host: str, words: str) -> set[str]:
    """Return of whom findings on a host are whose reason holds ``words``."""
    found = [f for f in proof.findings if f.host == host and words in f.reason and f.kind in ("extra_login", "missing_layer")]
    return {user for f in found for user in f.users}


def test_nodes_hold_no_keys_of_accounts() -> None:
    files = twin()[1].hosts[NODE]
    assert sorted(p.rpartition("/")[2] for p in files if "authorized_keys" in p) == ["aoki", "breakglass", "ueda"]
    assert files[AUTHORITIES] == f"{stand_in(SIGNER)}\n"


@pytest.mark.parametrize("text", [OTHER, f"{stand_in(SIGNER)}\n{OTHER}"])
def test_another_authority_admits_whom_it_likes(text: str) -> None:
    proof = proof_with(NODE, AUTHORITIES, lambda _before: text)
    assert "sato" in named(proof, NODE, "which is no signer's")
    # Certificates are for accounts: for others none is taken, whoever signed it.
    assert not {"root", "aoki", "mdxuser"} & named(proof, NODE, "which is no signer's")


def test_an_authority_for_everybody_is_named() -> None:
    proof = proof_with(NODE, SSHD, swap("TrustedUserCAKeys none", f"TrustedUserCAKeys {AUTHORITIES}"))
    assert kinds(proof, NODE) <= {"missing_layer"}  # the policy knows no operator and no root


def test_for_everybody_and_unknown_it_admits_even_operators() -> None:
    fabric, artefacts = twin()
    files = dict(artefacts.hosts[NODE])
    files[SSHD] = files[SSHD].replace("TrustedUserCAKeys none", "TrustedUserCAKeys /etc/ssh/hand")
    files["/etc/ssh/hand"] = OTHER
    proof = prove(fabric, Artefacts({**artefacts.hosts, NODE: files}, artefacts.switches))
    assert "aoki" in named(proof, NODE, "/etc/ssh/hand:1, which is no signer's")


@pytest.mark.parametrize("path", [POLICY, PUBLIC])
def test_a_signer_without_a_policy_bounds_nothing(path: str) -> None:
    assert "sato" in named(without(SIGNER, path), NODE, "which is no signer's")


def test_a_missing_file_of_authorities_is_not_guessed() -> None:
    assert "sato" in named(without(NODE, AUTHORITIES), NODE, "isn't among the artefacts")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (swap('"192.0.2.70"', '"192.0.2.70",\n        "192.0.2.99"'), "missing_layer"),
        (swap('"192.0.2.70"', '"192.0.2.99"'), "missing_login"),
        (swap('"sato",', ""), "missing_login"),
    ],
)
def test_a_changed_policy_is_named_on_the_nodes(change: Callable[[str], str], found: str) -> None:
    assert found in kinds(proof_with(SIGNER, POLICY, change), NODE)


def test_a_policy_that_cannot_be_read_is_no_policy() -> None:
    proof = proof_with(SIGNER, POLICY, lambda _before: "{}")
    assert "cannot_prove" in kinds(proof, SIGNER)
    assert "sato" in named(proof, NODE, "which is no signer's")


def test_principals_from_elsewhere_are_not_bounded() -> None:
    proof = proof_with(
        NODE, SSHD, swap("TrustedUserCAKeys none", "TrustedUserCAKeys none\nAuthorizedPrincipalsFile /etc/ssh/principals/%u")
    )
    assert "sato" in named(proof, NODE, "principals authorizedprincipalsfile names")


def test_nobody_but_login_servers_asks_a_signer() -> None:
    keys = "/etc/ssh/authorized_keys_sign.d/kakehashi-sign"
    assert (
        twin()[1].hosts[SIGNER][keys].startswith('from="192.0.2.200,2001:db8:0:2104::10",restrict,command="login1" ssh-ed25519 ')
    )
    loose = proof_with(SIGNER, keys, lambda text: text.partition(",restrict")[2].replace(",command", "restrict,command", 1))
    assert "kakehashi-sign" in {u for f in loose.findings if f.host == SIGNER and f.layer == "keys" for u in f.users}


HOST_CA = stand_in("host authority")
HOST_PUBLIC = "/var/lib/kakehashi-host-authority/host_ca.pub"
SIGNING = {"address": "192.0.2.207", "port": 2200, "programs": [{"path": "/usr/sbin/sshd", "sshd": True}]}


def as_found(**changed: Any) -> dict[str, Any]:
    """Return all hosts as validation reads them when they are as the roles made them; ``changed`` is the signer's."""
    fabric, artefacts = twin()
    found: dict[str, dict[str, Any]] = {}
    for name, files in artefacts.hosts.items():
        ruleset = files["/etc/nftables.conf"]
        found[name] = {
            "files": dict(files),
            "shadow": files["/etc/shadow"],
            "ruleset": ruleset,
            "ruleset_of_file": ruleset,
            "daemons": [],
            "owned": {},
            "revoked": [],
            "programs": {RECORDER: sha256(build()).hexdigest(), SHELL: "1" * 64, DASH: "1" * 64},
            "socket_units": "Id=kakehashi-sessions.socket\nActiveState=active\n",
        }
    found["login1"]["files"] |= {f"/etc/kakehashi/onward/{a}/id_ed25519.pub": f"{ONWARD_KEY} {a}\n" for a in fabric.accounts}
    found["login1"]["files"]["/etc/kakehashi/signing/id_ed25519.pub"] = f"{stand_in('login1')} login1 asks\n"
    found[SIGNER]["files"][HOST_PUBLIC] = f"{HOST_CA}\n"
    found["login1"]["files"][HOST_AUTHORITIES] = known_lines([HOST_CA], host_views(fabric)["login1"]["host_certificate"]["known"])
    found[SIGNER] |= {"listening": [SIGNING], "daemons": ["/usr/local/sbin/kakehashi-sign-sshd -D -f /etc/ssh/sshd_config_sign"]}
    found[SIGNER] |= changed
    return found


def drift(found: dict[str, Any]) -> list[str]:
    fabric, artefacts = twin()
    return [d.text() for d in host_drift(fabric, found, artefacts.switches)]


def test_what_was_built_shows_no_drift() -> None:
    assert drift(as_found()) == []
    without = as_found()
    del without[SIGNER]
    assert drift(without) == []


def test_drift_of_a_signer_and_of_who_trusts_it_is_named() -> None:
    assert drift(as_found(sign_sshd_stale=True)) == [
        f"{SIGNER}: sshd: /etc/ssh/sshd_config_sign: was changed after the signer read it, so other rules may be in force: "
        "reload kakehashi-sign-sshd"
    ]
    other = {**SIGNING, "programs": [{"path": "/usr/bin/nc", "sshd": False}]}
    assert "is not the sshd that belongs on this port" in drift(as_found(listening=[other]))[0]
    found = as_found()
    found[NODE]["revoked"] = None
    found[NODE]["files"][AUTHORITIES] += OTHER
    told = drift(found)
    assert any("kakehashi-revoked-keys: is missing" in text for text in told)
    assert any(f"{AUTHORITIES}:2" in text for text in told)
    assert any("which is no signer's" in text for text in told)


def test_whose_host_certificates_a_login_server_believes_is_compared() -> None:
    found = as_found()
    found["login1"]["files"][HOST_AUTHORITIES] += f"@cert-authority * {OTHER}"
    assert [text for text in drift(found) if f"login1: keys: {HOST_AUTHORITIES}:2: has '@cert-authority *" in text]
    del found["login1"]["files"][HOST_AUTHORITIES]
    assert f"login1: keys: {HOST_AUTHORITIES}: the file is missing" in drift(found)
    found = as_found()
    found[NODE]["files"][HOST_AUTHORITIES] = f"@cert-authority * {OTHER}"
    assert f"{NODE}: keys: {HOST_AUTHORITIES}:1: nothing of ours put this file here" in drift(found)[0]


def test_both_host_authorities_are_good_while_one_is_replaced_and_no_longer() -> None:
    known = host_views(twin()[0])["login1"]["host_certificate"]["known"]
    other = "/var/lib/.other-kakehashi-host-authority/host_ca"
    following = stand_in("next host authority")
    both = known_lines(sorted([HOST_CA, following]), known)
    found = as_found()
    found[SIGNER]["files"][f"{other}.pub"] = f"{following} a comment\n"
    assert drift(found) == [], "not taken yet"
    found["login1"]["files"][HOST_AUTHORITIES] = both
    assert drift(found) == []
    found[SIGNER]["files"][f"{other}.pub"], found[SIGNER]["files"][HOST_PUBLIC] = f"{HOST_CA}\n", f"{following}\n"
    assert drift(found) == [], "in the other's place"
    found["login1"]["files"][HOST_AUTHORITIES] = known_lines([HOST_CA], known)
    assert any("login1: keys: /etc/ssh/kakehashi-host-authorities:1: lacks" in text for text in drift(found)), "the one in use"
    found["login1"]["files"][HOST_AUTHORITIES] = both
    del found[SIGNER]["files"][f"{other}.pub"]
    assert any("has '@cert-authority " in text for text in drift(found)), "nobody has it any more"
    # The private half is root's alone, in either place.
    found[SIGNER]["owned"] = {other: (0, 0, 0o604)}
    assert any(f"{other}: others than root can read it" in text for text in drift(found))


def test_a_host_without_its_certificate_is_named() -> None:
    found = as_found()
    found[NODE]["host_keys"] = [f"{stand_in(NODE)} root@{NODE}"]
    missing = f"{NODE}: sshd: /etc/ssh/ssh_host_ed25519_key-cert.pub: the certificate is missing"
    assert [text for text in drift(found) if text.startswith(missing)]
    found[NODE] |= {"certificate_stale": True}
    assert any("was changed after sshd read it, so another one may be shown" in text for text in drift(found))


def test_without_signers_nodes_take_onward_keys() -> None:
    fabric, _artefacts = twin()
    flows = tuple(f for f in fabric.flows if f.service != "sign")
    before = replace(fabric, identity=None, flows=flows)
    files = render_fabric(before).hosts[NODE]
    assert "/etc/ssh/authorized_keys.d/sato" in files
    assert AUTHORITIES not in files
    assert prove(before, render_fabric(before)).holds
