"""What rotate.yml asks is read from the fabric of the twin, and from what its hosts answered."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from module_utils.fabric.views import View
from module_utils.identity.turnover import DAY
from plugin_utils.rotation import (
    certificate_misses,
    certificate_proofs,
    certificate_refusals,
    rotation_decision,
    rotation_keyless,
    rotation_left,
    rotation_pairs,
    rotation_paths,
    rotation_proofs,
    rotation_wrong,
)
from plugin_utils.show import views
from plugin_utils.site import fabric_change_proofs

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [str(ROOT / "tests/twin/survey/inventory"), str(ROOT / "tests/twin/rotation")]
TRUSTED, DATA = "/etc/ssh/kakehashi-user-authorities", "/etc/ssh/authorized_keys_data.d/sato"


def key(number: int) -> str:
    return f"ssh-ed25519 {base64.b64encode(bytes([number] * 32)).decode()}"


@pytest.fixture(scope="module")
def fabric() -> dict[str, View]:
    return dict(views(SOURCES))


def held(subject: str, current: str, beside: str = "", *, following: bool = False) -> dict[str, Any]:
    pair = {"subject": subject, "current": f"{current} a comment", "beside": beside, "age": 9.0 * DAY, "following": following}
    return {"__rotation_found": {"found": [pair]}}


def taken(path: str, *keys: str) -> dict[str, Any]:
    lines = [f'{path}:from="192.0.2.101",restrict {k} a comment' for k in keys]
    return {"__rotation_taken": {"rc": 0 if keys else 1, "stdout_lines": lines}}


def test_who_holds_and_who_takes(fabric: dict[str, View]) -> None:
    authority = {"subject": "ca1", "path": "/var/lib/kakehashi-authority/user_ca"}
    assert {h: p for h in fabric if (p := rotation_pairs(fabric, "authority", h))} == {"ca1": [authority]}
    assert {h: q for h in fabric if (q := rotation_paths(fabric, "authority", h))} == {"mdx1": [TRUSTED]}
    assert [pair["subject"] for pair in rotation_pairs(fabric, "onward", "login1")] == ["sato@login1", "kato@login1"]
    assert {h: q for h in fabric if (q := rotation_paths(fabric, "onward", h))} == {"data1": [DATA]}


def test_without_signers_nodes_take_onward_keys() -> None:
    found = views(SOURCES[:1])
    assert rotation_paths(found, "onward", "mdx1") == ["/etc/ssh/authorized_keys.d/sato"]
    assert [host for host in found if rotation_paths(found, "authority", host)] == []


def test_the_state_of_all_hosts_makes_the_decision(fabric: dict[str, View]) -> None:
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {"ca1": held("ca1", key(1), key(2), following=True), "mdx1": taken(TRUSTED, key(1))}
    found = rotation_decision(hosts, fabric, "authority", list(fabric), 1)
    assert (found["step"], found["hosts"], found["silent"]) == ("take", ["mdx1"], [])
    assert found["table"][0].startswith("ca1 on ca1: in use SHA256:")
    hosts["mdx1"] = taken(TRUSTED, key(1), key(2))
    assert rotation_decision(hosts, fabric, "authority", list(fabric), 1)["step"] == "switch"


@pytest.mark.parametrize("answer", [{}, {"__rotation_taken": {"unreachable": True}}, {"__rotation_taken": {"skipped": True}}])
def test_a_host_without_an_answer_is_not_taken_for_one_that_has_the_key(fabric: dict[str, View], answer: dict[str, Any]) -> None:
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {"ca1": held("ca1", key(1), key(2), following=True), "mdx1": answer}
    found = rotation_decision(hosts, fabric, "authority", list(fabric), 1)
    assert (found["step"], found["silent"]) == ("switch", ["mdx1"])
    assert found["refusal"]
    assert rotation_decision(hosts, fabric, "authority", list(fabric), 1, ["mdx1"])["refusal"] == ""


def test_a_host_that_failed_in_this_run_counts_as_silent(fabric: dict[str, View]) -> None:
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {"ca1": held("ca1", key(1), key(2), following=True), "mdx1": taken(TRUSTED, key(1), key(2))}
    found = rotation_decision(hosts, fabric, "authority", [name for name in fabric if name != "mdx1"], 1)
    assert found["refusal"]


def test_what_this_run_replaced_is_told_and_what_went_otherwise_is_not(fabric: dict[str, View]) -> None:
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {"ca1": held("ca1", key(2), key(1)), "mdx1": taken(TRUSTED, key(1), key(2), key(3))}
    before = rotation_decision(hosts, fabric, "authority", list(fabric), 99)
    assert (before["step"], before["replaced"]) == ("forget", {"mdx1": []})
    hosts["ca1"] = held("ca1", key(2))
    after = rotation_decision(hosts, fabric, "authority", list(fabric), 99, before=before)
    assert (after["step"], len(after["replaced"]["mdx1"])) == ("withdraw", 1)
    assert after["replaced"]["mdx1"][0] in before["known"], "key 3 was nobody's in this run"
    # A run that finds a key which no holder has can't tell whether somebody removed it by hand.
    assert rotation_decision(hosts, fabric, "authority", list(fabric), 99)["replaced"] == {"mdx1": []}


def test_a_next_key_that_lay_there_before_may_have_leaked_with_the_other(fabric: dict[str, View]) -> None:
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {"ca1": held("ca1", key(1), key(2), following=True), "mdx1": taken(TRUSTED, key(1), key(2))}
    before = rotation_decision(hosts, fabric, "authority", list(fabric), 0)
    for current, words in ((2, "the key now in use of ca1 already lay there when this run began"), (3, "")):
        hosts |= {"ca1": held("ca1", key(current)), "mdx1": taken(TRUSTED, key(current))}
        after = rotation_decision(hosts, fabric, "authority", list(fabric), 0, before=before)
        left = rotation_left(after, 0)
        assert (words in left) if words else left == "", left


KNOWN, SIGNERS_KNOWN = "/etc/ssh/ssh_known_hosts", "/etc/kakehashi/signing/known_hosts"
FIRST = {"login1": 1, "ca1": 3, "mdx1": 5, "data1": 7, "infra1": 9}
"""The number of each host's key; that of its next one is one more."""


