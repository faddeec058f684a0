"""What holds for every fabric: valid ones validate, and no fault whatsoever ends in a traceback."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from module_utils.fabric.parse import RawFabric, RawHost
from module_utils.fabric.problems import Unreadable, texts
from module_utils.fabric.validate import find_problems
from tests.support.fabrics import Shape, generated_fabric, generated_raw, raw_fabric, shape_of

SHAPES = st.builds(
    Shape,
    institutions=st.integers(0, 25),
    direct=st.lists(st.integers(1, 6), max_size=3).map(tuple),
    scheduled=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=3).map(tuple),
    accounts=st.integers(0, 6),
)
WORDS = st.sampled_from(
    [
        "hpc",
        "all",
        "switches",
        "sw-hub",
        "ssh",
        "data",
        "login_servers",
        "root",
        "",
        "x" * 70,
        "192.0.2.1",
        "::1",
        "{{ x }}",
    ]
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70_000),
    st.floats(allow_nan=False),
    WORDS,
    st.text(max_size=5),
    st.lists(WORDS, max_size=3),
    st.dictionaries(WORDS, WORDS, max_size=2),
    st.just(Unreadable("is encrypted", "write it plainly")),
)


@given(SHAPES)
@settings(deadline=None, max_examples=60)
def test_generated_fabrics_are_valid(shape: Shape) -> None:
    fabric, problems = find_problems(raw_fabric(shape))
    assert problems == []
    assert len(fabric.hosts) == shape.hosts


@pytest.mark.parametrize("hosts", [16, 50, 333, 1000])
def test_generated_fabrics_have_the_size_asked_for(hosts: int) -> None:
    assert shape_of(hosts).hosts == hosts
    assert len(generated_fabric(hosts).hosts) == hosts


def test_generated_fabrics_are_always_the_same() -> None:
    assert generated_raw(100) == generated_raw(100)


def test_a_thousand_hosts_take_less_than_two_seconds() -> None:
    raw = generated_raw(1000)
    begin = time.process_time()
    assert find_problems(raw)[1] == []
    assert time.process_time() - begin < (20 if sys.gettrace() else 2)  # coverage's tracing costs up to ten times as much


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in parts:
        yield (*path, part)
        yield from _places(item, (*path, part))


def _tree(raw: RawFabric) -> dict[str, Any]:
    hosts = {name: dict(host.variables) for name, host in raw.hosts.items()}
    return copy.deepcopy({"all": dict(raw.variables), "hosts": hosts, "groups": {k: list(v) for k, v in raw.groups.items()}})


def _raw(tree: dict[str, Any], like: RawFabric) -> RawFabric:
    groups = {k: tuple(n for n in v if isinstance(n, str)) if isinstance(v, list) else () for k, v in tree["groups"].items()}
    hosts = {
        name: RawHost(like.hosts[name].groups, variables if isinstance(variables, dict) else {})
        for name, variables in tree["hosts"].items()
    }
    return RawFabric(tree["all"], hosts, groups)


BASE = raw_fabric(Shape())
PLACES = [p for p in _places(_tree(BASE)) if len(p) > 1]


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.one_of(st.just("delete"), JUNK)), min_size=1, max_size=3))
@example([(("groups", "cluster0_nodes", 0), "hpc")])  # a node that no host stands for, such as a switch
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_mutations_end_in_words(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    tree = _tree(BASE)
    for path, junk in changes:
        node: Any = tree
        try:
            for part in path[:-1]:
                node = node[part]
            if junk == "delete":
                del node[path[-1]]
            else:
                node[path[-1]] = junk
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed what this one is about
    _, problems = find_problems(_raw(tree, BASE))
    for line in texts(problems, lambda _: "hosts.yml:1"):
        assert line.startswith("hosts.yml:1: ")
        assert "\n" not in line
        assert "object at 0x" not in line
