"""Derived cells equal a full run: shown against a small model of a network, with policies of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils.matrix.attempts import Attempt, Endpoint, Hop, OriginPlan, cells, tcp_attempts
from module_utils.matrix.outcomes import MEANINGS, Outcome
from module_utils.matrix.sharing import derive, premises, settles

HOSTS = ("a", "b", "c")
USERS = ("u", "v")
NETWORK = ("tcp-timeout", "tcp-reset", "no-route", "filtered")


def place(host: str, port: int = 22) -> Endpoint:
    return Endpoint(host, f"192.0.2.{HOSTS.index(host) + 1}", port)


PLAN = OriginPlan(
    "o",
    USERS,
    tuple(place(h, p) for h in HOSTS for p in (22, 2022)),
    tuple(Hop(place(h), tuple(place(t) for t in HOSTS if t != h)) for h in HOSTS),
)


@dataclass(frozen=True)
class World:
    """A network: who may connect (``wires``), log in (``doors``), get which session, and be forwarded by a hop.

    An address has one filter for all users, as nftables on its host has. Everything else may depend on everything.
    """

    wires: dict[tuple[str, Endpoint], str]
    doors: dict[tuple[str, Endpoint, str], str]
    sessions: dict[tuple[Endpoint, str, str], str]
    onward: dict[tuple[Endpoint, Endpoint, str], str]

    def attempt(self, attempt: Attempt) -> Outcome:
        """Play an attempt through, step by step, as the clients do."""
        return Outcome(self._code(attempt))

    def _code(self, attempt: Attempt) -> str:
        start = attempt.hop or attempt.endpoint
        if (code := self.wires[("o", start)]) != "admitted" or attempt.kind == "tcp":
            return code
        if (code := self.doors[("o", start, attempt.user)]) != "admitted":
            return code
        if attempt.hop is None:
            return self.sessions[(start, attempt.user, attempt.kind)]
        if (code := self.onward[(attempt.hop, attempt.endpoint, attempt.user)]) != "admitted":
            return code
        if self.wires[(attempt.hop.host, attempt.endpoint)] != "admitted":
            return "forward-unreachable"
        if attempt.kind == "forward":
            return "admitted"
        code = self.doors[(attempt.hop.host, attempt.endpoint, attempt.user)]
        return code if code != "admitted" else self.sessions[(attempt.endpoint, attempt.user, "ssh")]


def table(keys: list[object], values: tuple[str, ...]) -> st.SearchStrategy[dict[object, str]]:
    return st.fixed_dictionaries({key: st.sampled_from(("admitted", "admitted", *values)) for key in keys})


PLACES = list(PLAN.endpoints)
WORLDS = st.builds(
    World,
    wires=table([(o, e) for o in ("o", *HOSTS) for e in PLACES], NETWORK),
    doors=table([(o, e, u) for o in ("o", *HOSTS) for e in PLACES for u in USERS], ("auth-denied", "account-denied", "dropped")),
    sessions=table([(e, u, k) for e in PLACES for u in USERS for k in ("ssh", "sftp")], ("session-denied",)),
    onward=table([(h.endpoint, t, u) for h in PLAN.hops for t in h.targets for u in USERS], ("forward-denied",)),
)


def shared_run(attempt_for_real: Callable[[Attempt], Outcome]) -> dict[Attempt, Outcome]:
    """Make only what can't be derived, in the order in which attempts rest on one another."""
    made: dict[Attempt, Outcome] = {a: attempt_for_real(a) for a in tcp_attempts(PLAN)}
    for attempt in cells(PLAN):
        for step in (*premises(attempt), attempt):
            if step not in made and derive(step, made) is None:
                made[step] = attempt_for_real(step)
    return made


@settings(max_examples=300, deadline=None)
@given(WORLDS)
def test_derived_cells_equal_a_full_run(world: World) -> None:
    made = shared_run(world.attempt)
    for attempt in cells(PLAN):
        shared = made.get(attempt) or (derive(attempt, made) or (Outcome("not-tried"), attempt))[0]
        true = world.attempt(attempt)
        assert (shared.verdict, shared.layer) == (true.verdict, true.layer), f"{attempt}: {shared} is not {true}"


@settings(max_examples=100, deadline=None)
@given(WORLDS)
def test_admission_is_never_derived(world: World) -> None:
    made = shared_run(world.attempt)
    for attempt in cells(PLAN):
        if (found := derive(attempt, made)) is not None:
            assert found[0].verdict == "refused"


def test_a_closed_network_costs_one_connect_for_each_place() -> None:
    made = shared_run(lambda _attempt: Outcome("tcp-timeout"))
    assert len(made) == len(PLACES)
    assert len(list(cells(PLAN))) == 2 * len(USERS) * len(PLACES) + 2 * len(USERS) * 6


def test_an_unknown_end_settles_nothing() -> None:
    connect = Attempt("tcp", place("a"))
    for code, (verdict, _layer, _words) in MEANINGS.items():
        assert settles(connect, Outcome(code)) == (verdict == "refused")


def test_a_login_without_a_shell_settles_nothing() -> None:
    login = Attempt("ssh", place("a"), "u")
    assert not settles(login, Outcome("session-denied"))
    assert derive(Attempt("sftp", place("a"), "u"), {login: Outcome("session-denied")}) is None


def test_premises_come_in_the_order_of_a_connection() -> None:
    jump = Attempt("jump", place("b"), "u", place("a"))
    assert [p.kind for p in premises(jump)] == ["tcp", "ssh", "forward"]
    assert [p.kind for p in premises(Attempt("sftp", place("a"), "u"))] == ["tcp", "ssh"]
    assert [p.kind for p in premises(Attempt("ssh", place("a"), "u"))] == ["tcp"]
    assert premises(Attempt("tcp", place("a"))) == ()
