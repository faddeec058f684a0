"""Keys are replaced in an order in which nobody who takes them is ever without the one in use, whatever fails when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.identity.turnover import DAY, Bearer, Decision, Pair, Step, Taker, decide, stale, table

OLD = Pair("ca1", "ca1", "K1", age=40 * DAY)
NEXT = replace(OLD, beside="K2", following=True)
SWITCHED = Pair("ca1", "ca1", "K2", beside="K1")
DONE = Pair("ca1", "ca1", "K2")


def at(host: str, *keys: str) -> Taker:
    return Taker(host, frozenset({"ca1"}), frozenset(keys))


def off(host: str) -> Taker:
    return Taker(host, frozenset({"ca1"}), None)


@pytest.mark.parametrize(
    ("pair", "takers", "step", "hosts"),
    [
        (OLD, [at("mdx1", "K1")], "make", ("ca1",)),
        (replace(OLD, age=0.5 * DAY), [at("mdx1", "K1")], "done", ()),
        (OLD, [at("mdx1", "K1"), at("mdx2")], "take", ("mdx2",)),
        (NEXT, [at("mdx1", "K1"), at("mdx2", "K1", "K2")], "take", ("mdx1",)),
        (NEXT, [at("mdx1", "K1"), off("mdx2")], "take", ("mdx1",)),
        (NEXT, [at("mdx1", "K1", "K2")], "switch", ("ca1",)),
        (SWITCHED, [at("mdx1", "K1", "K2")], "forget", ("ca1",)),
        (SWITCHED, [at("mdx1", "K1")], "take", ("mdx1",)),
        (DONE, [at("mdx1", "K1", "K2"), at("mdx2", "K2")], "withdraw", ("mdx1",)),
        (DONE, [at("mdx1", "K2"), off("mdx2")], "done", ()),
        (OLD, [], "make", ("ca1",)),
    ],
)
def test_the_next_step_follows_from_which_keys_are_where(
    pair: Pair, takers: list[Taker], step: Step, hosts: tuple[str, ...]
) -> None:
    found = decide([pair], takers, 1)
    assert (found.step, found.hosts, found.refusal) == (step, hosts, "")


@pytest.mark.parametrize(("pair", "words"), [(NEXT, "the new key is not taken into use"), (SWITCHED, "the old key is kept")])
def test_a_host_that_is_off_is_waited_for_unless_named(pair: Pair, words: str) -> None:
    takers = [at("mdx1", "K1", "K2"), off("mdx2")]
    found = decide([pair], takers, 1)
    assert found.refusal.startswith(f"{words}, because mdx2 could not be asked")
    assert "'{\"rotate_without\": [mdx2]}'" in found.refusal
    assert decide([pair], takers, 1, ["mdx2"]).refusal == ""


def test_a_holder_that_is_not_read_stops_everything() -> None:
    found = decide([OLD, Pair("ca2", "ca2", "")], [], 1)
    assert found == Decision("done", refusal=found.refusal)
    assert found.refusal.startswith("the key in use of ca2 on ca2 is not known")
    assert decide([OLD, Pair("ca2", "ca2", "")], [], 1, ["ca2"]) == found, "its keys would count as withdrawn"
    assert "rotate_without is for hosts that take keys only" in found.refusal


def test_a_run_broken_off_while_old_keys_went_begins_nothing_anew() -> None:
    """Without an age that a key must have, those that are through would be due again."""
    pairs = [DONE, Pair("ca2", "ca2", "L2", beside="L1")]
    both = Taker("mdx1", frozenset({"ca1", "ca2"}), frozenset({"K2", "L1", "L2"}))
    assert decide(pairs, [both], 0).step == "forget"
    assert decide([OLD, Pair("ca2", "ca2", "L1", beside="L2", following=True)], [both], 0).step == "take"


def test_the_table_tells_ages_and_takers() -> None:
    takers = [at("mdx1", "K1", "K2"), at("mdx2", "K1"), off("mdx3"), at("mdx4", "K0", "K1")]
    assert table([NEXT], takers, {"K0": "zero", "K1": "one", "K2": "two"}) == [
        "ca1 on ca1: in use one, 40.0 days; taken by mdx1, mdx2, mdx4; not read mdx3",
        "    next two; taken by mdx1; not by mdx2, mdx4; not read mdx3",
        "mdx4 still takes zero for ca1, which no holder has",
    ]
    assert table([Pair("ca1", "ca1", "")], [], {}) == ["ca1 on ca1: in use -, not read"]


def shows(host: str, key: str | None, *, off: bool = False) -> Bearer:
    return Bearer(host, frozenset({"ca1"}), key, off)


BOTH = [at("login1", "K1", "K2")]


@pytest.mark.parametrize(
    ("pair", "takers", "bearers", "step", "hosts"),
    [
        (OLD, [at("login1", "K1")], [shows("mdx1", "K1")], "make", ("ca1",)),
        (NEXT, [at("login1", "K1")], [shows("mdx1", "K1")], "take", ("login1",)),
        (NEXT, BOTH, [shows("mdx1", "K1"), shows("mdx2", "K2")], "switch", ("ca1",)),
        (SWITCHED, BOTH, [shows("mdx1", "K1"), shows("mdx2", "K2"), shows("mdx3", "K1")], "certify", ("mdx1", "mdx3")),
        (SWITCHED, [at("login1", "K1")], [shows("mdx1", "K1")], "take", ("login1",)),
        (SWITCHED, BOTH, [shows("mdx1", "K2"), shows("mdx2", "")], "forget", ("ca1",)),
        (SWITCHED, BOTH, [shows("mdx1", "K2"), shows("mdx2", None, off=True)], "forget", ("ca1",)),
        # One that was off when the old key went.
        (DONE, BOTH, [shows("mdx1", "K2"), shows("mdx2", "K1")], "certify", ("mdx2",)),
        (DONE, BOTH, [shows("mdx1", "K2")], "withdraw", ("login1",)),
        (DONE, [at("login1", "K2")], [shows("mdx1", "K2")], "done", ()),
    ],
)
def test_hosts_are_certified_by_the_new_key_before_the_old_one_goes(
    pair: Pair, takers: list[Taker], bearers: list[Bearer], step: Step, hosts: tuple[str, ...]
) -> None:
    found = decide([pair], takers, 1, bearers=bearers)
    assert (found.step, found.hosts, found.refusal) == (step, hosts, "")


def test_a_host_whose_certificate_was_not_read_though_it_is_not_off_is_waited_for() -> None:
    """The counter-test: one that failed in this run may show the old key's certificate, which would go with it."""
    bearers = [shows("mdx1", "K2"), shows("mdx2", None)]
    found = decide([SWITCHED], BOTH, 1, bearers=bearers)
    assert found.step == "forget"
    assert found.refusal.startswith("the old key is kept, because the certificates of mdx2 could not be read")
    assert "'{\"rotate_without\": [mdx2]}'" in found.refusal
    assert decide([SWITCHED], BOTH, 1, ["mdx2"], bearers=bearers).refusal == ""


