"""The probe against real sshds."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from module_utils.matrix.attempts import Attempt, Endpoint, Hop, OriginPlan, attempt_from_data, cells, plan_to_data
from module_utils.matrix.outcomes import Outcome
from module_utils.matrix.sharing import derive
from tests.namespaces.conftest import Net

ROOT = Path(__file__).resolve().parents[2]
USERS = {"aoki": ["aoki"], "sato": ["sato", "wrong"], "kato": ["sato"], "nobody-here": ["sato"], "pamless": ["sato"]}

STARTED: list[subprocess.Popen[str]] = []


def task(net: Net, **more: Any) -> dict[str, Any]:
    plan = OriginPlan(
        origin="origin",
        users=tuple(USERS),
        endpoints=tuple(net.endpoint(n, f) for n in ("hop", "target") for f in ("ipv4", "ipv6")),
        hops=tuple(
            Hop(net.endpoint(h, f), (net.endpoint(t, f),))
            for h, t in (("hop", "target"), ("target", "hop"))
            for f in ("ipv4", "ipv6")
        ),
    )
    return {
        "plan": plan_to_data(plan),
        "users": USERS,
        "identities": [{"name": i.name, "private": i.private} for i in net.identities.values()],
        "known_hosts": net.known_hosts,
        "limits": {"workers": 6, "tcp_timeout": 1.0, "attempt_timeout": 8.0},
        **more,
    }


def start(net: Net, **more: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        net.enter("origin", sys.executable, "-m", "tests.namespaces.runner"),
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(json.dumps(task(net, **more)))
    process.stdin = None
    STARTED.append(process)
    return process


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def probe(net: Net, **more: Any) -> dict[Attempt, Outcome]:
    process = start(net, **more)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return {attempt_from_data(row[:4]): Outcome(row[4], row[5]) for row in json.loads(out)}


def left_behind() -> list[str]:
    return [str(p) for p in Path("/run").glob("kakehashi-probe-*")]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "condition not reached"
        time.sleep(0.05)


def codes(net: Net, made: dict[Attempt, Outcome], family: str) -> dict[str, str]:
    hop, target = net.endpoint("hop", family), net.endpoint("target", family)
    at: dict[str, Attempt] = {}
    for user in USERS:
        for kind in ("ssh", "sftp"):
            at[f"{kind} {user} hop"] = Attempt(kind, hop, user)
            at[f"{kind} {user} target"] = Attempt(kind, target, user)
        at[f"forward {user}"] = Attempt("forward", target, user, hop)
        at[f"jump {user}"] = Attempt("jump", target, user, hop)
    found = {}
    for name, attempt in at.items():
        if attempt in made:
            found[name] = made[attempt].code
        elif (shared := derive(attempt, made)) is not None:
            found[name] = f"= {shared[0].code}"
    return found


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_each_refusal_is_told_apart(net: Net, family: str) -> None:
    for node in ("hop", "target"):
        net.ruleset(node, "")
    found = codes(net, probe(net), family)
    assert found["ssh aoki hop"] == "admitted"
    assert found["sftp aoki hop"] == "admitted"
    assert found["ssh aoki target"] == "auth-denied"  # AllowUsers
    assert found["sftp aoki target"] == "= auth-denied"
    assert found["ssh sato target"] == "admitted"
    assert found["ssh kato hop"] == "session-denied"  # sftp only
    assert found["sftp kato hop"] == "admitted"
    assert found["ssh nobody-here hop"] == "auth-denied"
    assert found["ssh pamless target"] == "account-denied"  # PAM
    assert found["forward aoki"] == "admitted"
    assert found["jump aoki"] == "admitted"
    assert found["forward sato"] == "forward-denied"
    assert found["jump sato"] == "= forward-denied"
    assert found["forward nobody-here"] == found["jump nobody-here"] == "= auth-denied"


def test_packet_filters_are_told_apart_and_shared(net: Net) -> None:
    net.ruleset("target", "table inet t { chain i { type filter hook input priority 0; policy drop; "
                          "meta l4proto icmpv6 accept; ip saddr 192.0.2.2 accept; tcp sport 22 accept\n}\n}")  # fmt: skip
    try:
        # Less patience than elsewhere: most of these attempts get no answer, and each is repeated.
        begun = time.monotonic()
        made = probe(net, limits={"workers": 6, "tcp_timeout": 1.0, "attempt_timeout": 3.0})
    finally:
        net.ruleset("target", "")
    assert time.monotonic() - begun < 60, "a hop's sshd tries to connect for two minutes: nobody waits for that"
    four = codes(net, made, "ipv4")
    assert four["ssh sato target"] == four["sftp kato target"] == "= tcp-timeout"
    assert four["jump aoki"] == "admitted"  # the hop may
    six = codes(net, made, "ipv6")
    assert six["forward aoki"] == six["jump aoki"].removeprefix("= ") == "forward-unreachable"


def test_full_run_equals_shared_run(net: Net) -> None:
    net.ruleset("target", "table inet t { chain i { type filter hook input priority 0; "
                          "ip6 saddr 2001:db8::1 tcp dport 22 reject with tcp reset\n}\n}")  # fmt: skip
    try:
        shared, full = probe(net), probe(net, full=True)
    finally:
        net.ruleset("target", "")
    plan = OriginPlan("origin", tuple(USERS), tuple({a.endpoint for a in full if a.kind == "ssh"}))
    assert len(full) > len(shared)
    for attempt in (*cells(plan), *(a for a in full if a.hop)):
        verdict = shared[attempt] if attempt in shared else (derive(attempt, shared) or (Outcome("unknown"), attempt))[0]
        assert (verdict.verdict, verdict.layer) == (full[attempt].verdict, full[attempt].layer), str(attempt)


def test_closed_port_and_missing_route(net: Net) -> None:
    closed, far = net.endpoint("target", "ipv4", 2022), Endpoint("target", "198.51.100.1", 22)
    made = probe(net, extra=[["tcp", "", [e.host, e.address, e.port], None] for e in (closed, far)])
    assert made[Attempt("tcp", closed)].code == "tcp-reset"
    assert made[Attempt("tcp", far)].code == "no-route"


def test_wrong_host_key_is_neither_admitted_nor_refused(net: Net) -> None:
    swapped = [f"target {net.host_keys['hop']}", f"hop {net.host_keys['hop']}"]
    made = probe(net, known_hosts=swapped)
    attempt = Attempt("ssh", net.endpoint("target"), "sato")
    assert (made[attempt].code, made[attempt].verdict) == ("host-key", "unknown")


def test_unusable_key_ends_in_one_sentence(net: Net) -> None:
    process = start(net, identities=[{"name": "aoki", "private": "not a key"}])
    _out, err = process.communicate()
    assert "key aoki can't be used: ssh-keygen says" in err
    assert left_behind() == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_probe_leaves_nothing(net: Net, sent: signal.Signals) -> None:
    process = start(net)
    until(lambda: any(Path(p, "known_hosts").exists() for p in left_behind()))
    process.send_signal(sent)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert left_behind() == []
    assert agents() == []


def test_probe_ends_when_its_caller_is_gone(net: Net) -> None:
    process = start(net)
    until(lambda: any(Path(p, "known_hosts").exists() for p in left_behind()))
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    process.communicate(timeout=20)
    assert left_behind() == []


def test_killed_probe_leaves_no_key_and_the_next_one_cleans_up(net: Net) -> None:
    process = start(net)
    until(lambda: any(Path(p, "known_hosts").exists() for p in left_behind()))
    (place,) = left_behind()
    held = agents()
    assert held
    assert not [p for p in Path(place).iterdir() if p.is_file() and "PRIVATE" in p.read_text()]
    process.kill()
    process.communicate()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in held))
    probe(net)
    assert left_behind() == []


def agents() -> list[int]:
    """Return the ids of ssh-agents whose socket lies in a probe's directory; not of probes within a twin on this machine."""
    found, here = [], Path("/proc/self/ns/mnt").readlink()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().split(b"\0")
                elsewhere = (entry / "ns/mnt").readlink() != here
            except OSError:
                continue
            if not elsewhere and line[0].endswith(b"ssh-agent") and any(b"kakehashi-probe-" in part for part in line):
                found.append(int(entry.name))
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]
