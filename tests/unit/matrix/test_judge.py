"""Results against the declaration: rows, counts and the table."""

from __future__ import annotations

from collections import Counter

from module_utils.fabric.model import Fabric
from module_utils.matrix.attempts import Attempt, Endpoint, OriginPlan, cells, tcp_attempts
from module_utils.matrix.expect import REASONS, Expectations
from module_utils.matrix.judge import judge
from module_utils.matrix.outcomes import MEANINGS, Outcome
from module_utils.matrix.plan import origin_plan, personas
from module_utils.matrix.sharing import derive, premises
from module_utils.matrix.table import matrix_lines, symbol

CODES = {(verdict, layer): code for code, (verdict, layer, _words) in reversed(MEANINGS.items())}
MDX1 = Endpoint("mdx1", "192.0.2.101", 22)


def plans(fabric: Fabric) -> list[OriginPlan]:
    names = [p.name for p in personas(fabric)]
    return [origin_plan(fabric, host, names) for host in fabric.hosts.values()]


def as_declared(plan: OriginPlan, expectations: Expectations) -> dict[Attempt, Outcome]:
    made: dict[Attempt, Outcome] = {}
    for attempt in (*tcp_attempts(plan), *cells(plan)):
        for step in (*premises(attempt), attempt):
            if step not in made and derive(step, made) is None:
                made[step] = Outcome(CODES[REASONS[expectations.of(plan.origin, step).reason]])
    return made


def test_a_fabric_as_declared_has_no_differences(fabric: Fabric, expectations: Expectations) -> None:
    every = plans(fabric)
    result = judge(every, {p.origin: as_declared(p, expectations) for p in every}, expectations)
    assert result.differences == []
    assert result.total == sum(1 for p in every for _ in cells(p)) == 124320
    assert result.derived + result.made == result.total
    assert result.made < 2000
    lines = list(matrix_lines(result.table, [p.origin for p in every], [h.name for h in fabric.managed_hosts]))
    assert max(map(len, lines)) <= 100
    assert not any(mark in line for line in lines for mark in "!?")
    login = next(line for line in lines if line.startswith("login1 "))
    assert "aeo..." not in login
    assert "a.o..." in login


def test_an_admitted_stranger_is_a_named_row(fabric: Fabric, expectations: Expectations) -> None:
    plan = next(p for p in plans(fabric) if p.origin == "login1")
    made = as_declared(plan, expectations)
    made[Attempt("ssh", MDX1, "tanaka")] = Outcome("admitted")
    made[Attempt("sftp", MDX1, "tanaka")] = Outcome("admitted")
    found = judge([plan], {"login1": made}, expectations)
    row = next(d for d in found.differences if d.target == "mdx1")
    assert (row.origin, row.target, row.user, row.ways) == ("login1", "mdx1", "tanaka", ("ssh 192.0.2.101", "sftp 192.0.2.101"))
    assert row.text().startswith(
        "tanaka from login1 to mdx1: expected refused (authentication by sshd or PAM), seen admitted: admitted; ssh"
    )
    assert found.table[("login1", "mdx1", "account elsewhere")]["difference"] == 2


def test_refusal_by_a_later_layer_is_a_difference(fabric: Fabric, expectations: Expectations) -> None:
    plan = next(p for p in plans(fabric) if p.origin == "compute1")
    made = as_declared(plan, expectations)
    made[Attempt("tcp", MDX1)] = Outcome("admitted")
    for user in plan.users:
        made[Attempt("ssh", MDX1, user)] = Outcome("auth-denied", "Permission denied (publickey).")
    rows = judge([plan], {"compute1": made}, expectations).differences
    assert {r.user for r in rows} == set(plan.users)
    assert all("expected refused (packet filter), seen refused: sshd took none of the keys" in r.text() for r in rows)


def test_hosts_that_observe_fail_nothing(fabric: Fabric, expectations: Expectations) -> None:
    plan = next(p for p in plans(fabric) if p.origin == "compute1")
    made = as_declared(plan, expectations)
    made[Attempt("tcp", MDX1)] = Outcome("admitted")
    for user in plan.users:
        made[Attempt("ssh", MDX1, user)] = made[Attempt("sftp", MDX1, user)] = Outcome("auth-denied")
    assert all(d.observed for d in judge([plan], {"compute1": made}, expectations, frozenset({"mdx1"})).differences)
    enforced = judge([plan], {"compute1": made}, expectations, frozenset({"data1"})).differences
    assert not any(d.observed for d in enforced if d.target == "mdx1")


def test_a_hop_that_observes_excuses_nothing_on_a_target_that_enforces(fabric: Fabric, expectations: Expectations) -> None:
    plan = next(p for p in plans(fabric) if p.origin == "operator")
    made = as_declared(plan, expectations)
    hop = next(h for h in plan.hops if h.endpoint.host == "login1" and h.endpoint.family == "ipv4")
    target = next(t for t in hop.targets if t.host == "mdx1")
    for kind in ("forward", "jump"):
        made[Attempt(kind, target, "sato", hop.endpoint)] = Outcome("admitted")
    rows = judge([plan], {"operator": made}, expectations, frozenset({"login1"})).differences
    assert [(r.target, r.user, r.observed) for r in rows] == [("mdx1", "sato", False)]
    assert all(r.observed for r in judge([plan], {"operator": made}, expectations, frozenset({"mdx1"})).differences)


def test_missing_results_are_not_tried(fabric: Fabric, expectations: Expectations) -> None:
    plan = next(p for p in plans(fabric) if p.origin == "inst-a1")
    gone = judge([plan], {}, expectations)
    assert gone.cells == Counter({"not tried": sum(1 for _ in cells(plan))})
    partly = judge([plan], {"inst-a1": {}}, expectations)
    assert partly.cells["unknown"] == partly.total
    assert all("not tried" in d.text() for d in partly.differences)


def test_symbols_show_the_worst() -> None:
    assert symbol("account", {"admitted": 1, "difference": 1, "unknown": 1}) == "!"
    assert symbol("account", {"admitted": 1, "unknown": 1}) == "?"
    assert symbol("account", {"admitted": 1, "refused": 5}) == "a"
    assert symbol("root", {"refused": 5}) == "."


def test_wide_tables_come_in_blocks() -> None:
    targets = [f"target-{n}" for n in range(30)]
    lines = list(matrix_lines({("o", t, "root"): Counter(refused=1) for t in targets}, ["o"], targets))
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("o ") for line in lines) > 1
    assert list(matrix_lines({}, [], [])) == []
    assert "??????" in "\n".join(matrix_lines({}, ["o"], ["t"]))
