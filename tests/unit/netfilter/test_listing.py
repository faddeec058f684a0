from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from module_utils.netfilter.listing import Comparison, Table, compare, split, transaction

OURS = """table inet kakehashi {
	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
	}
}
"""
OTHERS = """table ip docker {
	chain nat {
	}
}
"""
KAKEHASHI, DOCKER = Table("inet", "kakehashi"), Table("ip", "docker")


def test_splits_a_listing_into_tables() -> None:
    assert split(OURS + OTHERS) == {KAKEHASHI: OURS, DOCKER: OTHERS}
    assert split("") == {}


def test_equal_rulesets_do_not_differ() -> None:
    assert compare(OURS, OURS) == Comparison((), ())


def test_a_missing_or_loosened_table_differs() -> None:
    assert compare(OURS, "").differing == (KAKEHASHI,)
    assert compare(OURS, OURS.replace("drop", "accept")).differing == (KAKEHASHI,)


def test_tables_nobody_declared_are_foreign_and_their_removal_is_part_of_the_transaction() -> None:
    found = compare(OURS, OURS + OTHERS)
    assert found == Comparison((), (DOCKER,))
    assert transaction("table inet kakehashi\n", found.foreign) == "table inet kakehashi\ndelete table ip docker\n"


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.lists(st.sampled_from(["a", "}", "b {"])), max_size=5))
def test_splitting_loses_nothing(tables: dict[str, list[str]]) -> None:
    listing = "".join(f"table inet {n} {{\n" + "".join(f"\t{line}\n" for line in t) + "}\n" for n, t in tables.items())
    assert "".join(split(listing).values()) == listing
    assert [t.name for t in split(listing)] == list(tables)