def shown(host: str, current: int, beside: int = 0, *, following: bool = False, days: float = 0.0) -> dict[str, Any]:
    found = held(host, key(current), key(beside) if beside else "", following=following)
    found["__rotation_found"]["found"][0] |= {"age": 90.0 * DAY, "beside_age": days * DAY}
    return found


def knowing(numbers: dict[str, list[int]]) -> dict[str, Any]:
    lines = [f"{KNOWN}:{host},192.0.2.1 {key(n)}" for host, known in numbers.items() if host != "ca1" for n in known]
    lines += [f"{SIGNERS_KNOWN}:ca1 {key(n)}" for n in numbers.get("ca1", [])]
    return {"__rotation_taken": {"rc": 0, "stdout_lines": [*lines, f"{KNOWN}:# {key(99)}", f"{KNOWN}:sw-nii {key(98)}"]}}


def test_hosts_hold_their_own_keys_and_login_servers_know_them(fabric: dict[str, View]) -> None:
    pair = {"subject": "mdx1", "path": "/etc/ssh/ssh_host_ed25519_key", "second": "/etc/ssh/kakehashi-second-host-key"}
    assert rotation_pairs(fabric, "host", "mdx1") == [pair]
    assert sorted(h for h in fabric if rotation_pairs(fabric, "host", h)) == sorted(FIRST), (
        "who observes or is another's has none"
    )
    assert {h: p for h in fabric if (p := rotation_paths(fabric, "host", h))} == {"login1": [KNOWN, SIGNERS_KNOWN]}


