"""Evidence: complete, the same for the same run, without secrets, and only its owner's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from module_utils.fabric.access import Persona
from module_utils.fabric.model import Fabric
from module_utils.matrix.attempts import Attempt, Endpoint
from module_utils.matrix.drift import Drift
from module_utils.matrix.outcomes import Outcome
from plugin_utils.evidence import Run, evidence, judge_run, plans_of, report_lines, verdict_line, write_evidence
from plugin_utils.findings import gathered_run
from plugin_utils.live_proof import comparable
from plugin_utils.validation import nobody_to_try, persona_faults, probe_credentials, validation_setup
from tests.unit.matrix.conftest import ROOT
from tests.unit.matrix.test_judge import as_declared

TWIN = [str(ROOT / "inventories" / "twin")]
MDX1 = Endpoint("mdx1", "192.0.2.101", 22)


@pytest.fixture(scope="module")
def judged(fabric: Fabric) -> Run:
    """A run over the whole twin, which takes seconds to make up."""
    plans, expectations = plans_of(fabric)
    results = {p.origin: as_declared(p, expectations) for p in plans if p.origin != "society1"}
    made = Run(
        fabric=fabric,
        begun="2026-11-23T000000Z",
        ended="2026-11-23T000100Z",
        full=False,
        plans=plans,
        results=results,
        timings={name: {"seconds": 1.0, "repeated": 0} for name in results},
        effective={
            "mdx1": {"files": {"/etc/ssh/sshd_config": "UsePAM yes\n", "/etc/passwd": "root:x"}, "shadow": "s", "ruleset": "r"}
        },
        switches={"sw-mdx": {"p1": "VLAN 2102 untagged"}},
        not_tried=[],
        excused=[("society1", "as an origin not tried: it is switched off")],
        drift=[],
    )
    judge_run(made, expectations)
    return made


@pytest.fixture
def run(judged: Run) -> Run:
    """One that a test may change."""
    return replace(judged, results={name: dict(made) for name, made in judged.results.items()}, drift=[], not_tried=[])


@pytest.fixture
def of_two(run: Run) -> Run:
    """The part of it that two origins made."""
    plans = [plan for plan in run.plans if plan.origin in ("compute1", "inst-a1")]
    part = replace(run, plans=plans, results={plan.origin: run.results[plan.origin] for plan in plans})
    judge_run(part, plans_of(run.fabric)[1])
    return part


def written(run: Run) -> dict[str, object]:
    data: dict[str, object] = evidence(run, plans_of(run.fabric)[1])
    return data


def test_a_run_that_holds(run: Run) -> None:
    assert run.failing == 0
    data = written(run)
    assert data["holds"] is True
    assert json.dumps(data, sort_keys=True) == json.dumps(written(run), sort_keys=True)
    counts = data["counts"]
    assert isinstance(counts, dict)
    assert counts["cells"] == counts["cells_derived"] + counts["attempts_made"] + counts["verdicts"]["not tried"]
    lines = list(report_lines(run, "here"))
    assert lines[-1] == "Evidence: here"
    assert any("society1: as an origin not tried" in line for line in lines)
    assert not any(line.startswith(("Differences (", "Drift (", "Not tried (")) for line in lines)


def test_a_run_that_fails_says_what(of_two: Run) -> None:
    of_two.results["compute1"][Attempt("tcp", MDX1)] = Outcome("admitted")
    of_two.results["compute1"][Attempt("ssh", MDX1, "root")] = Outcome("admitted")
    of_two.drift.append(Drift("mdx1", "packet filter", "running ruleset:3", "has 'accept'"))
    of_two.not_tried.append(("sato", "no key of their own"))
    judge_run(of_two, plans_of(of_two.fabric)[1])
    assert of_two.failing > 2
    text = "\n".join(report_lines(of_two, "here"))
    rows = [d.text() for d in of_two.judgement.differences]
    assert any(row.startswith("root from compute1 to mdx1: expected refused (packet filter), seen admitted") for row in rows)
    assert "Differences (" in text
    assert "mdx1: packet filter: running ruleset:3: has 'accept'" in text
    assert verdict_line(of_two).startswith("The fabric is not as declared: ")
    assert written(of_two)["holds"] is False


def test_long_lists_are_cut_on_the_terminal_only(of_two: Run) -> None:
    of_two.drift = [Drift("mdx1", "sshd", f"line {n:03}", "differs") for n in range(100)]
    assert "  and 60 more in the evidence" in list(report_lines(of_two, "here"))
    drift = written(of_two)["drift"]
    assert isinstance(drift, list)
    assert len(drift) == 100


def test_texts_of_other_files_stay_out(of_two: Run) -> None:
    hosts = written(of_two)["hosts"]
    assert isinstance(hosts, dict)
    assert hosts["mdx1"]["files"]["/etc/ssh/sshd_config"] == "UsePAM yes\n"
    assert hosts["mdx1"]["files"]["/etc/passwd"].startswith("sha256:")
    assert "shadow" not in hosts["mdx1"]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = write_evidence(tmp_path / "evidence" / "now", {"schema": 1})
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert json.loads(path.read_text()) == {"schema": 1}
    assert [p.name for p in path.parent.iterdir()] == ["validate.json"]


def test_two_runs_of_one_second_keep_both(tmp_path: Path) -> None:
    paths = [write_evidence(tmp_path / "now", {"run": run}, name) for run, name in enumerate(("a.json", "a.json", "b.json"))]
    assert [str(path.relative_to(tmp_path)) for path in paths] == ["now/a.json", "now-2/a.json", "now/b.json"]
    assert [json.loads(path.read_text())["run"] for path in paths] == [0, 1, 2]


def test_a_run_whose_evidence_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_evidence(tmp_path / "now", {"is no JSON": object()})
    assert list((tmp_path / "now").iterdir()) == []


def test_setup_covers_every_host(fabric: Fabric) -> None:
    setup = validation_setup(TWIN)
    assert set(setup) == set(fabric.hosts)
    assert setup["login1"]["onward_accounts"] == ["sato", "suzuki", "tanaka", "kato"]
    assert setup["society1"]["connections"] == []
    assert {"user": "sato", "address": "192.0.2.70"} in setup["mdx1"]["connections"]


def shown_from(found: dict[str, Any], origin: str) -> dict[str, list[str]]:
    return {user["name"]: user["identities"] for user in found["origins"][origin]["users"]}


@pytest.mark.parametrize("rehearsed", [False, True])
def test_origins_of_others_get_only_what_they_need(tmp_path: Path, rehearsed: bool) -> None:
    names = ("aoki", "ueda", "sato", "tanaka", "hpc-user", "mdxuser")
    for name in names:
        (tmp_path / name).write_text(f"private of {name}")
    onward = [{"item": name, "content": "b253YXJk"} for name in ("sato", "tanaka")]
    keys = [{"name": name, "key": str(tmp_path / name)} for name in names]
    hostvars = {"login1": {"validate_onward": {"results": onward}}}
    found = probe_credentials(hostvars, TWIN, keys, rehearsed=rehearsed)
    given = {origin: {i["name"] for i in data["identities"]} for origin, data in found["origins"].items()}
    assert not any("own-aoki" in those for those in given.values()), "who isn't marked probe keeps their key"
    tried = {"own-sato", "own-tanaka"} | ({"own-ueda"} if rehearsed else set())
    assert given["inst-a1"] == given["society1"] == tried
    assert given["flow-n3"] == tried | {"own-hpc-user"}
    assert given["flow-n1"] == tried | {"own-hpc-user", "onward-sato-login1", "onward-tanaka-login1"}
    ours = {"own-ueda", "own-hpc-user", "own-mdxuser", "onward-sato-login1", "onward-tanaka-login1"}
    assert given["mdx1"] == tried | ours
    assert "own-ueda" in given["operator"], "operators come from there"
    assert shown_from(found, "mdx1")["mdxuser"] == ["own-mdxuser"]
    assert shown_from(found, "mdx1")["root"] == ["own-ueda"]
    lent = ["own-ueda"] if rehearsed else ["own-sato", "own-tanaka"]
    assert shown_from(found, "inst-a1")["mdxuser"] == shown_from(found, "inst-a1")["ueda"] == lent
    assert "inst-a1" in found["lent"]["mdxuser"]
    assert "mdx1" not in found["lent"]["mdxuser"]


def test_without_any_key_every_user_is_a_row() -> None:
    found = probe_credentials({}, TWIN, [])
    assert {row.split(":")[0] for row in found["missing"]} == {
        *("sato", "suzuki", "tanaka", "kato", "ueda", "hpc-user", "root", "mdxuser"),
    }
    assert found["lent"] == {}


def test_nobody_to_try_is_a_row() -> None:
    assert [name for name, _reason in nobody_to_try([Persona("root", "root")])] == ["accounts", "operators"]
    assert nobody_to_try([Persona("account", "sato"), Persona("operator", "ueda")]) == []


def test_a_limited_run_names_what_it_left_out_and_does_not_hold(fabric: Fabric) -> None:
    every = [*fabric.hosts, *fabric.switches]
    arguments = {"sources": TWIN, "begun": "now", "full": False, "missing_keys": [], "lent": {}}
    run, expectations = gathered_run({**arguments, "untried": [], "limited_to": ["mdx1"]}, {}, "later")
    left_out = {name for name, reason in run.not_tried if reason == "left out by --limit"}
    assert left_out == set(every) - {"mdx1"}
    assert ("mdx1", "as an origin not tried: no answer") in run.not_tried
    assert evidence(run, expectations)["holds"] is False
    assert "things could not be tried" in verdict_line(run)
    excused, _ = gathered_run({**arguments, "untried": every, "limited_to": ["mdx1"]}, {}, "later")
    assert excused.not_tried == []


def test_lent_keys_are_told(of_two: Run) -> None:
    of_two.lent = {"root": [p.origin for p in of_two.plans], "mdxuser": ["inst-a1"]}
    text = "\n".join(report_lines(of_two, "here"))
    assert "lent key: root has none of its own that may go there; it showed another's at every origin" in text
    assert f"it showed another's at 1 of {len(of_two.plans)} origins" in text
    assert written(of_two)["lent_keys"] == of_two.lent


def test_missing_keys_are_named(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("private")
    onward = {"results": [{"item": "sato", "content": "b253YXJk"}, {"item": "kato", "failed": True}]}
    hostvars = {
        "login1": {
            "validate_onward": onward,
            "validate_certificates": {"results": [{"item": "sato", "content": "Y2VydGlmaWNhdGU="}]},
        },
        "mdx1": {"validate_effective": {"effective": {"host_keys": ["ssh-ed25519 AAAA root@mdx1", ""]}}},
        "data1": {"validate_effective": "skipped"},
    }
    found = probe_credentials(
        hostvars, TWIN, [{"name": "sato", "key": str(key)}, {"name": "ueda", "key": str(key)}, {"name": "kato", "key": "/none"}]
    )
    users = shown_from(found, "login1")
    assert users["sato"] == ["own-sato", "onward-sato-login1"]
    assert users["root"] == users["mdxuser"] == ["own-ueda"]
    assert found["lent"]["root"] == list(found["origins"])
    assert found["lent"]["ueda"] == [name for name in found["origins"] if "own-ueda" not in shown_from(found, name)["ueda"]]
    assert found["known_hosts"] == ["mdx1 ssh-ed25519 AAAA"]
    shown = {"name": "onward-sato-login1", "private": "onward", "certificate": "certificate"}
    assert shown in found["origins"]["login1"]["identities"]
    assert "kato: no onward key on any login server; run playbooks/site.yml first" in found["missing"]
    unread = "the file that validate_personas names for them can't be read (/none: No such file or directory)"
    assert f"kato: {unread}" in found["missing"]
    assert not any(line.startswith(("sato", "ueda")) for line in found["missing"])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([{"name": "sato", "key": "/keys/sato"}], []),
        ([{"name": "sato"}, {"key": 3}, "x"], ["[0] lacks key", "[1] lacks name and key", "[2] lacks name and key"]),
        ("sato", ["validate_personas is no list"]),
    ],
)
def test_personas_written_wrongly_are_told(keys: Any, said: list[str]) -> None:
    found = persona_faults(keys)
    assert len(found) == len(said)
    assert all(words in fault for words, fault in zip(said, found, strict=True))
    assert all("[{name: USER, key: PATH OF A PRIVATE KEY}, ...]" in fault for fault in found)


def test_what_depends_on_the_host_is_not_compared() -> None:
    line = 'from="192.0.2.70" ssh-ed25519 AAAA sato\n'
    assert comparable("/etc/ssh/authorized_keys.d/sato", line) == 'from="192.0.2.70" ssh-ed25519 AAAA\n'
    assert comparable("/etc/ssh/authorized_keys.d/sato", line, known=False) == 'from="192.0.2.70" key\n'
    second = "HostKey /etc/ssh/kakehashi-second-host-key/ssh_host_ed25519_key"
    assert comparable("/etc/ssh/sshd_config", f"HostKey /a\n{second}\nUseDNS no\n") == "HostKey /a\n\nUseDNS no\n"
    assert comparable("/etc/ssh/sshd_config", f"{second}2\n") == f"{second}2\n"
    assert comparable("/etc/ssh/sshd_config", "# why\nUseDNS no\nPerSourcePenaltyExemptList 192.0.2.70\n") == "\nUseDNS no\n\n"
