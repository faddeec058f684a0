"""What the twin's fabric declares for single attempts, and what is tried at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from module_utils.fabric.model import Fabric
from module_utils.matrix.attempts import (
    Attempt,
    Endpoint,
    Kind,
    attempt_from_data,
    attempt_to_data,
    cells,
    plan_from_data,
    plan_to_data,
    tcp_attempts,
)
from module_utils.matrix.expect import REASONS, Expectations
from module_utils.matrix.plan import origin_plan, personas

LOGIN_INST, LOGIN_HPC, LOGIN_OPER = (Endpoint("login1", a, 22) for a in ("192.0.2.10", "192.0.2.70", "203.0.113.10"))
MDX1, MDX1_V6 = Endpoint("mdx1", "192.0.2.101", 22), Endpoint("mdx1", "2001:db8:0:2102::41", 22)
DATA1, DATA2 = Endpoint("data1", "192.0.2.72", 2022), Endpoint("data2", "192.0.2.82", 2022)
INTAKE1 = Endpoint("intake1", "198.51.100.14", 22)

CASES: list[tuple[str, Kind, str, Endpoint, Endpoint | None, str]] = [
    ("inst-a1", "ssh", "sato", LOGIN_INST, None, "allowed"),
    ("inst-a1", "sftp", "sato", LOGIN_INST, None, "allowed"),
    ("inst-a1", "ssh", "ueda", LOGIN_INST, None, "authentication"),
    ("inst-a1", "ssh", "root", LOGIN_INST, None, "authentication"),
    ("inst-a1", "ssh", "sato", LOGIN_HPC, None, "no path"),
    ("inst-a1", "jump", "sato", MDX1, LOGIN_INST, "no forwarding"),
    ("inst-a1", "forward", "sato", MDX1, LOGIN_INST, "no forwarding"),
    ("inst-a1", "forward", "hpc-user", MDX1, LOGIN_INST, "authentication"),
    ("login1", "ssh", "sato", MDX1, None, "allowed"),
    ("login1", "ssh", "sato", MDX1_V6, None, "allowed"),
    ("login1", "ssh", "tanaka", MDX1, None, "authentication"),
    ("login1", "ssh", "mdxuser", MDX1, None, "authentication"),
    ("compute1", "ssh", "sato", MDX1, None, "packet filter"),
    ("mdx1", "ssh", "sato", MDX1, None, "authentication"),
    ("operator", "ssh", "ueda", LOGIN_OPER, None, "allowed"),
    ("operator", "ssh", "ueda", MDX1, None, "no path"),
    ("operator", "forward", "ueda", MDX1, LOGIN_OPER, "allowed"),
    ("operator", "jump", "ueda", MDX1, LOGIN_OPER, "allowed"),
    ("operator", "jump", "sato", MDX1, LOGIN_OPER, "authentication"),
    ("login1", "jump", "ueda", MDX1, Endpoint("data1", "192.0.2.72", 22), "no forwarding"),
    ("mdx1", "sftp", "sato", DATA1, None, "allowed"),
    ("mdx1", "ssh", "sato", DATA1, None, "no shell"),
    ("mdx1", "sftp", "tanaka", DATA1, None, "authentication"),
    ("mdx1", "sftp", "sato", DATA2, None, "authentication"),
    ("flow-n1", "sftp", "kato", DATA1, None, "allowed"),
    ("flow-n3", "sftp", "kato", DATA1, None, "no path"),
    ("login1", "sftp", "sato", DATA1, None, "packet filter"),
    ("society1", "ssh", "sato", INTAKE1, None, "packet filter"),
    ("login1", "tcp", "", MDX1, None, "allowed"),
    ("inst-a1", "tcp", "", MDX1, None, "no path"),
]


@pytest.mark.parametrize(("origin", "kind", "user", "endpoint", "hop", "reason"), CASES)
def test_declared(
    expectations: Expectations, origin: str, kind: Kind, user: str, endpoint: Endpoint, hop: Endpoint | None, reason: str
) -> None:
    expected = expectations.of(origin, Attempt(kind, endpoint, user, hop))
    assert expected.reason == reason
    assert (expected.verdict, expected.layer) == REASONS[reason]
    assert expected.words.startswith(expected.verdict)


def test_who_is_asked_for_a_code_gets_no_further_than_the_question(fabric: Fabric) -> None:
    asking = replace(fabric, second_factor="totp")
    expectations = Expectations(asking, personas(asking))
    for kind, user, endpoint, hop, reason in (
        ("ssh", "sato", LOGIN_INST, None, "allowed"),
        ("jump", "sato", MDX1, LOGIN_INST, "second factor"),
        ("forward", "sato", MDX1, LOGIN_INST, "second factor"),
        ("forward", "hpc-user", MDX1, LOGIN_INST, "authentication"),
    ):
        assert expectations.of("inst-a1", Attempt(kind, endpoint, user, hop)).reason == reason  # type: ignore[arg-type] # a Kind
    plan = origin_plan(asking, asking.hosts["inst-a1"], [p.name for p in personas(asking)])
    assert plan.asked == ("sato", "suzuki", "tanaka", "kato")
    assert plan_from_data(json.loads(json.dumps(plan_to_data(plan)))) == plan


def test_kinds_of_users(expectations: Expectations) -> None:
    assert expectations.kind("sato", "mdx1") == "account"
    assert expectations.kind("tanaka", "mdx1") == "account elsewhere"
    assert expectations.kind("tanaka", "data2") == "account"
    assert [expectations.kind(u, "mdx1") for u in ("ueda", "hpc-user", "root", "mdxuser")] == [
        "operator", "local user", "root", "initial user",
    ]  # fmt: skip


def test_every_origin_tries_every_managed_host_in_every_way(fabric: Fabric) -> None:
    names = [p.name for p in personas(fabric)]
    assert names == ["sato", "suzuki", "tanaka", "kato", "ueda", "hpc-user", "root", "mdxuser"]
    managed = {h.name for h in fabric.managed_hosts}
    for origin in fabric.hosts.values():
        plan = origin_plan(fabric, origin, names)
        tried = {(a.kind, a.endpoint.host, a.endpoint.family, a.user) for a in cells(plan)}
        assert tried == {
            (kind, host, family, user)
            for kind in ("ssh", "sftp", "forward", "jump")
            for host in managed
            for family in ("ipv4", "ipv6")
            for user in names
        }
        hops = {(a.hop.host, a.endpoint.host) for a in cells(plan) if a.hop}
        assert hops == {(hop, target) for hop in managed for target in managed if hop != target}
        assert {a.endpoint for a in tcp_attempts(plan)} >= {a.hop or a.endpoint for a in cells(plan)}


def test_origins_use_the_declared_address(fabric: Fabric) -> None:
    plan = origin_plan(fabric, fabric.hosts["operator"], ["ueda"])
    assert next(h.endpoint for h in plan.hops if h.endpoint.host == "login1") == LOGIN_OPER


def test_plans_and_attempts_survive_json(fabric: Fabric) -> None:
    plan = origin_plan(fabric, fabric.hosts["login1"], ["ueda", "sato"])
    assert plan_from_data(json.loads(json.dumps(plan_to_data(plan)))) == plan
    for attempt in (*tcp_attempts(plan), *cells(plan)):
        assert attempt_from_data(json.loads(json.dumps(attempt_to_data(attempt)))) == attempt
    assert str(Attempt("jump", MDX1, "sato", LOGIN_INST)) == "jump sato@mdx1 [192.0.2.101]:22 through login1 [192.0.2.10]:22"