def test_the_steps_of_host_keys(fabric: dict[str, View]) -> None:
    old = {host: [n] for host, n in FIRST.items()}

    def decided(pairs: dict[str, dict[str, Any]], knows: dict[str, list[int]] | None, days: float = 0) -> dict[str, Any]:
        hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric} | pairs
        hosts["login1"] = {**hosts["login1"], **({} if knows is None else knowing(knows))}
        return rotation_decision(hosts, fabric, "host", list(fabric), 30, shown_days=days)

    pairs = {host: shown(host, n) for host, n in FIRST.items()}
    made = decided(pairs, old)
    assert (made["step"], sorted(made["hosts"])) == ("make", sorted(FIRST))
    pairs = {host: shown(host, n, n + 1, following=True, days=3) for host, n in FIRST.items()}
    assert [decided(pairs, old)[part] for part in ("step", "hosts")] == ["take", ["login1"]]
    both = {host: [n, n + 1] for host, n in FIRST.items()}
    assert decided(pairs, both | {"ca1": [3]})["step"] == "take", "a signer is known in another file"
    ready = decided(pairs, both)
    assert (ready["step"], ready["refusal"], sorted(ready["hosts"])) == ("switch", "", sorted(FIRST))
    assert decided(pairs, both, 3) == ready
    assert rotation_left(ready, 30).startswith("the step switch is left on ")
    waits = decided(pairs, both, 7)
    assert waits["waiting"].startswith("the next keys of ca1, data1, infra1, login1, mdx1 are shown beside")
    assert (waits["step"], rotation_left(waits, 30)) == ("done", "")
    young = pairs | {"mdx1": shown("mdx1", 5, 6, following=True, days=1)}
    ripe = decided(young, both, 2)
    assert (ripe["step"], sorted(ripe["hosts"])) == ("switch", ["ca1", "data1", "infra1", "login1"]), "one young key waits alone"
    moved = {host: shown(host, n + 1, n) for host, n in FIRST.items()} | {"mdx1": young["mdx1"]}
    assert [decided(moved, both, 2)[part] for part in ("step", "hosts")] == ["forget", ripe["hosts"]]
    alone = {host: shown(host, n + 1) for host, n in FIRST.items()} | {"mdx1": young["mdx1"]}
    assert [decided(alone, both, 2)[part] for part in ("step", "hosts")] == ["withdraw", ["login1"]]
    assert decided(pairs, None)["refusal"].startswith("the new key is not taken into use, because login1 could not be asked")
    switched = {host: shown(host, n + 1, n) for host, n in FIRST.items()}
    assert decided(switched, both)["step"] == "forget"
    gone = {host: shown(host, n + 1) for host, n in FIRST.items()}
    assert [decided(gone, both)[part] for part in ("step", "hosts")] == ["withdraw", ["login1"]]


def test_a_login_server_on_which_nothing_runs_counts_as_not_read(fabric: dict[str, View]) -> None:
    """Where a module can't run, on a host without room for one, it ends with 1 as well, and brings no lines."""
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {host: shown(host, n, n + 1, following=True, days=9) for host, n in FIRST.items()}
    hosts["login1"]["__rotation_taken"] = {"rc": 1, "module_stdout": "No space left on device"}
    assert rotation_decision(hosts, fabric, "host", list(fabric), 30)["refusal"].startswith(
        "the new key is not taken into use, because login1 could not be asked"
    )


def test_a_host_that_is_off_keeps_its_key_and_the_others_go_on(fabric: dict[str, View]) -> None:
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {host: shown(host, n, n + 1, following=True, days=9) for host, n in FIRST.items() if host != "mdx1"}
    hosts["login1"] |= knowing({host: [n] if host == "mdx1" else [n, n + 1] for host, n in FIRST.items()})
    found = rotation_decision(hosts, fabric, "host", list(fabric), 30)
    assert (found["step"], found["refusal"], found["silent"]) == ("switch", "", ["mdx1"])
    assert "mdx1" not in found["hosts"]
    assert "mdx1 could not be read" in rotation_left({**found, "step": "done"}, 30)


def test_a_key_that_lay_there_before_the_run_is_not_taken_for_one_that_the_run_made(fabric: dict[str, View]) -> None:
    def looked(current: int, beside: int, before: dict[str, Any], *, following: bool, days: float = 0) -> dict[str, Any]:
        hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
        hosts |= {"mdx1": shown("mdx1", current, beside, following=following), "login1": knowing({"mdx1": [5, 6, 7]})}
        return rotation_decision(hosts, fabric, "host", list(fabric), 0, ["login1"], before=before, shown_days=days)

    lay = looked(5, 6, {}, following=True)
    switched = looked(6, 5, lay, following=False)
    assert (switched["step"], switched["kept"]) == ("forget", ["mdx1"])
    fault = "run again: the key now in use of mdx1 already lay there when this run began"
    assert rotation_left(switched, 0, until_switch=True).startswith(fault)
    assert rotation_left({**switched, "step": "make"}, 0).startswith(fault)
    assert rotation_left({**switched, "step": "make"}, 30).startswith("the step make is left on")
    assert looked(5, 6, lay, following=True, days=7)["kept"] == [], "it waits"
    first = looked(5, 0, {}, following=False)
    made = looked(5, 7, first, following=True)
    used = looked(7, 5, made, following=False)
    assert (used["step"], used["kept"]) == ("forget", [])
    assert rotation_left({**used, "step": "make", "silent": []}, 0) == ""


