"""Host keys are replaced in an order in which no login server is ever shown a key that it lacks, whatever fails when."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from module_utils.identity.turnover import DAY
from plugin_utils.rotation import rotation_decision

KNOWN, SIGNERS_KNOWN = "/etc/ssh/ssh_known_hosts", "/etc/kakehashi/signing/known_hosts"
LOGIN_SERVERS, TARGETS, SIGNER = ("login1", "login2"), ("mdx1", "mdx2"), "ca1"
HOSTS = (*LOGIN_SERVERS, *TARGETS, SIGNER)
_MANAGED = {"managed": True, "login_restriction": {"enforce": True}}
_KNOWS = {
    "login_server": {"enforce": True, "accounts": [], "targets": [{"name": name} for name in TARGETS]},
    "onward_certificates": {"signers": [{"name": SIGNER}]},
}
VIEWS: dict[str, Any] = {name: {**_MANAGED, **(_KNOWS if name in LOGIN_SERVERS else {})} for name in HOSTS}


def key(number: int) -> str:
    return f"ssh-ed25519 {base64.b64encode(number.to_bytes(32, 'big')).decode()}"


@dataclass
class World:
    """Hosts with the numbers of their keys (in use, beside), and what login servers know of whom."""

    current: dict[str, int] = field(default_factory=lambda: {name: at for at, name in enumerate(HOSTS)})
    beside: dict[str, int] = field(default_factory=dict)
    following: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    ripe: set[str] = field(default_factory=set)
    made: int = len(HOSTS)
    known: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Have everybody know everybody."""
        self.known = {(ls, name): {self.current[name]} for ls in LOGIN_SERVERS for name in (*TARGETS, SIGNER)}

    def shows(self, host: str) -> set[int]:
        return {self.current[host], *([self.beside[host]] if host in self.beside else [])}

    def answers(self) -> dict[str, dict[str, Any]]:
        """What the hosts that are on answer to who reads the state."""
        found: dict[str, dict[str, Any]] = {}
        for host in set(HOSTS) - self.off:
            pair = {
                "subject": host,
                "current": key(self.current[host]),
                "beside": key(self.beside[host]) if host in self.beside else "",
                "age": 0.0 if host in self.fresh else 90.0 * DAY,
                "beside_age": 9.0 * DAY if host in self.ripe else 0.0,
                "following": host in self.following,
            }
            lines = [
                f"{SIGNERS_KNOWN if name == SIGNER else KNOWN}:{name} {key(number)}"
                for (login_server, name), numbers in self.known.items()
                if login_server == host
                for number in numbers
            ]
            found[host] = {"__rotation_found": {"found": [pair]}, "__rotation_taken": {"rc": 0, "stdout_lines": lines}}
        return {host: found.get(host, {}) for host in HOSTS}

    def site(self, login_server: str) -> None:
        """A login server takes what those show that are on, and goes on knowing the others, as in site.yml."""
        if login_server in self.off:
            return
        for name in (*TARGETS, SIGNER):
            if name not in self.off:
                self.known[login_server, name] = self.shows(name)

    def run(self, reaches: list[bool]) -> str:
        """Do the next step where ``reaches`` says so; elsewhere the run was broken off before."""
        found = rotation_decision(self.answers(), VIEWS, "host", HOSTS, 30, shown_days=7)
        if found["refusal"]:
            return ""
        for host in (host for host, reached in zip(found["hosts"], reaches, strict=False) if reached):
            if found["step"] in ("take", "withdraw"):
                self.site(host)
            elif found["step"] == "make":
                self.made += 1
                self.beside[host] = self.made
                self.following.add(host)
                self.ripe.discard(host)
            elif found["step"] == "switch":
                assert host in self.ripe
                self.current[host], self.beside[host] = self.beside[host], self.current[host]
                self.following.discard(host)
                self.fresh.add(host)
            elif found["step"] == "forget":
                del self.beside[host]
        return str(found["step"])

    def sound(self) -> bool:
        """Whether everybody is shown a key that they have."""
        return all(self.current[name] in numbers for (_login_server, name), numbers in self.known.items())


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.lists(st.booleans(), min_size=5, max_size=5)),
        st.tuples(st.just("site"), st.sampled_from(LOGIN_SERVERS)),
        st.tuples(st.just("off"), st.sampled_from(HOSTS)),
        st.tuples(st.just("on"), st.sampled_from(HOSTS)),
        st.tuples(st.just("ripen"), st.sampled_from(HOSTS)),
    ),
    max_size=40,
)


@given(events=EVENTS)
def test_nobody_is_ever_shown_a_key_that_they_lack_and_all_are_replaced_in_the_end(events: list[tuple[str, Any]]) -> None:
    world = World()
    before = dict(world.current)
    for kind, what in events:
        if kind == "run":
            world.run(what)
        elif kind == "site":
            world.site(what)
        elif kind == "off":
            world.off.add(what)
        elif kind == "ripen":
            world.ripe.add(what)
        else:
            world.off.discard(what)
        assert world.sound(), (kind, what)
    world.off.clear()
    steps = []
    for _step in range(24):
        world.ripe |= set(world.beside)
        steps.append(world.run([True] * len(HOSTS)))
        assert world.sound(), steps
    assert steps[-1] == "done", steps
    assert not set(world.current.values()) & set(before.values())
    assert world.beside == {}
    assert all(numbers == {world.current[name]} for (_login_server, name), numbers in world.known.items())


@given(young=st.sets(st.sampled_from(HOSTS)))
def test_who_is_young_waits_alone(young: set[str]) -> None:
    world = World()
    for _step in ("make", "take", "take"):
        world.run([True] * len(HOSTS))
    before, world.ripe = dict(world.current), set(HOSTS) - young
    for _step in ("switch", "forget", "withdraw", "withdraw"):
        world.run([True] * len(HOSTS))
    assert {name for name in HOSTS if world.current[name] == before[name]} == young
    assert set(world.beside) == young
    assert all(numbers == world.shows(name) for (_login_server, name), numbers in world.known.items())


def test_a_login_server_that_is_off_holds_back_whom_it_would_not_know() -> None:
    """The counter-test: where it is not waited for, it is shown a key that it lacks."""
    world = World()
    for _step in ("make", "take"):
        world.off = {"login2"}
        world.run([True] * len(HOSTS))
    answers = world.answers()
    assert rotation_decision(answers, VIEWS, "host", HOSTS, 30)["refusal"]
    found = rotation_decision(answers, VIEWS, "host", HOSTS, 30, ["login2"])
    assert (found["step"], found["refusal"], "mdx1" in found["hosts"]) == ("switch", "", True)
    assert world.beside["mdx1"] not in world.known["login2", "mdx1"]
