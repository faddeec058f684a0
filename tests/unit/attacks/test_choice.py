"""Which attempts a validation makes, what it leaves out, and how it tells of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from module_utils.attacks.choice import ChoiceError, chosen, why_not, without
from module_utils.attacks.model import Attempt, Catalogue, Layer, Step
from module_utils.attacks.places import stage
from module_utils.attacks.rounds import plan_rounds
from module_utils.attacks.summary import summary_lines, untried, wrong
from module_utils.fabric.model import Fabric
from plugin_utils.attacks import load_catalogue
from plugin_utils.inventory import load_fabric
from plugin_utils.validation_attacks import attack_faults

ROOT = Path(__file__).resolve().parents[3]
CLIMB = Attempt("climb", "over", "a ladder", "node", "login_server", "log_in", "tcp-timeout", ("wall",), families=("ipv4",))
DIG = replace(CLIMB, name="dig", harmless=True)
LOOK = replace(CLIMB, name="look", harmless=True, sample=True)
ALL = Catalogue((CLIMB, DIG, LOOK), {"wall": Layer("wall", "a wall", "target", "lower it", ("tcp-timeout",))})
EVERYBODY = ("login1", "mdx1", "mdx2", "inst-a1")


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return load_fabric(ROOT / "inventories/twin")


@pytest.mark.parametrize(
    ("wanted", "on_a_twin", "in_service"),
    [
        ("none", (), ()),
        ("", (), ()),
        ("sample", ("look",), ("look",)),
        ("all", ("climb", "dig", "look"), ("dig", "look")),
        ("dig, look", ("dig", "look"), ("dig", "look")),
        (["look"], ("look",), ("look",)),
    ],
)
def test_what_is_chosen(wanted: object, on_a_twin: tuple[str, ...], in_service: tuple[str, ...]) -> None:
    assert chosen(ALL, wanted, rehearsed=True) == on_a_twin
    assert chosen(ALL, wanted, rehearsed=False) == in_service


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (7, "validate_attacks is 7: write none, sample, all, or names of attempts"),
        ("fly", "validate_attacks names fly, which docs/attacks.md does not list"),
        ("climb", "validate_attacks names climb: what is changed for it is changed on a twin only"),
    ],
)
def test_what_can_not_be_chosen(wanted: object, words: str) -> None:
    with pytest.raises(ChoiceError, match=f"^{words}$"):
        chosen(ALL, wanted, rehearsed=False)


def test_faults_are_told_before_anything_is_tried() -> None:
    assert attack_faults("sample", False) == attack_faults("drop-in-first", True) == []
    [words] = attack_faults("drop-in-first", False)
    assert "on a twin only" in words


def test_the_sample_changes_nothing_and_is_of_several_families() -> None:
    sample = [a for a in load_catalogue().attempts if a.sample]
    assert all(a.harmless and not a.open for a in sample)
    assert len({a.group for a in sample}) >= 5


def test_what_is_left_out_and_why(fabric: Fabric) -> None:
    here = stage(fabric, CLIMB, "ipv4")
    assert why_not(fabric, here, EVERYBODY, rehearsed=True) == ""
    assert why_not(fabric, here, ("login1",), rehearsed=True) == "nothing could be done on mdx1"
    prepared = stage(fabric, replace(CLIMB, prepare=(Step("target", "dynamite"),), keys=("onward",)), "ipv4")
    assert why_not(fabric, prepared, ("mdx1", "mdx2"), rehearsed=True) == "nothing could be done on login1"
    outside = stage(fabric, replace(CLIMB, origin="institution", keys=("operator",)), "ipv4")
    assert why_not(fabric, outside, EVERYBODY, rehearsed=True) == ""
    assert why_not(fabric, outside, EVERYBODY, rehearsed=False).startswith("inst-a1 is others' machine")
    hosts = dict(fabric.hosts) | {"login1": replace(fabric.hosts["login1"], enforce=False)}
    assert why_not(replace(fabric, hosts=hosts), here, EVERYBODY, rehearsed=True) == "login1 only observes"


def test_a_plan_without_them(fabric: Fabric) -> None:
    plan = plan_rounds(fabric, ALL, counter=False)
    less = without(plan, lambda here: "it rains" if here.attempt.name == "dig" else "")
    assert {t.stage.attempt.name for r in less.rounds for t in r.trials} == {"climb", "look"}
    assert less.left_out == {"dig": "it rains"}
    assert without(plan, lambda _here: "it rains").rounds == ()


DATA = {
    "counts": {"refused": 1, "open": 0, "waits": 1, "difference": 1, "not tried": 1},
    "seconds": 4.4,
    "attempts": [
        {
            "name": "climb",
            "origin": "mdx1",
            "target": "login1",
            "differences": ["ipv4, as built: expected: silence; seen: admitted"],
        },
        {"name": "dig", "origin": "mdx1", "target": "login1", "differences": []},
    ],
    "tries": [{"attempt": "climb", "code": "admitted", "difference": "expected: silence"}],
    "hosts_after": {"mdx1": "as before", "mdx2": "not as before the run: packet filter"},
    "left_out": {"look": "it rains"},
}


def test_a_success_is_named() -> None:
    assert wrong(DATA) == [
        "climb, mdx1 -> login1: got past the rules: ipv4, as built: expected: silence; seen: admitted",
        "mdx2: not as before the run: packet filter",
    ]
    assert wrong({}) == []


def test_what_is_summed_up() -> None:
    assert list(summary_lines(DATA)) == [
        "Bypass catalogue: 2 attempts, no counter-tests: 1 refused, 1 waiting for others, 1 not tried, 1 other than it says. "
        "1 tries in 4 s.",
        "  not tried: look: it rains",
    ]
    assert list(summary_lines({})) == []


def test_a_run_that_could_not_be_made_is_not_tried() -> None:
    assert untried({}) == untried(DATA) == []
    assert untried({"broken": "no twin"}) == [("bypass catalogue", "no twin")]
    assert untried({**DATA, "tries": []}) == [], "hosts out of reach are named for themselves"