def test_data_servers_show_their_next_key_longer_than_the_longest_job(fabric: dict[str, View]) -> None:
    """A connection that a job opened before never hears of the key; it would meet it where it has to connect anew."""
    fabric = {**fabric, "data1": {**fabric["data1"], "data_server": {**fabric["data1"]["data_server"], "longest_job_hours": 336}}}
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {host: shown(host, n, n + 1, following=True, days=8) for host, n in FIRST.items()}
    hosts["login1"] |= knowing({host: [n, n + 1] for host, n in FIRST.items()})
    found = rotation_decision(hosts, fabric, "host", list(fabric), 30, shown_days=None)
    assert (found["step"], sorted(found["hosts"])) == ("switch", sorted(FIRST.keys() - {"data1"}))
    assert found["waiting"].startswith("the next keys of data1 are shown beside those in use until they are 15 days old")
    assert "data1" in rotation_decision(hosts, fabric, "host", list(fabric), 30, shown_days=8)["hosts"], "as it is asked for"


def test_who_is_not_named_keeps_the_key(fabric: dict[str, View]) -> None:
    """Where one key leaked, nobody is to meet others that are new without the time in which they are shown."""
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {host: shown(host, n) for host, n in FIRST.items()} | {"data1": shown("data1", 7, 8, following=True)}
    hosts["login1"] |= knowing({host: [n] for host, n in FIRST.items()})

    def decided(*only: str) -> dict[str, Any]:
        return rotation_decision(hosts, fabric, "host", list(fabric), 0, shown_days=0, only=only)

    assert decided("mdx1")["hosts"] == ["mdx1"]
    hosts["mdx1"] = shown("mdx1", 5, 6, following=True)
    taken = decided("mdx1")
    assert (taken["step"], taken["hosts"], taken["waiting"]) == ("take", ["login1"], "")
    hosts["login1"] |= knowing({host: [n, n + 1] for host, n in FIRST.items()})
    assert decided("mdx1")["hosts"] == ["mdx1"]
    assert sorted(decided()["hosts"]) == ["data1", "mdx1"]
    assert rotation_keyless(["mdx1", "nobody", "inst-a1"], fabric) == "inst-a1, nobody"


BELIEVED, CERTIFICATE = "/etc/ssh/kakehashi-host-authorities", "/etc/ssh/ssh_host_ed25519_key-cert.pub"
CERTIFIED = ("login1", "infra1", "data1", "mdx1", "ca1")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """An old and a new authority, a third that nobody has, and a certificate by each, good and one that has ended."""
    room, found = tmp_path_factory.mktemp("authorities"), {}
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"]
    subprocess.run([*make, str(room / "host")], check=True)
    for name in ("old", "new", "lost"):
        subprocess.run([*make, str(room / name)], check=True)
        found[name] = {"key": " ".join((room / f"{name}.pub").read_text().split()[:2])}
        for kind, validity in (("good", "-1m:+1h"), ("ended", "-2h:-1h")):
            sign = ["ssh-keygen", "-q", "-h", "-s", str(room / name), "-I", "mdx1", "-n", "mdx1", "-V", validity]
            subprocess.run([*sign, str(room / "host.pub")], check=True)
            found[name][kind] = (room / "host-cert.pub").read_text().strip()
    return found


def certified(line: str, *believes: str) -> dict[str, Any]:
    lines = [f"{BELIEVED}:@cert-authority mdx1,192.0.2.101 {key}" for key in believes]
    return {"__rotation_taken": {"rc": 0, "stdout_lines": [*lines, *([f"{CERTIFICATE}:{line}"] if line else [])]}}


