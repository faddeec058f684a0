"""The judges' words, recorded on hosts of a twin, and the exceptions from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.judges import lynis, openscap
from module_utils.judges.exceptions import JudgesError, Place, judge, markdown, read
from module_utils.judges.ssh_audit import findings
from plugin_utils.judges import judges_report, judges_summary, ssh_audit_program

ROOT = Path(__file__).resolve().parents[3]
RECORDED = Path(__file__).with_name("ssh_audit.json").read_text()
RESULTS = Path(__file__).with_name("openscap.xml").read_text()
REPORT = Path(__file__).with_name("lynis-report.dat").read_text()
ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "playbooks/vars/judges.yml").read_text())["judges_exceptions"]
SSHDS = {"data1": {"sshds": [{"service": "data", "port": 2022}], "roles": []}}
HOST: dict[str, dict[str, Any]] = {"mdx1": {"sshds": [], "roles": []}}


def weakened() -> str:
    audit = json.loads(RECORDED)
    audit["enc"].append({"algorithm": "3des-cbc", "notes": {"fail": ["using broken & deprecated 3DES cipher"]}})
    return json.dumps(audit)


def of_sshd(text: str, rows: list[dict[str, Any]] = ROWS) -> dict[str, Any]:
    """The report on one sshd; what the judges of whole hosts did not say is another matter."""
    answer = {"judges_audits": {"results": [{"item": {"service": "data"}, "stdout": text}]}, "judges_scan": said()}
    return judges_report({"data1": answer}, SSHDS, rows)


def said(**other: Any) -> dict[str, Any]:
    """What a host prints, as registered."""
    known = {
        "release": "debian 12",
        "container": True,
        "openscap": {"rules": openscap.rules(RESULTS), "seconds": 2.4},
        "lynis": {**lynis.report(REPORT), "seconds": 30.1},
    }
    return {"rc": 0, "stdout": json.dumps({**known, **other})}


def of_host(answer: dict[str, Any], rows: list[dict[str, Any]] = ROWS) -> dict[str, Any]:
    """The report on one host without any sshd."""
    return judges_report({"mdx1": {"judges_scan": answer}}, HOST, rows)


def test_what_is_recorded_is_explained() -> None:
    assert of_sshd(RECORDED)["holds"]
    assert of_host(said())["holds"]


def test_the_table_says_how_much_was_judged() -> None:
    lines = judges_summary(of_sshd(RECORDED))
    assert (
        len({line.index("judged") for line in lines[:1]} | {line.index("92 rules") for line in lines if "92 rules" in line}) == 1
    )
    assert any("239 tests" in line for line in lines)


def test_a_weak_cipher_is_named() -> None:
    found = of_sshd(weakened())
    assert not found["holds"]
    assert [row["what"] for row in found["unexplained"]] == ["enc 3des-cbc"]
    assert "3des-cbc" in "\n".join(judges_summary(found))


def test_a_rule_that_fails_is_named() -> None:
    rules = openscap.rules(RESULTS)
    passing = next(row for row in rules if row["result"] == "pass")
    broken = [{**row, "result": "fail"} if row is passing else row for row in rules]
    found = of_host(said(openscap={"rules": broken, "seconds": 1}))
    assert not found["holds"]
    assert [row["what"] for row in found["unexplained"]] == [passing["rule"]]
    assert passing["rule"] in "\n".join(judges_summary(found))


@pytest.mark.parametrize("result", ["error", "unknown"])
def test_a_rule_without_an_answer_is_a_finding(result: str) -> None:
    rows = [{**row, "result": result} if row["rule"] == "partition_for_boot" else row for row in openscap.rules(RESULTS)]
    assert [row["level"] for row in of_host(said(openscap={"rules": rows, "seconds": 1}))["unexplained"]] == [result]


def test_a_note_of_lynis_is_named() -> None:
    noted = REPORT + "warning[]=AUTH-9204|Multiple users with UID 0 found in passwd file|-|-|\n"
    found = of_host(said(lynis={**lynis.report(noted), "seconds": 1}))
    assert [(row["judge"], row["what"]) for row in found["unexplained"]] == [("lynis", "AUTH-9204")]


def test_an_exception_that_no_longer_occurs_is_named() -> None:
    audit = json.loads(RECORDED)
    audit["kex"] = [row for row in audit["kex"] if "@libssh.org" not in row["algorithm"]]
    found = of_sshd(json.dumps(audit))
    assert not found["holds"]
    assert "curve25519-sha256@libssh.org" in "\n".join(judges_summary(found))


def test_a_rule_that_passes_again_makes_its_exception_stale() -> None:
    rows = [{**row, "result": "pass"} if row["rule"] == "partition_for_boot" else row for row in openscap.rules(RESULTS)]
    found = of_host(said(openscap={"rules": rows, "seconds": 1}))
    assert not found["holds"]
    assert [text.partition(" (")[0] for text in found["stale"]] == ["file systems of nodes of the twin"]


def test_a_rule_that_does_not_apply_decides_nothing() -> None:
    rows = [{**row, "result": "notapplicable"} if row["rule"] == "partition_for_boot" else row for row in openscap.rules(RESULTS)]
    assert of_host(said(openscap={"rules": rows, "seconds": 1}))["holds"]


def test_an_exception_for_containers_is_none_for_machines() -> None:
    assert "partition_for_boot" in {row["what"] for row in of_host(said(container=False))["unexplained"]}


def test_an_exception_holds_on_its_own_services_only() -> None:
    elsewhere = read([{**ROWS[0], "services": ["ssh"]}])
    place = Place("ssh-audit", "data1", "data")
    assert len(judge(findings("data1", "data", RECORDED), elsewhere, [place]).unexplained) == 2


@pytest.mark.parametrize("text", ["", "connection refused", '{"kex": []}'])
def test_no_whole_audit_is_not_judged(text: str) -> None:
    found = of_sshd(text, ROWS)
    assert not found["holds"]
    assert found["not_judged"][0]["host"] == "data1"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"unreachable": True, "msg": "Failed to connect:\n no route"}, "the host was not reached: Failed to connect: no route"),
        ({}, "the host was not asked"),
        (
            {"rc": 1, "stderr": "this host has no systemd-run\nShared connection to mdx1 closed.\n"},
            "this host has no systemd-run",
        ),
        ({"rc": 1, "stderr": ""}, "it ended with status 1"),
        ({"rc": 0, "stdout": "<html>"}, "the host gave no answer that can be read"),
        ({"rc": 0, "stdout": '{"openscap": 1, "lynis": []}'}, "the host gave no answer that can be read"),
        (said(openscap={"fault": "a"}, lynis={"fault": "a"}), "a"),
    ],
)
def test_no_answer_is_told_in_one_sentence(answer: dict[str, Any], reason: str) -> None:
    found = of_host(answer)
    assert not found["holds"]
    assert [(row["judge"], row["reason"]) for row in found["not_judged"]] == [("openscap", reason), ("lynis", reason)]


def test_fewer_than_50_rules_are_no_judgement() -> None:
    few = [row for row in openscap.rules(RESULTS) if row["result"] == "fail"] + [
        {"rule": "a", "result": "notapplicable", "title": "A"}
    ]
    found = of_host(said(openscap={"rules": few, "seconds": 1}))
    assert not found["holds"]
    assert "evaluated 32 rules, fewer than 50" in found["not_judged"][0]["reason"]
    with pytest.raises(JudgesError, match="fewer than 50"):
        openscap.evaluated([])


def test_a_release_without_content_is_told_and_is_no_fault() -> None:
    found = of_host(said(openscap={"not_covered": "no content for debian 13", "seconds": 0}))
    assert found["holds"]
    assert "openscap does not cover mdx1: no content for debian 13" in judges_summary(found)


@pytest.mark.parametrize("text", ["", "<a>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_results_that_are_not_whole_or_declare_entities_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="results"):
        openscap.rules(text)


@pytest.mark.parametrize("text", ["", REPORT.replace("finish=true", ""), "finish=true\ntests_executed=A-1|A-2|\n"])
def test_an_audit_that_did_not_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Lynis"):
        lynis.report(text)


@pytest.mark.parametrize("row", [{"name": "a"}, {**ROWS[0], "reason": ""}, {**ROWS[0], "more": 1}])
def test_an_exception_must_say_everything(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="each has exactly"):
        read([row])


def test_names_of_exceptions_are_unique() -> None:
    with pytest.raises(ValueError, match="twice"):
        read([ROWS[0], ROWS[0]])


def test_the_documentation_shows_the_exceptions() -> None:
    assert "\n".join(markdown(read(ROWS))) in (ROOT / "docs/judges.md").read_text()


def test_the_program_is_one_file(tmp_path: Path) -> None:
    assert Path(ssh_audit_program(str(tmp_path))).read_bytes().startswith(b"PK")