def test_the_first_of_two_signers_certifies_and_both_are_replaced() -> None:
    believers = [Taker("login1", frozenset({"ca1", "ca2"}), frozenset({"K1", "K2", "L1", "L2"}))]
    pairs = [SWITCHED, Pair("ca2", "ca2", "L2", beside="L1")]
    mine = [Bearer("mdx1", frozenset({"ca1", "ca2"}), "K1"), Bearer("mdx2", frozenset({"ca1", "ca2"}), "L2")]
    assert decide(pairs, believers, 1, bearers=mine).hosts == ("mdx1",)
    done = [replace(bearer, shows="K2") for bearer in mine]
    assert decide(pairs, believers, 1, bearers=done) == Decision("forget", ("ca1", "ca2"), ("ca1", "ca2"))


def test_the_table_tells_whom_a_key_certifies() -> None:
    bearers = [shows("mdx1", "K1"), shows("mdx2", "K2"), shows("mdx3", "K0"), shows("mdx4", None), shows("mdx5", "")]
    assert table([SWITCHED], [], {"K0": "zero", "K1": "one", "K2": "two"}, bearers) == [
        "ca1 on ca1: in use two, 0.0 days; certifies mdx2",
        "    before one; certifies mdx1",
        "mdx3 shows a certificate by zero, which no holder has",
        "the certificates of mdx4 could not be read",
    ]
    assert table([SWITCHED, Pair("ca2", "ca2", "")], [], {}, bearers)[-2:] == [
        "ca2 on ca2: in use -, not read",
        "the certificates of mdx4 could not be read",
    ], "it may be ca2's"


@dataclass
class World:
    """Holders and hosts, as steps and failures leave them."""

    pairs: dict[str, Pair]
    takers: dict[str, Taker]
    off: set[str] = field(default_factory=set)
    made: int = 0

    def seen(self) -> list[Taker]:
        return [replace(t, takes=None) if t.host in self.off else t for t in self.takers.values()]

    def site(self, host: str) -> None:
        """A host takes what holders have now: what site.yml does, and the steps take and withdraw."""
        if host not in self.off:
            taker = self.takers[host]
            keys = frozenset(key for name in taker.subjects for key in self.pairs[name].keys)
            self.takers[host] = replace(taker, takes=keys)

    def carry_out(self, found: Decision, reaches: list[bool]) -> None:
        """Do the step where ``reaches`` says so; elsewhere the run was broken off before."""
        if found.refusal:
            return
        names = found.hosts if found.step in ("take", "withdraw") else found.subjects
        for name, reached in zip(names, reaches, strict=False):
            if not reached:
                continue
            if found.step in ("take", "withdraw"):
                self.site(name)
                continue
            pair = self.pairs[name]
            if found.step == "make":
                self.made += 1
                self.pairs[name] = replace(pair, beside=f"{name}-{self.made}", following=True)
            elif found.step == "switch":
                self.pairs[name] = Pair(name, name, pair.beside, beside=pair.current)
            else:
                self.pairs[name] = replace(pair, beside="")

    def sound(self) -> bool:
        return all(self.pairs[n].current in (t.takes or ()) for t in self.takers.values() for n in t.subjects)