def test_signers_certify_hosts_and_login_servers_believe_them(fabric: dict[str, View]) -> None:
    pair = {"subject": "ca1", "path": "/var/lib/kakehashi-host-authority/host_ca"}
    assert {h: p for h in fabric if (p := rotation_pairs(fabric, "host_authority", h))} == {"ca1": [pair]}
    reads = {h: q for h in fabric if (q := rotation_paths(fabric, "host_authority", h))}
    assert reads == {"login1": [BELIEVED, CERTIFICATE], **{host: [CERTIFICATE] for host in CERTIFIED[1:]}}
    assert not any(rotation_paths(views(SOURCES[:1]), "host_authority", host) for host in fabric), "without signers none"


def test_the_steps_of_the_key_that_certifies_hosts(fabric: dict[str, View], authorities: dict[str, dict[str, str]]) -> None:
    old, new = authorities["old"], authorities["new"]

    def decided(pair: dict[str, Any], believes: tuple[str, ...], **changed: dict[str, Any]) -> dict[str, Any]:
        hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
        hosts |= {host: certified(old["good"]) for host in CERTIFIED} | changed
        hosts["login1"] = certified(changed.get("login1", {}).get("shows", old["good"]), *believes)
        hosts["ca1"] = {**hosts["ca1"], **pair}
        return rotation_decision(hosts, fabric, "host_authority", list(fabric), 1)

    following = held("ca1", old["key"], new["key"], following=True)
    switched, alone = held("ca1", new["key"], old["key"]), held("ca1", new["key"])
    both = (old["key"], new["key"])
    anew = {host: certified(new["good"]) for host in CERTIFIED if host != "login1"} | {"login1": {"shows": new["good"]}}
    made = decided(held("ca1", old["key"]), both[:1])
    assert (made["step"], made["hosts"], sorted(made["certified"])) == ("make", ["ca1"], sorted(CERTIFIED))
    assert [decided(following, both[:1])[part] for part in ("step", "hosts")] == ["take", ["login1"]]
    assert [decided(following, both)[part] for part in ("step", "hosts", "refusal")] == ["switch", ["ca1"], ""]
    due = decided(switched, both)
    assert (due["step"], sorted(due["hosts"])) == ("certify", sorted(CERTIFIED))
    assert any(line.startswith("    before SHA256:") and "certifies " in line for line in due["table"])
    one = decided(switched, both, **anew | {"mdx1": certified(old["good"])})
    assert (one["step"], one["hosts"], rotation_left(one, 1)) == (
        "certify",
        ["mdx1"],
        "the step certify is left on mdx1: run again",
    )
    assert [decided(switched, both, **anew)[part] for part in ("step", "hosts", "refusal")] == ["forget", ["ca1"], ""]
    assert [decided(alone, both, **anew)[part] for part in ("step", "hosts")] == ["withdraw", ["login1"]]
    young = held("ca1", new["key"])
    young["__rotation_found"]["found"][0]["age"] = 0.0
    done = decided(young, both[1:], **anew)
    assert (done["step"], rotation_left(done, 1)) == ("done", "")
    # One that was off when the old key went is certified when it is back.
    back = decided(young, both[1:], **anew | {"mdx1": certified(authorities["lost"]["good"])})
    assert (back["step"], back["hosts"], "mdx1" in back["certified"]) == ("certify", ["mdx1"], False)
    # What proves nothing, and hinders nothing: one that ended, one that nobody can read, none.
    for line in (new["ended"], "ssh-ed25519-cert-v01@openssh.com AAAA", ""):
        found = decided(switched, both, **anew | {"mdx1": certified(line)})
        assert (found["step"], found["refusal"], "mdx1" in found["certified"]) == ("forget", "", False)


