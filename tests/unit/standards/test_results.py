"""What runs have left, as their own code writes it, and what follows for controls and statements."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.audit.logins import Login
from module_utils.audit.uses import JudgedUse
from module_utils.fabric.model import Fabric
from module_utils.matrix.drift import Drift
from module_utils.matrix.judge import Difference, Judgement
from module_utils.proof.findings import Finding, Proof
from module_utils.standards.evidence import Record, Seen, seen
from module_utils.standards.markdown import page
from module_utils.standards.model import Known, StandardsMap, Trial
from module_utils.standards.parse import parse_map
from module_utils.standards.results import NOT_RUN, Result, join, newest_result, together
from module_utils.standards.text import aligned, as_data, lines, summary
from plugin_utils import audit
from plugin_utils.evidence import Run, evidence, plans_of
from plugin_utils.inventory import load_fabric
from plugin_utils.judges import judges_report
from plugin_utils.proof_run import as_json
from plugin_utils.standards import JSON, PAGE, output_directory, read_records, run_line
from plugin_utils.standards_run import main

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TWIN = ROOT / "inventories/twin"
EARLY, LATE = "2026-11-28T000000Z", "2026-11-29T071331Z"


def mapped() -> StandardsMap:
    known = Known(frozenset(["door"]), {"validate": frozenset(["logins"])}, {"walls.yml": ("climb", "dig")})
    return parse_map(yaml.safe_load((HERE / "base.yml").read_text(encoding="utf-8")), known)


def ended(run: str, data: dict[str, Any], *of: str) -> Seen | None:
    return seen(Record(run, LATE, "file", json.loads(json.dumps(data))), of)


def attack(begun: str, **verdicts: str) -> Record:
    return Record("attack", begun, f"{begun}/attack.json", {"attempts": [{"name": n, "verdict": v} for n, v in verdicts.items()]})


def validate(begun: str, **parts: Any) -> Record:
    return Record("validate", begun, f"{begun}/validate.json", parts)


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return load_fabric(TWIN)


def test_a_proof_by_kinds_of_findings() -> None:
    assert ended("proof", as_json(Proof())) == ("ok", "")
    found = as_json(Proof([Finding("layer2", "sw", "a VLAN too many"), Finding("layer2", "sw", "another")]))
    assert ended("proof", found, "layer2") == ("failed", "2 findings")
    assert ended("proof", found, "extra_login") == ("ok", "")
    unsure = as_json(Proof([Finding("cannot_prove", "mdx1", "a template")]))
    assert ended("proof", unsure, "extra_login") == ("in part", "1 artefact could not be judged")


def test_a_proof_names_its_fabric_and_time() -> None:
    data = as_json(Proof(fabric="twin"))
    assert data["fabric"] == "twin"
    assert data["begun"].endswith("Z")


def test_a_validation_by_logins_and_layers(fabric: Fabric) -> None:
    login = Difference("inst-a1", "mdx1", "sato", "refused", "admitted", "", ("ssh",))
    run = Run(fabric, LATE, LATE, False, [], {}, {}, {}, {}, [], [], [])

    def after(**changes: Any) -> dict[str, Any]:
        for name, value in {"drift": [], "not_tried": [], "excused": [], "judgement": Judgement(), **changes}.items():
            setattr(run, name, value)
        return evidence(run, expectations)

    expectations = plans_of(fabric)[1]
    assert ended("validate", after()) == ("ok", "")
    differs = after(judgement=Judgement(differences=[login]))
    assert ended("validate", differs) == ended("validate", differs, "logins") == ("failed", "1 login differs")
    assert ended("validate", differs, "sshd") == ("ok", "")
    drift = after(drift=[Drift("mdx1", "sshd", "line 3", "differs")])
    assert ended("validate", drift, "sshd", "logins") == ("failed", "1 drift")
    assert ended("validate", drift, "PAM") == ("ok", "")
    assert ended("validate", after(not_tried=[("mdx1", "off")]), "PAM") == ("in part", "1 host or person not tried")
    assert ended("validate", after(excused=[("mdx1", "off")])) == ("in part", "1 host or person not tried")
    observed = after(judgement=Judgement(differences=[Difference("a", "b", "c", "d", "e", "f", ("ssh",), observed=True)]))
    assert ended("validate", observed, "logins") == ("in part", "1 login on hosts that only observe")


def test_judges() -> None:
    assert ended("judges", judges_report({}, {}, [])) is None
    text = (ROOT / "tests/unit/judges/ssh_audit.json").read_text()
    answer = {"data1": {"judges_audits": {"results": [{"item": {"service": "data"}, "stdout": text}]}}}
    wanted = {"data1": {"sshds": [{"service": "data", "port": 2022}], "roles": ["data_server"]}}
    # Only its sshd answered: what judges the whole host is missing, twice.
    assert ended("judges", judges_report(answer, wanted, [])) == ("failed", "2 findings without an exception")
    known = yaml.safe_load((ROOT / "playbooks/vars/judges.yml").read_text())["judges_exceptions"]
    assert ended("judges", judges_report(answer, wanted, known)) == ("in part", "2 judgements missing")


def test_an_audit_by_chain_and_plan(fabric: Fabric) -> None:
    def written(**parts: Any) -> dict[str, Any]:
        return audit.evidence(audit.Audit(**parts), fabric, LATE, ())

    assert ended("audit", written(), "chain") == ("ok", "")
    assert ended("audit", written(), "plan") is None
    assert ended("audit", written(unplanned=[]), "plan") == ("ok", "")
    torn = written(unplanned=[], faults=["a record is missing"])
    assert ended("audit", torn, "chain") == ("failed", "1 fault of the chain")
    assert ended("audit", torn, "plan") == ("in part", "1 fault of the chain")
    assert ended("audit", written(unread=["log1: off"])) == ("in part", "1 log server, host or entry not heard")
    data = {**written(), "unplanned": [{}]}
    assert ended("audit", data, "plan") == ended("audit", data) == ("failed", "1 unplanned login")
    mute = written(unplanned=[], silent=["mdx1: no alert", "log1: 2 alerts wait"])
    assert ended("audit", mute) == ("failed", "2 alerts that did not come")
    assert ended("audit", mute, "chain") == ended("audit", mute, "plan") == ("ok", "")
    login = Login("breakglass", "mdx1", "192.0.2.70", 5, 1)
    used = written(unplanned=[], sealed=[JudgedUse(login, "", False, True), JudgedUse(login, "a drill", True, True)])
    assert ended("audit", used) == ended("audit", used, "plan") == ("failed", "1 unannounced use of a sealed credential")
    assert ended("audit", used, "chain") == ("ok", "")
    assert ended("audit", written(sealed=[JudgedUse(login, "", False, True)])) == (
        "failed",
        "1 unannounced use of a sealed credential",
    )


def test_each_attempt_has_its_newest_result() -> None:
    trial = Trial("attack", ("climb", "dig"))
    whole = attack(EARLY, climb="refused", dig="refused")
    assert newest_result(trial, []) == NOT_RUN
    assert newest_result(trial, [whole]) == Result("ok", EARLY, f"{EARLY}/attack.json")
    assert newest_result(trial, [attack(LATE, climb="refused"), whole]).begun == EARLY
    again = newest_result(trial, [attack(LATE, climb="difference"), whole])
    assert again == Result("failed", LATE, f"{LATE}/attack.json", "climb differs")
    part = newest_result(trial, [attack(LATE, climb="refused", dig="not tried")])
    assert (part.state, part.words) == ("in part", "1 of 2 attempts not tried")


def test_an_older_run_counts_where_the_newest_did_not_try_it() -> None:
    older = Record("audit", EARLY, "older", {"unplanned": []})
    newer = Record("audit", LATE, "newer", {"unplanned": None})
    assert newest_result(Trial("audit", ("plan",)), [newer, older]) == Result("ok", EARLY, "older")
    assert newest_result(Trial("audit", ("chain",)), [newer, older]).file == "newer"


def test_one_failure_decides_and_the_oldest_dates_the_rest() -> None:
    early, late = Result("ok", EARLY, "a"), Result("ok", LATE, "b")
    assert together([]) is None
    assert together([NOT_RUN, NOT_RUN]) == NOT_RUN
    assert together([late, early]) == Result("ok", EARLY, "a")
    assert together([late, NOT_RUN]) == Result("in part", LATE, "b")
    assert together([late, Result("failed", EARLY, "c", "why"), NOT_RUN]) == Result("failed", EARLY, "c", "why")
    many = together([Result("failed", LATE, "c", str(n)) for n in range(5)])
    assert many is not None
    assert many.words == "0, 1, 2, and 2 more"


def test_what_held_too_long_ago_is_old_and_what_failed_still_fails() -> None:
    held, failed = attack(EARLY, climb="refused"), attack(EARLY, climb="difference")
    assert join(mapped(), [held], EARLY).trials["locked"][0].state == "ok"
    old = join(mapped(), [held], LATE)
    assert old.trials["locked"][0] == Result("old", EARLY, f"{EARLY}/attack.json")
    assert "1 old" in summary(mapped(), old)
    assert join(mapped(), [failed], LATE).trials["locked"][0].state == "failed"


def test_a_control_without_runs_is_shown_by_tests_only() -> None:
    standards = mapped()
    bare = StandardsMap(
        {"locked": type(standards.controls["locked"])("locked", "x", (), (), ("t",))}, standards.responsible, standards.standards
    )
    results = join(bare, [])
    assert results.of_control("locked") is None
    assert summary(bare, results).endswith("Their newest results: 1 tests only.")
    assert any("tests only" in line for line in lines(bare, results))
    assert "- Runs: tests only" in page(bare, results)


def test_what_a_terminal_shows() -> None:
    standards = mapped()
    results = join(standards, [validate(EARLY), attack(LATE, climb="refused")])
    assert list(lines(standards, results)) == [
        "HOUSE, 1",
        "  statement  coverage  last result  of                by",
        "  1.1        partly    ok           2026-11-28 00:00  locked",
        "  not here: 1",
        "",
        "Controls",
        "  control  last result  of                evidence                          what counts",
        "  locked   ok           2026-11-29 07:13  2026-11-29T071331Z/attack.json    attack: 1 attempt",
        "  locked   ok           2026-11-28 00:00  2026-11-28T000000Z/validate.json  validate: logins",
        "",
        "1 of 2 statements of standards are enforced or partly so. Their newest results: 1 ok.",
    ]


def test_columns_are_as_wide_as_japanese_is_on_a_terminal() -> None:
    assert list(aligned(("a", "b"), [("運用編", "x"), ("17", "y")])) == ["  a       b", "  運用編  x", "  17      y"]


def test_what_a_page_shows() -> None:
    standards = mapped()
    text = "\n".join(page(standards, join(standards, [attack(LATE, climb="difference")])))
    assert "failed (climb differs), 2026-11-29 07:13, `2026-11-29T071331Z/attack.json`" in text
    assert "| 1.2 *(draft)* | 壁: walls are thick | [landlord](#who-answers) | walls are bought |" in text
    assert "doors are locked (Mandatory\\*)" in text
    assert "last result" not in "\n".join(page(standards))


def test_what_machines_read() -> None:
    standards = mapped()
    data = json.loads(json.dumps(as_data(standards, join(standards, [validate(EARLY)]), "twin", LATE)))
    assert data["counts"] == {"in part": 1, "not_here": 1, "partly": 1}
    assert data["controls"][0]["trials"][1] == {
        "run": "validate",
        "of": ["logins"],
        "state": "ok",
        "begun": EARLY,
        "file": f"{EARLY}/validate.json",
        "words": "",
    }
    assert [item.get("state") for item in data["standards"][0]["items"]] == ["in part", None]


def write(directory: Path, name: str, data: Any) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(data if isinstance(data, str) else json.dumps(data))


def test_evidence_of_the_fabric_is_read_newest_first_and_the_rest_left_alone(tmp_path: Path) -> None:
    for begun, fabric in ((EARLY, "twin"), (LATE, "other")):
        write(tmp_path / begun, "validate.json", {"fabric": fabric, "begun": begun})
    write(tmp_path / EARLY, "judges.json", {"fabric": "twin"})
    write(tmp_path / LATE, "attack.json", "{")
    write(tmp_path / LATE, "audit.json", [])
    write(tmp_path, "proof.json", {"fabric": "twin", "begun": LATE})
    records, unread = read_records(tmp_path, "twin")
    assert [(r.run, r.begun) for r in records] == [("proof", LATE), ("validate", EARLY), ("judges", EARLY)]
    assert unread == [f"{tmp_path}/{LATE}/attack.json: it is no JSON"]
    assert read_records(tmp_path / "none", "twin") == ([], [])


def test_the_command_writes_both_files_for_their_owner_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "evidence" / LATE, "attack.json", "{")
    arguments = [str(TWIN), "--evidence", str(tmp_path / "evidence"), "--output", str(tmp_path / "out")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "SATRE, 2.0.1\n" in out
    assert out.endswith(
        f"Not read: {tmp_path}/evidence/{LATE}/attack.json: it is no JSON\nTable: {tmp_path}/out/{PAGE}, and {JSON} beside it\n"
    )
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {JSON: 0o600, PAGE: 0o600}
    assert json.loads((tmp_path / "out" / JSON).read_text())["fabric"] == "twin"


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 2
    assert "fault" in capsys.readouterr().err
    (tmp_path / "out").write_text("a file, where a directory is wanted")
    assert main([str(TWIN), "--evidence", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "can't be written (" in capsys.readouterr().err


def test_a_run_is_told_in_one_line_whatever_happens(tmp_path: Path) -> None:
    write(tmp_path / LATE, "validate.json", {"fabric": "twin", "begun": LATE})
    line = run_line([str(TWIN)], "twin", tmp_path)
    assert line.endswith(f" Table: {tmp_path}/standards/twin/{PAGE}")
    assert "statements of standards are enforced or partly so. Their newest results: " in line
    write(tmp_path / LATE, "validate.json", {"fabric": "twin", "begun": LATE, "drift": [{}]})
    assert run_line([str(TWIN)], "twin", tmp_path).startswith("Standards: no table was written (")
    (tmp_path / "file").write_text("no directory")
    assert run_line([str(TWIN)], "twin", tmp_path / "file").startswith("Standards: no table was written (")


def test_own_evidence_has_its_table_in_build() -> None:
    assert output_directory(["inventories/twin", "overlay"], ROOT / "evidence") == ROOT / "build/standards/twin"
    assert output_directory([str(TWIN / "hosts.yml")], ROOT / "evidence") == ROOT / "build/standards/twin"


def test_links_of_the_written_page_lead_somewhere(tmp_path: Path) -> None:
    assert main([str(TWIN), "--evidence", str(tmp_path), "--output", str(tmp_path)]) == 0
    links = set(re.findall(r"\]\((?!#)([^)]+)\)", (tmp_path / PAGE).read_text()))
    assert links
    assert [link for link in links if not (tmp_path / link).exists()] == []


def test_a_validation_ends_with_a_line_on_it(tmp_path: Path) -> None:
    """As in playbooks/validate.yml, on hosts that nobody asked: the run fails for these, and not for the line."""
    arguments = {
        "begun": LATE,
        "directory": str(tmp_path),
        "limited_to": [],
        "missing_keys": [],
        "lent": {},
        "untried": [],
        "full": False,
    }
    task = {
        "validation_report": {"sources": "{{ ansible_inventory_sources }}", **arguments},
        "delegate_to": "localhost",
        "run_once": True,
    }
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-i", str(ROOT / "tests/unit/fabric/base"), str(tmp_path / "play.yml")]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert "The fabric is not as declared: " in done.stdout + done.stderr
    assert re.search(r"validate\.json\n\d+ of \d+ statements of standards are enforced", done.stdout), done.stdout + done.stderr
    assert f"Table: {tmp_path}/standards/base/{PAGE}" in done.stdout
    assert (tmp_path / "standards/base" / JSON).exists()
