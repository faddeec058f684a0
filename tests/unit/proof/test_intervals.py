from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.proof.intervals import FULL, Ranges, block, describe, samples

PARTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)).map(lambda p: (p[0], p[0] + p[1])), max_size=6)


def members(ranges: Ranges) -> set[int]:
    return {n for low, high in ranges.parts for n in range(low, high + 1)}


@given(PARTS, PARTS)
def test_the_algebra_is_that_of_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    a, b = Ranges.of(left), Ranges.of(right)
    assert members(a | b) == members(a) | members(b)
    assert members(a & b) == members(a) & members(b)
    assert members(a - b) == members(a) - members(b)
    assert all((n in a) == (n in members(a)) for n in range(50))
    assert a.size == len(members(a))
    assert Ranges.of((a | b).parts) == a | b
    assert a & a == a


@given(PARTS)
def test_samples_part_the_whole_space(parts: list[tuple[int, int]]) -> None:
    shares = list(samples(parts, "ipv4"))
    assert Ranges.of(shares) == FULL["ipv4"]
    assert all(not (low < cut <= high) for low, high in shares for cut in {p[0] for p in parts})


def test_words() -> None:
    assert block("192.0.2.0/31")[1] == block("192.0.2.0-192.0.2.1")[1]
    assert describe(Ranges.of([block("2001:db8::1")[1], block("2001:db8::3-2001:db8::4")[1]]), "ipv6") == (
        "2001:db8::1, 2001:db8::3-2001:db8::4"
    )
    assert describe(Ranges(), "ipv4") == "none"
    for wrong in ("192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1", "somewhere"):
        with pytest.raises(ValueError, match=r"[a-z0-9.]"):
            block(wrong)