def test_a_host_that_is_off_keeps_its_certificate_and_who_failed_is_waited_for(
    fabric: dict[str, View], authorities: dict[str, dict[str, str]]
) -> None:
    new, both = authorities["new"], (authorities["old"]["key"], authorities["new"]["key"])
    hosts: dict[str, dict[str, Any]] = {name: {} for name in fabric}
    hosts |= {host: certified(new["good"]) for host in CERTIFIED}
    hosts["login1"] = certified(new["good"], *both)
    hosts["ca1"] = {**hosts["ca1"], **held("ca1", new["key"], both[0])}
    off = hosts | {"mdx1": {"__rotation_held": {"unreachable": True}, "__rotation_taken": {"skipped": True}}}
    found = rotation_decision(off, fabric, "host_authority", list(fabric), 1)
    assert (found["step"], found["refusal"], found["silent"], found["uncertified"]) == ("forget", "", [], ["mdx1"])
    left = rotation_left({**found, "step": "done"}, 1)
    assert left.startswith("mdx1 could not be read and may show a certificate by an old key")
    assert "it is known by its host key until" in left
    assert rotation_left({**found, "step": "done"}, 1, ["mdx1"]) == ""
    # It failed in this run, is left out of it, or somebody else's change is held there.
    for answers, present in ((hosts, [h for h in fabric if h != "mdx1"]), (hosts | {"mdx1": {}}, list(fabric))):
        kept = rotation_decision(answers, fabric, "host_authority", present, 1)
        assert kept["refusal"].startswith("the old key is kept, because the certificates of mdx1 could not be read"), kept
        assert rotation_decision(answers, fabric, "host_authority", present, 1, ["mdx1"])["refusal"] == ""
    unread = rotation_decision(hosts | {"ca1": {}}, fabric, "host_authority", list(fabric), 1)
    assert unread["refusal"].startswith("the key in use of ca1 on ca1 is not known")
    silent = rotation_decision(hosts | {"login1": {}}, fabric, "host_authority", list(fabric), 1)
    assert silent["refusal"].startswith("the old key is kept, because login1 could not be asked")


@pytest.mark.parametrize(
    ("step", "silent", "options", "left"),
    [
        ("done", [], {}, ""),
        ("done", ["mdx1"], {}, "mdx1 could not be read and may still take old keys: run again when that is mended"),
        ("done", ["mdx1"], {"without": ["mdx1"]}, ""),
        ("take", [], {}, "the step take is left on mdx2: run again"),
        ("forget", [], {}, "the step forget is left on mdx2: run again"),
        ("forget", ["mdx1"], {"until_switch": True}, ""),
        ("make", [], {}, "the step make is left on mdx2: run again"),
        ("make", [], {"days": 0}, ""),
        # It fell silent before it gave the old key up.
        ("make", ["mdx1"], {"days": 0}, "mdx1 could not be read and may still take old keys: run again when that is mended"),
    ],
)
def test_what_a_run_leaves_undone_is_told(step: str, silent: list[str], options: dict[str, Any], left: str) -> None:
    found = {"step": step, "refusal": "", "silent": silent, "hosts": ["mdx2"]}
    assert rotation_left(found, **{"days": 1.0, **options}) == left
    assert rotation_left({**found, "step": "done", "refusal": "no"}, 0) == "no"


def test_logins_that_prove_a_key(fabric: dict[str, View]) -> None:
    proofs = fabric_change_proofs(SOURCES)
    way = {"login_server": "login1", "account": "sato", "host": "mdx1"}
    assert rotation_proofs(fabric, proofs, "authority", "ca1", []) == [way]
    assert rotation_proofs(fabric, proofs, "onward", "login1", []) == [way]
    assert rotation_proofs(fabric, proofs, "onward", "login1", ["mdx1"]) == []
    assert rotation_proofs(fabric, proofs, "host", "ca1", []) == [way]
    assert rotation_proofs(fabric, proofs, "host", "mdx1", []) == [way]


def test_logins_that_prove_that_a_host_is_known_by_certificate(fabric: dict[str, View]) -> None:
    proofs = fabric_change_proofs(SOURCES)
    way = {"login_server": "login1", "account": "sato", "host": "mdx1"}
    for host in ("login1", "ca1", "mdx1"):
        assert certificate_proofs(fabric, proofs, host, ["mdx1"]) == [way], host
        assert certificate_proofs(fabric, proofs, host, ["mdx1"], ["login1"]) == [], "it could not be read"
        assert certificate_proofs(fabric, proofs, host, ["data1"]) == [], "it shows none that is good"
    assert certificate_proofs(fabric, proofs, "data1", ["mdx1"]) == []
    blind = {**fabric, "login1": {**fabric["login1"], "host_certificate": {**fabric["login1"]["host_certificate"], "known": []}}}
    assert certificate_proofs(blind, proofs, "mdx1", ["mdx1"]) == [], "it believes no certificate of mdx1"


LARGE = [f"node{number}" for number in range(400)]
SERVERS = ("login1", "login2")
LARGE_VIEWS: dict[str, Any] = {
    **{name: {"login_server": {}, "host_certificate": {"known": LARGE}} for name in SERVERS},
    **{name: {} for name in LARGE},
    "ca1": {"certificate_authority": {}},
}
LARGE_PROOFS = {name: {"accounts": [{"login_server": server, "account": "sato"} for server in SERVERS]} for name in LARGE}


