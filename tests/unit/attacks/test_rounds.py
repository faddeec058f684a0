"""What is tried in which state, what may share a round, and how ends are judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from module_utils.attacks.judge import Seen, counts, judge, outcome_of
from module_utils.attacks.model import Attempt, Catalogue, Layer, Step
from module_utils.attacks.places import NoPlaceError, stage
from module_utils.attacks.rounds import AS_BUILT, WITHOUT, Trial, plan_rounds
from module_utils.fabric.model import Fabric
from module_utils.matrix.outcomes import Outcome
from plugin_utils.attacks import Done, after_line, result_lines
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).resolve().parents[3]
WALL = Layer("wall", "a wall", "target", "lower the wall", ("tcp-timeout",))
MOAT = Layer("moat", "a moat", "origin", "drain the moat", ("tcp-reset",), "fill the moat")
CLIMB = Attempt(
    "climb", "over the wall", "a ladder", "node", "node", "log_in", "tcp-timeout", ("wall", "moat"), families=("ipv4",)
)


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return load_fabric(ROOT / "inventories/twin")


def catalogue(*attempts: Attempt) -> Catalogue:
    return Catalogue(attempts, {"wall": WALL, "moat": MOAT})


def trials(fabric: Fabric, *attempts: Attempt) -> dict[str, Trial]:
    return {t.state: t for r in plan_rounds(fabric, catalogue(*attempts)).rounds for t in r.trials}


def test_states_and_what_they_must_come_to(fabric: Fabric) -> None:
    found = {state: (trial.off, trial.codes) for state, trial in trials(fabric, CLIMB).items()}
    assert found == {
        AS_BUILT: ((), ("tcp-timeout",)),
        WITHOUT: (("wall", "moat"), ("admitted",)),
        "only wall": (("moat",), ("tcp-timeout",)),
        "only moat": (("wall",), ("tcp-reset",)),
    }


def test_one_layer_needs_no_third_state(fabric: Fabric) -> None:
    assert set(trials(fabric, replace(CLIMB, layers=("wall",)))) == {AS_BUILT, WITHOUT}


def test_an_open_attempt_must_succeed_as_built(fabric: Fabric) -> None:
    found = trials(fabric, replace(CLIMB, code="", layers=(), open="nobody looks"))
    assert {state: trial.codes for state, trial in found.items()} == {AS_BUILT: ("admitted",)}


def test_without_counter_tests(fabric: Fabric) -> None:
    plan = plan_rounds(fabric, catalogue(CLIMB), counter=False)
    assert [t.state for r in plan.rounds for t in r.trials] == [AS_BUILT]


def test_equal_states_share_a_round_and_prepared_ones_do_not(fabric: Fabric) -> None:
    prepared, alike = replace(CLIMB, name="blast", prepare=(Step("target", "dynamite"),)), replace(CLIMB, name="dig")
    rounds = plan_rounds(fabric, catalogue(CLIMB, prepared, alike)).rounds
    together = {frozenset(t.stage.attempt.name for t in r.trials) for r in rounds}
    assert together == {frozenset({"climb", "dig"}), frozenset({"blast"})}


def test_layers_go_before_what_is_prepared_and_each_host_is_named(fabric: Fabric) -> None:
    attempt = replace(CLIMB, prepare=(Step("target", "dynamite"),), undo=(Step("target", "sweep"),))
    rounds = {r.trials[0].state: r for r in plan_rounds(fabric, catalogue(attempt)).rounds}
    assert rounds[WITHOUT].arm == (("mdx1", "lower the wall\ndynamite"), ("mdx2", "drain the moat"))
    assert rounds[WITHOUT].undo == (("mdx1", "sweep"), ("mdx2", "fill the moat"))
    assert rounds[WITHOUT].changes == ("mdx1", "mdx2")
    assert rounds["only moat"].changes == ("mdx1",)


def test_a_layer_that_is_a_task_comes_after_what_is_prepared_or_is_left_out(fabric: Fabric) -> None:
    swept = Layer("swept", "a run sweeps", "target", "", ("ended",), "dust", "sweep")
    attempt = replace(CLIMB, code="ended", layers=("swept",), prepare=(Step("target", "litter"),))
    rounds = {r.trials[0].state: r for r in plan_rounds(fabric, Catalogue((attempt,), {"swept": swept})).rounds}
    assert (rounds[AS_BUILT].arm, rounds[AS_BUILT].tasks) == ((("mdx1", "litter"),), (("mdx1", swept),))
    assert rounds[AS_BUILT].undo == (("mdx1", "dust"),)
    assert (rounds[WITHOUT].arm, rounds[WITHOUT].tasks, rounds[WITHOUT].undo) == ((("mdx1", "litter"),), (), ())


def test_a_place_that_is_not_there_is_told(fabric: Fabric) -> None:
    plan = plan_rounds(fabric, catalogue(replace(CLIMB, origin="volcanoes")))
    assert (plan.rounds, plan.left_out) == ((), {"climb": "there is no volcanoes here"})
    with pytest.raises(NoPlaceError, match="is not managed"):
        stage(fabric, replace(CLIMB, target="institution"), "ipv4")


def test_a_hop_is_where_packets_through_a_gateway_come_from(fabric: Fabric) -> None:
    far = replace(CLIMB, origin="scheduler_host", target="login_server", hop="job_node", via="gateway")
    here = stage(fabric, far, "ipv4")
    assert here.hosts == {
        "origin": "flow-login1",
        "hop": "flow-n1",
        "via": "flow-gw1",
        "target": "login1",
        "login": "login1",
    }
    wanted = {
        "ADDRESS": "192.0.2.70",  # of login1's four the one that the gateway meets
        "HOP": "flow-n1",
        "HOP_ADDRESS": "198.51.100.211",
        "ORIGIN_ADDRESS": "198.51.100.141",
        "WAY_BACK": "192.0.2.90",
        "LOCAL_USER": "hpc-user",
    }
    assert {name: here.variables[name] for name in wanted} == wanted
    assert "HOP" not in stage(fabric, replace(far, hop=""), "ipv4").variables
    with pytest.raises(NoPlaceError, match="inst-a1 has no users of a computing centre"):
        stage(fabric, replace(far, hop="institution", keys=("local",)), "ipv4")


def test_another_account_is_one_that_is_there(fabric: Fabric) -> None:
    backwards = replace(fabric, accounts=dict(reversed(list(fabric.accounts.items()))))
    assert next(iter(backwards.accounts)) == "kato"  # who is on no node
    here = stage(backwards, replace(CLIMB, origin="login_server"), "ipv4")
    assert (here.account, here.variables["OTHER"]) == ("suzuki", "sato")


def test_free_addresses_are_nobodys_and_differ(fabric: Fabric) -> None:
    found = [stage(fabric, CLIMB, "ipv4", n).variables["FREE"] for n in range(20)]
    assert len(set(found)) == 20
    assert not {str(a.ipv4) for h in fabric.hosts.values() for a in h.attachments} & set(found)


@pytest.mark.parametrize(
    ("status", "out", "err", "code"),
    [
        (0, "debug\nabcdef", "", "admitted"),
        (0, "attack refused: silent nobody answers\n", "Permission denied (publickey).", "silent"),
        (0, "", "aoki@host: Permission denied (publickey).", "auth-denied"),
        (0, "abcdef\nattack broken: no second machine\n", "", "unknown"),
        (0, "attack refused: shouted-at\n", "", "unknown"),
        (None, "", "", "timeout"),
    ],
)
def test_ends(status: int | None, out: str, err: str, code: str) -> None:
    assert outcome_of(status, out, err, "abcdef").code == code


def seen(fabric: Fabric, attempt: Attempt, **codes: str) -> list[Seen]:
    return [
        Seen(trial, Outcome(codes.get(state.replace(" ", "_"), trial.codes[0]), "they said"), "the words")
        for state, trial in trials(fabric, attempt).items()
    ]


def test_all_as_the_catalogue_says(fabric: Fabric) -> None:
    rows = judge(catalogue(CLIMB), seen(fabric, CLIMB), {})
    assert (rows[0].verdict, rows[0].counter, rows[0].differences) == ("refused", "seen", ())


def test_a_refusal_for_another_reason_is_a_difference(fabric: Fabric) -> None:
    rows = judge(catalogue(CLIMB), seen(fabric, CLIMB, as_built="no-route"), {})
    assert rows[0].differences == ("ipv4, as built: expected: no answer to the connect; seen: there is no route (they said)",)


def test_a_counter_test_that_does_not_succeed_is_a_difference(fabric: Fabric) -> None:
    rows = judge(catalogue(CLIMB), seen(fabric, CLIMB, without_the_layers="tcp-timeout"), {})
    assert rows[0].differences == ("ipv4, without the layers: expected: admitted; seen: no answer to the connect (they said)",)


def test_the_words_that_must_be_said(fabric: Fabric) -> None:
    said, unsaid = (replace(CLIMB, words=words) for words in ("THE words", "other words"))
    assert judge(catalogue(said), seen(fabric, said), {})[0].verdict == "refused"
    rows = judge(catalogue(unsaid), seen(fabric, unsaid), {})
    assert rows[0].differences == (
        "ipv4, as built: refused as expected (no answer to the connect), but nothing said 'other words'",
    )


def test_an_open_one_that_is_refused_is_a_difference(fabric: Fabric) -> None:
    attempt = replace(CLIMB, code="", layers=(), open="nobody looks")
    assert judge(catalogue(attempt), seen(fabric, attempt), {})[0].verdict == "open"
    rows = judge(catalogue(attempt), seen(fabric, attempt, as_built="auth-denied"), {})
    assert "is open in the catalogue, but was refused" in rows[0].differences[0]


def test_one_that_waits_does_not_count_as_refused_or_open(fabric: Fabric) -> None:
    attempt = replace(CLIMB, code="", layers=(), open="nobody looks", waits_for="guards")
    rows = judge(catalogue(attempt), seen(fabric, attempt), {})
    assert counts(rows) == {"refused": 0, "open": 0, "waits": 1, "difference": 0, "not tried": 0}
    lines = list(result_lines(rows, plan_rounds(fabric, catalogue(attempt)), 1.0))
    assert "Open, and waits for guards (1)" in lines
    assert lines[-1].startswith("1 attempts: 0 refused, 0 open, 1 waiting for guards, 0 other than")


def test_hosts_are_looked_at_in_the_end(fabric: Fabric) -> None:
    rows = judge(catalogue(CLIMB), seen(fabric, CLIMB), {})
    assert Done(rows, seen(fabric, CLIMB), {"mdx1": ""}, 1).holds
    done = Done(rows, seen(fabric, CLIMB), {"mdx1": "", "mdx2": "not as before the run: packet filter"}, 1)
    assert not done.holds
    assert done.data()["hosts_after"] == {"mdx1": "as before", "mdx2": "not as before the run: packet filter"}
    assert after_line(done.after) == "NOT AS BEFORE: mdx2: not as before the run: packet filter."
    assert after_line({"mdx1": ""}) == "mdx1 was changed, and looked at in the end: files and rules are as before."
    assert after_line(dict.fromkeys("abcdef", "")).startswith("6 hosts were changed")
    assert after_line({}) == "No host was changed."


def test_what_a_terminal_shows(fabric: Fabric) -> None:
    lost = replace(CLIMB, name="swim", origin="volcanoes")
    everything = catalogue(replace(CLIMB, group="walls"), replace(lost, group="walls"))
    plan = plan_rounds(fabric, everything)
    rows = judge(everything, seen(fabric, CLIMB), plan.left_out)
    assert counts(rows) == {"refused": 1, "open": 0, "waits": 0, "difference": 0, "not tried": 1}
    lines = list(result_lines(rows, plan, 12.3))
    assert lines[1:3] == ["walls", "  climb  mdx2 -> mdx1       wall, moat; counter-test seen"]
    assert "  swim: there is no volcanoes here" in lines
    assert lines[-1] == "2 attempts: 1 refused, 0 open, 0 other than the catalogue says, 1 not tried. 4 tries in 12 s."
