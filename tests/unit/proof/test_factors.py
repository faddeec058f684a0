"""The proof sees a login server that asks for less than is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from module_utils.fabric.model import Fabric
from module_utils.proof.pam_code import code_needed, code_opens
from module_utils.proof.problem import CannotProve
from module_utils.proof.prove import prove
from module_utils.proof.world import Artefacts
from plugin_utils.inventory import load_fabric
from plugin_utils.proof_run import with_keys
from plugin_utils.render import render_fabric
from tests.support.security_key import SecurityKey

PAM, SSHD = "/etc/pam.d/sshd", "/etc/ssh/sshd_config"
GOOD = """auth [success=ok ignore=ignore default=die] pam_access.so
auth requisite pam_faillock.so preauth
auth [success=1 default=bad] pam_oath.so
auth [default=die] pam_faillock.so authfail
auth sufficient pam_faillock.so authsucc
auth required pam_deny.so
"""


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    """The twin's fabric with codes for all, kato with a security key."""
    found = with_keys(load_fabric("inventories/twin"))
    kato = replace(found.accounts["kato"], keys=(SecurityKey().public,))
    return replace(found, second_factor="totp", accounts={**found.accounts, "kato": kato})


@pytest.fixture(scope="module")
def artefacts(fabric: Fabric) -> Artefacts:
    return render_fabric(fabric)


def changed(artefacts: Artefacts, path: str, edit: Callable[[str], str]) -> Artefacts:
    files = dict(artefacts.hosts["login1"])
    before, files[path] = files[path], edit(files[path])
    assert files[path] != before
    return replace(artefacts, hosts={**artefacts.hosts, "login1": files})


def test_what_the_roles_write_asks_for_what_is_declared(fabric: Fabric, artefacts: Artefacts) -> None:
    proof = prove(fabric, artefacts)
    assert proof.findings == []
    assert proof.admitted == proof.declared


def test_without_the_factor_in_the_artefacts_each_person_is_named(fabric: Fabric) -> None:
    (first, second) = prove(fabric, render_fabric(replace(fabric, second_factor="none"))).findings
    assert {first.kind, second.kind} == {"missing_factor"}
    assert {first.users, second.users} == {("sato", "suzuki", "tanaka"), ("kato",)}


@pytest.mark.parametrize(
    ("path", "edit", "users", "words"),
    [
        (SSHD, lambda t: t.replace("    AuthenticationMethods publickey,keyboard-interactive:pam\n", ""),
         ("sato", "suzuki", "tanaka"), "opens by publickey alone"),
        (SSHD, lambda t: t.replace("publickey,keyboard-interactive:pam", "publickey,keyboard-interactive:pam publickey"),
         ("sato", "suzuki", "tanaka"), "opens by publickey alone"),
        (SSHD, lambda t: t.replace("# A key, and", "Match User sato Address 192.0.2.11\nAuthenticationMethods publickey\n#"),
         ("sato",), "opens by publickey alone"),
        (PAM, lambda t: "auth sufficient pam_permit.so\n" + t, ("sato", "suzuki", "tanaka"), "passed without a code"),
        (PAM, lambda t: t.replace("success=1 default=bad", "success=1 default=1"), ("sato", "suzuki", "tanaka"),
         "passed without a code"),
        (SSHD, lambda t: t.replace(" verify-required", ""), ("kato",), "asks for no PIN"),
        (SSHD, lambda t: t.replace("PubkeyAcceptedAlgorithms sk-", "PubkeyAcceptedAlgorithms ssh-ed25519,sk-"), ("kato",),
         "other keys than security keys"),
    ],
)  # fmt: skip
def test_what_asks_for_less_is_seen(
    fabric: Fabric, artefacts: Artefacts, path: str, edit: Callable[[str], str], users: tuple[str, ...], words: str
) -> None:
    found = [f for f in prove(fabric, changed(artefacts, path, edit)).findings if f.kind == "missing_factor"]
    assert {f.users for f in found} == {users}
    assert words in found[0].reason


def test_a_stack_that_takes_no_code_shuts_everybody_out(fabric: Fabric, artefacts: Artefacts) -> None:
    closed = changed(artefacts, PAM, lambda t: t.replace("pam_oath.so", "pam_deny.so"))
    assert {f.kind for f in prove(fabric, closed).findings} == {"missing_login"}


@pytest.mark.parametrize(
    ("stack", "needed", "opens"),
    [
        (GOOD, True, True),
        ("auth required pam_deny.so\n", True, False),
        ("auth required pam_oath.so\n", True, True),
        ("auth sufficient pam_oath.so\nauth required pam_deny.so\n", True, True),
        ("auth sufficient pam_oath.so\nauth required pam_unix.so\n", False, True),
        ("auth optional pam_oath.so\nauth required pam_permit.so\n", False, True),
        (GOOD.replace("default=bad", "default=1"), False, True),
        (GOOD.replace("[default=die]", "[success=2 default=die]"), True, True),
        ("", True, False),
    ],
)
def test_a_stack_is_tried_for_all_that_its_modules_may_answer(stack: str, needed: bool, opens: bool) -> None:
    files = {PAM: stack}
    assert (code_needed("sshd", files), code_opens("sshd", files)) == (needed, opens)


def test_a_long_stack_is_not_judged() -> None:
    with pytest.raises(CannotProve):
        code_needed("sshd", {PAM: "auth optional pam_echo.so\n" * 9})
