from __future__ import annotations

import pytest

from module_utils.changes.clocks import CERTIFICATE_SECONDS, Clocks, Reading, judged
from module_utils.identity import host_certificates, signer

NOW = 1_800_000_000


def reading(ahead: int, way: float = 0.5) -> Reading:
    return Reading(NOW + ahead, NOW - way / 2, NOW + way / 2)


def test_no_more_is_borne_than_the_shortest_of_certificates_bear() -> None:
    assert min(signer._BACK_SECONDS, host_certificates.BACK_SECONDS) == CERTIFICATE_SECONDS


@pytest.mark.parametrize(
    ("shown", "asked", "answered", "ahead"),
    [
        (NOW, NOW + 0.2, NOW + 0.9, 0),
        (NOW, NOW + 0.999, NOW + 1.2, 0),
        (NOW, NOW - 20, NOW + 20, 0),  # a slow way is no wrong clock
        (NOW + 61, NOW - 20, NOW + 20, 41),
        (NOW - 61, NOW - 20, NOW + 20, -40),
        (NOW + 600, NOW, NOW + 0.25, 599.75),
    ],
)
def test_a_clock_is_never_said_to_be_wrong_by_more_than_is_sure(shown: int, asked: float, answered: float, ahead: float) -> None:
    assert Reading(shown, asked, answered).ahead == pytest.approx(ahead)


def test_right_clocks_are_not_spoken_of() -> None:
    readings = {"ca1": reading(1), "login1": reading(-2), "mdx1": reading(29), "far": reading(50, way=60)}
    assert judged(readings, ["ca1", "login1"]) == Clocks()
    assert judged({}, []) == Clocks()


@pytest.mark.parametrize(("ahead", "words"), [(600, "599 s ahead"), (-600, "598 s behind")])
def test_where_the_clock_decides_it_is_refused_in_one_sentence(ahead: int, words: str) -> None:
    found = judged({"login1": reading(0), "ca1": reading(ahead), "mdx1": reading(0)}, ["login1", "ca1"])
    assert found.told == ""
    assert found.refused.startswith(
        f"Nothing was changed on any host: the clock of ca1 is {words}, by this machine's clock, and beyond 60 s "
    )
    assert "timedatectl" in found.refused
    assert "-e change_clock_skew_seconds=605" in found.refused or "-e change_clock_skew_seconds=604" in found.refused


def test_what_it_names_lets_the_run_begin_and_tells_all_the_same() -> None:
    readings = {"login1": reading(0), "ca1": reading(600)}
    assert judged(readings, ["ca1"], 605) == Clocks(told=judged(readings, []).told)
    assert judged(readings, ["ca1"], 605).told.startswith("the clock of ca1 is 599 s ahead, by this machine's clock: ")


def test_a_host_that_has_to_be_changed_to_be_mended_is_told_only() -> None:
    found = judged({"login1": reading(-90), "mdx1": reading(7200), "mdx2": reading(-40), "data1": reading(0)}, ["login1"], 60)
    assert "the clock of login1 is 88 s behind, by this machine's clock" in found.refused
    assert "mdx" not in found.refused
    assert found.told.startswith(
        "the clock of mdx1 is 7199 s ahead and the clock of mdx2 is 38 s behind, by this machine's clock: "
    )


def test_where_all_are_wrong_alike_it_is_this_machines_clock() -> None:
    found = judged({"login1": reading(-300), "ca1": reading(-301), "mdx1": reading(-299, way=2)}, ["login1", "ca1"])
    assert (found.refused, found.told) == (
        "",
        "This machine's clock is 297 s ahead of those of all 3 hosts that were asked: set this one right",
    )
    # One that can't be compared with another one may be what is wrong.
    assert judged({"ca1": reading(-300)}, ["ca1"]).refused