HOSTS = ("mdx1", "mdx2", "mdx3")
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.lists(st.booleans(), min_size=3, max_size=3)),
        st.tuples(st.just("site"), st.sampled_from(HOSTS)),
        st.tuples(st.just("off"), st.sampled_from(HOSTS)),
        st.tuples(st.just("on"), st.sampled_from(HOSTS)),
    ),
    max_size=40,
)


@given(events=EVENTS)
def test_no_host_is_ever_without_the_keys_in_use_and_all_are_replaced_in_the_end(events: list[tuple[str, object]]) -> None:
    old = {name: Pair(name, name, f"{name}-0", age=40 * DAY) for name in ("ca1", "ca2")}
    takes = frozenset(pair.current for pair in old.values())
    world = World(dict(old), {host: Taker(host, frozenset(old), takes) for host in HOSTS})
    for kind, what in events:
        if kind == "run":
            assert isinstance(what, list)
            world.carry_out(decide(list(world.pairs.values()), world.seen(), 1), what)
        elif kind == "site":
            world.site(str(what))
        elif kind == "off":
            world.off.add(str(what))
        else:
            world.off.discard(str(what))
        assert world.sound(), (kind, what)
    world.off.clear()
    for _step in range(12):
        found = decide(list(world.pairs.values()), world.seen(), 1)
        world.carry_out(found, [True] * 3)
        assert world.sound()
    assert (found.step, found.refusal) == ("done", "")
    assert all(pair.keys == {pair.current} and pair.age == 0 for pair in world.pairs.values())
    assert not any(stale(taker, list(world.pairs.values())) for taker in world.takers.values())


@dataclass
class Certified(World):
    """The same, with hosts that show certificates by the first signer."""

    shown: dict[str, str] = field(default_factory=dict)

    def bearers(self) -> list[Bearer]:
        every = frozenset(self.pairs)
        return [Bearer(h, every, None if h in self.off else key, off=h in self.off) for h, key in self.shown.items()]

    def certify(self, host: str) -> None:
        """A host is certified by the key that is in use."""
        if host not in self.off:
            self.shown[host] = self.pairs["ca1"].current

    def run(self, reaches: list[bool]) -> Decision:
        found = decide(list(self.pairs.values()), self.seen(), 1, bearers=self.bearers())
        if found.step != "certify":
            self.carry_out(found, reaches)
        elif not found.refusal:
            for host, reached in zip(found.hosts, reaches, strict=False):
                if reached:
                    self.certify(host)
        return found

    def believed(self) -> bool:
        """Whether every certificate that is on and was not left behind is believed by every login server."""
        left = {host for host, key in self.shown.items() if not any(key in pair.keys for pair in self.pairs.values())}
        return all(key in (t.takes or ()) for h, key in self.shown.items() if h not in left for t in self.takers.values())


LOGIN_SERVERS, NODES = ("login1", "login2"), ("mdx1", "mdx2")
HAPPENS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.lists(st.booleans(), min_size=4, max_size=4)),
        st.tuples(st.sampled_from(["site", "off", "on"]), st.sampled_from((*LOGIN_SERVERS, *NODES))),
    ),
    max_size=40,
)


@given(events=HAPPENS)
def test_no_host_that_is_on_ever_shows_a_certificate_that_is_not_believed(events: list[tuple[str, object]]) -> None:
    old = {name: Pair(name, name, f"{name}-0", age=40 * DAY) for name in ("ca1", "ca2")}
    takes = frozenset(pair.current for pair in old.values())
    takers = {host: Taker(host, frozenset(old), takes) for host in LOGIN_SERVERS}
    world = Certified(dict(old), takers, shown=dict.fromkeys((*LOGIN_SERVERS, *NODES), "ca1-0"))
    left: set[str] = set()
    for kind, what in events:
        if kind == "run":
            assert isinstance(what, list)
            if world.run(what).step == "forget":
                left |= world.off
        elif kind == "site":
            world.certify(str(what))
            if what in LOGIN_SERVERS:
                world.site(str(what))
        elif kind == "off":
            world.off.add(str(what))
        else:
            world.off.discard(str(what))
        assert world.believed(), (kind, what)
        gone = [h for h, key in world.shown.items() if not any(key in pair.keys for pair in world.pairs.values())]
        assert set(gone) <= left, "only who was off when the old key went is left with its certificate"
    world.off.clear()
    for _step in range(16):
        found = world.run([True] * 4)
        assert world.believed()
    assert (found.step, found.refusal) == ("done", "")
    assert set(world.shown.values()) == {world.pairs["ca1"].current}
    assert "ca1-0" not in world.shown.values()
    assert all(taker.takes == frozenset(pair.current for pair in world.pairs.values()) for taker in world.takers.values())