def test_of_many_hosts_five_are_tried_from_each_login_server_and_none_to_do_without() -> None:
    without = LARGE[:150]
    for host, servers in (("login1", SERVERS[:1]), ("ca1", SERVERS)):
        ways = certificate_proofs(LARGE_VIEWS, LARGE_PROOFS, host, LARGE, (), without)
        assert [way["login_server"] for way in ways] == [name for name in servers for _ in range(5)]
        for server in servers:
            tried = [way["host"] for way in ways if way["login_server"] == server]
            assert len(set(tried)) == 5, "and not five times the same"
            assert set(tried).isdisjoint(without)
            assert tried[-1] not in LARGE[:300], "they are not all of one platform"
    few = LARGE[148:152]
    assert [way["host"] for way in certificate_proofs(LARGE_VIEWS, LARGE_PROOFS, "login1", few, (), without)] == few[2:]


def test_a_host_that_was_certified_anew_is_tried_though_others_do_without_it() -> None:
    ways = certificate_proofs(LARGE_VIEWS, LARGE_PROOFS, "node7", ["node7"], (), ["node7"])
    assert [(way["login_server"], way["host"]) for way in ways] == [("login1", "node7"), ("login2", "node7")]


def went(server: str, host: str, rc: int | None, **more: Any) -> dict[str, Any]:
    result = {"__way": {"login_server": server, "account": "sato", "host": host}, **more}
    return result if rc is None else {**result, "rc": rc}


def test_a_change_is_undone_where_a_login_server_reaches_nobody_by_certificate() -> None:
    unknown = went("login1", "mdx1", 255, stderr="a banner\nHost key verification failed.\n")
    said = "sato from login1 to mdx1 (Host key verification failed.)"
    assert certificate_misses([unknown, went("login1", "mdx2", 0)]) == [said]
    assert certificate_refusals([unknown, went("login1", "mdx2", 0)]) == [], "that is a stranger's trouble"
    assert certificate_refusals([unknown, went("login2", "mdx1", 0)]) == [said], "another login server proves nothing of this one"
    assert certificate_refusals([unknown, went("login1", "mdx2", 255)]) == [said, "sato from login1 to mdx2 (it said nothing)"]
    assert certificate_refusals([unknown, went("login1", "mdx2", None, unreachable=True)]) == [said]
    broken = went("login1", "mdx1", None, failed=False, msg="No such file: runuser")
    assert certificate_refusals([broken]) == ["sato from login1 to mdx1 (No such file: runuser)"]
    assert certificate_refusals([]) == []


def test_a_host_that_was_certified_anew_has_to_be_known_from_everywhere() -> None:
    results = [went("login1", "mdx1", 0), went("login2", "mdx1", 255), went("login2", "mdx2", 0)]
    assert certificate_refusals(results) == []
    assert certificate_refusals(results, ["mdx2"]) == []
    assert certificate_refusals(results, ["mdx1"]) == ["sato from login2 to mdx1 (it said nothing)"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rotate_days": "90d"}, "rotate_days is '90d', which is no number of days"),
        ({"rotate_days": "-1"}, "no number of days"),
        ({"rotate_days": "nan"}, "no number of days"),
        ({"rotate_days": True}, "no number of days"),
        ({"rotate_shown_days": "7 days"}, "rotate_shown_days is '7 days'"),
        ({"rotate_status": "ture"}, "neither true nor false"),
        ({"rotate_without": "mdx10"}, "no list"),
        ({"rotate_without": ["mdx1", "mdx99"]}, "mdx99 is none"),
        ({"rotate_hosts": []}, "an empty list"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(given: dict[str, Any], words: str) -> None:
    assert words in rotation_wrong(given, ["mdx1", "login1"])


def test_what_is_asked_in_its_form_is_taken() -> None:
    given = {
        "rotate_days": "0",
        "rotate_shown_days": 0.5,
        "rotate_status": "yes",
        "rotate_without": ["mdx1"],
        "rotate_hosts": None,
    }
    assert rotation_wrong(given, ["mdx1"]) == ""
    assert rotation_wrong({"rotate_status": True, "rotate_days": 30}, []) == ""
