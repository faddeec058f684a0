"""Whatever is done to a chain is told: by the chain itself, or by a head that was seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from module_utils.audit import chain
from module_utils.audit.chain import Head, Record

TEXTS = st.text(max_size=20)
DATA = st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(-(2**60), 2**60)), max_size=3)


def made(items: list[dict[str, Any]]) -> list[Record]:
    """A chain of these, after its beginning."""
    found = [chain.linked(None, chain.BEGIN, 1, {"host": "log1"})]
    for at, item in enumerate(items, 2):
        found.append(chain.linked(found[-1], chain.ENTRY, at, item))
    return found


def texts(records: list[Record]) -> list[str]:
    return [chain.line_of(r) for r in records]


def head(record: Record) -> Head:
    return seen_on(record, "noon")


def seen_on(record: Record, when: str) -> Head:
    return Head(chain.chain_of(record), record["number"], record["digest"], when)


def since(text: str) -> int:
    found = chain.seen_at(text)
    assert found is not None
    return found


CHAINS = st.lists(DATA, min_size=2, max_size=8).map(made)


@given(CHAINS)
def test_a_chain_left_alone_is_whole(records: list[Record]) -> None:
    verdict = chain.verify(texts(records), [head(r) for r in records])
    assert verdict.faults == ()
    assert verdict.head is not None
    assert verdict.head.number == len(records) - 1
    assert list(chain.records(texts(records))) == records


@given(CHAINS, st.data())
def test_a_changed_record_is_told(records: list[Record], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(records) - 1))
    changed = [dict(r) for r in records]
    changed[at]["data"] = {**records[at]["data"], "more": "by hand"}
    assert any("was changed" in fault for fault in chain.verify(texts(changed)).faults)
    # Whoever writes the digest anew breaks the link behind it, or changes the head.
    changed[at]["digest"] = chain.digest_of(changed[at])
    assert chain.verify(texts(changed), [head(records[-1])]).faults


@given(CHAINS, st.data())
def test_a_removed_record_is_told(records: list[Record], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(records) - 2))
    faults = chain.verify(texts(records[:at] + records[at + 1 :])).faults
    assert any("missing" in fault for fault in faults)


@given(CHAINS, st.data())
def test_moved_records_are_told(records: list[Record], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(records) - 2))
    moved = [*records[:at], records[at + 1], records[at], *records[at + 2 :]]
    assert chain.verify(texts(moved)).faults


@given(CHAINS, st.data())
def test_a_cut_end_is_told_by_a_head(records: list[Record], data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, len(records) - 1))
    assert chain.verify(texts(records[:kept])).faults == ()
    faults = chain.verify(texts(records[:kept]), [head(records[-1])]).faults
    assert faults == (f"the end is missing: record {len(records) - 1} was seen at noon, the last one is {kept - 1}",)


@given(CHAINS)
def test_a_rewritten_end_is_told_by_a_head(records: list[Record]) -> None:
    forged = [*records[:-1], chain.linked(records[-2], chain.ENTRY, 9, {"forged": "yes"})]
    assert chain.verify(texts(forged)).faults == ()
    faults = chain.verify(texts(forged), [head(records[-1])]).faults
    assert faults == (f"record {len(records) - 1} is not the one that was seen at noon: it was rewritten",)


def test_another_chain_is_told_by_a_head() -> None:
    old, new = made([{"a": 1}]), made([{"a": 2}])
    new[0] = chain.linked(None, chain.BEGIN, 7, {"host": "log1"})
    new[1] = chain.linked(new[0], chain.ENTRY, 8, {})
    assert chain.verify(texts(new), [head(old[-1])]).faults == ("this is another chain than the one that was seen at noon",)
    assert chain.verify([], [head(old[-1])]).faults == ("nothing is left, but record 1 was seen at noon",)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "not json", '{"number": 1}'])
def test_what_is_no_record_is_told(text: str) -> None:
    records = made([{"a": 1}, {"b": 2}])
    lines = [*texts(records[:2]), text + "\n", *texts(records[2:])]
    assert chain.verify(lines).faults == ("line 3 can't be read",)


def test_a_record_written_differently_is_no_record() -> None:
    record = made([{"a": 1}])[1]
    assert chain.record_of(json.dumps(record)) is None
    assert chain.record_of(chain.line_of(record)) == record


def test_a_line_that_a_power_cut_left_is_named_by_the_next_record() -> None:
    records = made([{"a": 1}])
    torn = '{"at":5,"before'
    ended = chain.linked(records[-1], chain.TORN, 5, {"line": chain.torn_digest(torn)})
    assert chain.verify([*texts(records), torn + "\n", chain.line_of(ended)]).faults == ()
    assert chain.verify([*texts(records), torn + "x\n", chain.line_of(ended)]).faults == ("line 3 can't be read",)


@pytest.mark.parametrize("value", [[], {}, None, 7.5, "1", [[1]]])
def test_what_nobody_writes_as_due_to_go_counts_for_nothing(value: Any) -> None:
    records = made([{"a": 1}, {"b": 2}, {"c": 3}])
    for data in ({"number": value, "digest": records[1]["digest"]}, {"number": 1, "digest": value}, {"line": value}, {}):
        for kind in (chain.EXPIRED, chain.TORN):
            told = chain.linked(records[-1], kind, 9, data)
            assert chain.verify(texts([*records[2:], told])).faults == (
                "the records before 2 are missing, and nothing says that they were due to go",
            )


@pytest.mark.parametrize("text", ["[" * 100_000, '"\ud800"', "\ud800", "9" * 9999])
def test_lines_that_no_file_holds_are_told(text: str) -> None:
    records = made([{"a": 1}])
    assert chain.verify([*texts(records), text]).faults == ("line 3 can't be read",)


@pytest.mark.parametrize("key", ["number", "at"])
def test_what_json_calls_true_is_no_number(key: str) -> None:
    record = {**made([{"a": 1}])[1], key: True}
    assert chain.record_of(chain.line_of(record)) is None


def test_what_was_due_to_go_may_be_missing() -> None:
    records = made([{"a": 1}, {"b": 2}, {"c": 3}])
    assert chain.verify(texts(records[2:])).faults == (
        "the records before 2 are missing, and nothing says that they were due to go",
    )
    told = chain.linked(records[-1], chain.EXPIRED, 9, {"number": 1, "digest": records[1]["digest"], "file": "2024-01.jsonl"})
    seen = seen_on(records[1], "2024-01-31 23:59:59")
    assert chain.verify(texts([*records[2:], told]), [seen, head(told)], since("2024-02-01 00:00:00")).faults == ()


@pytest.mark.parametrize("seen", ["2024-02-01 00:00:00", "2025-12-31 00:00:00", "9999-12-31 00:00:00", "noon", ""])
def test_what_was_seen_lately_or_at_no_known_time_may_not_be_missing(seen: str) -> None:
    records = made([{"a": 1}, {"b": 2}, {"c": 3}])
    told = chain.linked(records[-1], chain.EXPIRED, 9, {"number": 1, "digest": records[1]["digest"], "file": "2024-01.jsonl"})
    faults = chain.verify(texts([*records[2:], told]), [seen_on(records[1], seen)], since("2024-02-01 00:00:00")).faults
    said = f" at {seen}" if seen else ""
    assert faults == (f"record 1 is gone, but it was seen{said} and had to be kept longer",)


@given(CHAINS, st.data())
def test_who_says_that_everything_was_due_to_go_is_told_by_a_head(records: list[Record], data: st.DataObject) -> None:
    """Root on the log server writes that all was due to go, however long it says that was kept, and removes it."""
    at = data.draw(st.integers(0, len(records) - 1))
    named = {"number": records[-1]["number"], "digest": records[-1]["digest"], "file": "2026-11.jsonl", "days": 0}
    left = texts([chain.linked(records[-1], chain.EXPIRED, 9, named)])
    assert chain.verify(left).faults == ()
    seen = seen_on(records[at], "2026-12-01 00:00:00")
    wanted = f"record {at} is gone, but it was seen at 2026-12-01 00:00:00 and had to be kept longer"
    assert chain.verify(left, [seen]).faults == (wanted,)
    assert chain.verify(left, [seen], since("2024-12-01 00:00:00")).faults == (wanted,)


def test_what_the_role_keeps_is_what_is_asked_for() -> None:
    defaults = Path(__file__).parents[3] / "roles/log_server/defaults/main.yml"
    assert yaml.safe_load(defaults.read_text())["log_server_kept_days"] == chain.KEPT_DAYS
