"""Who may log in where: the declaration itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from module_utils.fabric import access
from module_utils.fabric.access import Persona
from module_utils.fabric.model import Fabric


def origins(fabric: Fabric, kind: access.Kind, name: str, target: str) -> set[str]:
    return {p.origin for p in access.declared_logins(fabric, Persona(kind, name), fabric.hosts[target])}


def readers(fabric: Fabric, name: str, target: str) -> set[str]:
    return {p.origin for p in access.declared_data(fabric, Persona("account", name), fabric.hosts[target])}


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("sato", "login1", {"inst-a1", "inst-b1"}),
        ("sato", "mdx1", {"login1"}),
        ("sato", "compute1", {"login1"}),
        ("sato", "data1", set()),
        ("kato", "mdx1", set()),
        ("tanaka", "compute1", set()),
        ("tanaka", "login1", {"inst-a1", "inst-b1"}),
        ("nobody", "login1", set()),
    ],
)
def test_an_account_logs_in_where_it_is_entitled_and_from_there_only(
    fabric: Fabric, name: str, target: str, expected: set[str]
) -> None:
    assert origins(fabric, "account", name, target) == expected


@pytest.mark.parametrize("target", ["mdx1", "compute1", "data2", "storage1", "flow-gw1", "exp1"])
def test_operators_come_through_the_login_server(fabric: Fabric, target: str) -> None:
    assert origins(fabric, "operator", "aoki", target) == {"login1"}


@pytest.mark.parametrize("kind", ["root", "initial_user", "local_user"])
def test_nobody_else_has_a_way_in_anywhere(fabric: Fabric, kind: access.Kind) -> None:
    for host in fabric.managed_hosts:
        assert not list(access.declared_logins(fabric, Persona(kind, "root"), host))
        assert not list(access.declared_data(fabric, Persona(kind, "root"), host))


def test_data_is_read_from_where_the_account_may_compute_and_of_its_own_platforms(fabric: Fabric) -> None:
    assert readers(fabric, "sato", "data1") == {"flow-n1", "flow-n2", "mdx1", "mdx2"}
    assert readers(fabric, "suzuki", "data1") == {"mdx1", "mdx2"}
    assert readers(fabric, "tanaka", "data2") == {"flow-n1", "flow-n2"}
    assert readers(fabric, "tanaka", "data1") == set()
    assert readers(fabric, "kato", "data2") == set()


def test_an_absent_person_has_nothing(fabric: Fabric) -> None:
    gone = replace(
        fabric,
        accounts={n: replace(a, state="absent") for n, a in fabric.accounts.items()},
        operators={n: replace(o, state="absent") for n, o in fabric.operators.items()},
    )
    assert origins(gone, "account", "sato", "login1") == set()
    assert origins(gone, "operator", "aoki", "login1") == set()
    assert readers(gone, "sato", "data1") == set()


def test_roles_of_hosts(fabric: Fabric) -> None:
    def which(holds: object) -> list[str]:
        assert callable(holds)
        return [h.name for h in fabric.hosts.values() if holds(fabric, h)]

    assert which(access.is_login_server) == ["login1"]
    assert [h.name for h in access.login_servers(fabric)] == ["login1"]
    assert which(access.is_gateway) == ["flow-gw1"]
    assert which(access.is_data_server) == ["data1", "data2"]


def test_sources_are_each_once_ipv4_first(fabric: Fabric) -> None:
    found = access.declared_logins(fabric, Persona("account", "sato"), fabric.hosts["login1"])
    assert [str(a) for a in access.sources(found)] == [
        "192.0.2.21",
        "192.0.2.22",
        "2001:db8:0:2101::21",
        "2001:db8:0:2101::22",
    ]


def test_platforms_an_account_names_in_vain_give_nothing(fabric: Fabric) -> None:
    odd = replace(fabric.accounts["sato"], data_platforms=("moon",), compute_platforms=("moon",))
    changed = replace(fabric, accounts={**fabric.accounts, "sato": odd})
    assert origins(changed, "account", "sato", "mdx1") == set()
    assert readers(changed, "sato", "data1") == set()
