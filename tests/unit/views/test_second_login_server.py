"""A second login server is an edit of the inventory: what the first has, it has, and each is enough alone."""

from __future__ import annotations

from typing import Any

import pytest

from module_utils.fabric.model import Fabric
from module_utils.fabric.views import View, host_views
from module_utils.matrix.attempts import Attempt, Endpoint
from module_utils.matrix.expect import Expectations
from module_utils.matrix.plan import personas
from module_utils.proof.prove import prove
from plugin_utils.inventory import load_fabric
from plugin_utils.proof_run import with_keys
from plugin_utils.render import render_fabric
from tests.conftest import ROOT

SECOND = ROOT / "docs/examples/second-login-server.yml"


@pytest.fixture(scope="module")
def two() -> Fabric:
    return load_fabric(ROOT / "inventories/twin", SECOND)


@pytest.fixture(scope="module")
def views(two: Fabric) -> dict[str, View]:
    return host_views(two)


def without_own_addresses(view: View) -> dict[str, Any]:
    return {key: view[key] for key in ("groups", "login_server")} | {
        "confined": [view["packet_filter"][key] for key in ("confined", "confined_output", "confined_loopback")],
        "input": view["packet_filter"]["input"],
        "output": view["packet_filter"]["output"],
        "users": [(u["name"], u["uid"], u["state"]) for u in view["base"]["users"]],
        "logins": [(u["name"], u["kind"], u["sources"]) for u in view["login_restriction"]["users"]],
        "jumps": view["login_restriction"]["jump_targets"],
    }


def test_it_has_what_the_first_has(views: dict[str, View]) -> None:
    assert without_own_addresses(views["login2"]) == without_own_addresses(views["login1"])


def test_whoever_lets_in_the_first_lets_in_the_second(fabric: Fabric, views: dict[str, View]) -> None:
    first, second = {"192.0.2.70", "2001:db8:0:2102::10"}, {"192.0.2.74", "2001:db8:0:2102::b"}
    for view in views.values():
        if view["managed"]:
            rules = [set(rule["addresses"]) for rule in view["packet_filter"]["input"]]
            sources = [set(user["sources"]) for user in view["login_restriction"]["users"]]
            for peers in (*rules, *sources):
                assert bool(first & peers) == bool(second & peers), view["name"]
    assert "login2" not in fabric.hosts


def test_the_proof_holds(two: Fabric) -> None:
    whole = with_keys(two)
    proof = prove(whole, render_fabric(whole))
    assert [str(finding) for finding in proof.findings] == []


@pytest.mark.parametrize(
    ("origin", "user", "target", "address", "expected"),
    [
        ("inst-a1", "sato", "login2", "192.0.2.11", "allowed"),
        ("inst-a1", "ueda", "login2", "192.0.2.11", "authentication"),
        ("operator", "ueda", "login2", "203.0.113.11", "allowed"),
        ("login2", "sato", "mdx1", "192.0.2.101", "allowed"),
        ("login2", "kato", "mdx1", "192.0.2.101", "authentication"),
        ("login2", "sato", "login1", "192.0.2.70", "packet filter"),
    ],
)
def test_the_matrix_expects_it(two: Fabric, origin: str, user: str, target: str, address: str, expected: str) -> None:
    attempt = Attempt("ssh", Endpoint(target, address, 22), user, None)
    assert Expectations(two, personas(two)).of(origin, attempt).reason == expected
