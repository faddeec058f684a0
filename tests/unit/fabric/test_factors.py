"""Who is asked for what at a login server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from module_utils.fabric import factors
from module_utils.fabric.model import Account, Fabric, Operator, SecondFactor
from plugin_utils.inventory import load_fabric
from tests.support.security_key import SecurityKey

PLAIN, HARD = "ssh-ed25519 AAAA x", SecurityKey().public
SATO = Account("sato", 3001, ("nii",), ())
AOKI = Operator("aoki", 2001)


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return load_fabric("inventories/twin")


@pytest.mark.parametrize(
    ("whole", "own", "keys", "expected"),
    [
        ("none", None, (PLAIN,), "none"),
        ("none", None, (HARD,), "none"),
        ("totp", None, (PLAIN,), "totp"),
        ("totp", None, (), "totp"),
        ("totp", None, (HARD,), "security_key"),
        ("totp", None, (HARD, PLAIN), "totp"),
        ("totp", "none", (PLAIN,), "none"),
        ("none", "totp", (PLAIN,), "totp"),
    ],
)
def test_of_an_account(
    fabric: Fabric, whole: SecondFactor, own: SecondFactor | None, keys: tuple[str, ...], expected: str
) -> None:
    account = replace(SATO, keys=keys, second_factor=own)
    assert factors.factor(replace(fabric, second_factor=whole), account) == expected


def test_operators_are_asked_only_where_it_is_written_for_them(fabric: Fabric) -> None:
    asking = replace(fabric, second_factor="totp")
    assert factors.factor(asking, AOKI) == "none"
    assert factors.factor(asking, replace(AOKI, second_factor="totp")) == "totp"


def test_login_servers_alone_ask(fabric: Fabric) -> None:
    asking = replace(fabric, second_factor="totp")
    assert factors.users(asking, asking.hosts["login1"], "totp") == ["sato", "suzuki", "tanaka", "kato"]
    assert factors.users(asking, asking.hosts["mdx1"], "totp") == []
    assert factors.users(fabric, fabric.hosts["login1"], "totp") == []
    assert factors.of_user(asking, asking.hosts["login1"], "sato") == "totp"
    assert factors.of_user(asking, asking.hosts["mdx1"], "sato") == "none"
    assert factors.of_user(asking, asking.hosts["login1"], "nobody") == "none"
