"""ssh-audit's words, recorded on a data sshd, and the exceptions from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.judges.exceptions import judge, markdown, read
from module_utils.judges.ssh_audit import findings
from plugin_utils.judges import judges_report, judges_summary, ssh_audit_program

ROOT = Path(__file__).resolve().parents[3]
RECORDED = Path(__file__).with_name("ssh_audit.json").read_text()
ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "playbooks/vars/judges.yml").read_text())["judges_exceptions"]
SSHDS = {"data1": [{"service": "data", "port": 2022}]}


def weakened() -> str:
    audit = json.loads(RECORDED)
    audit["enc"].append({"algorithm": "3des-cbc", "notes": {"fail": ["using broken & deprecated 3DES cipher"]}})
    return json.dumps(audit)


def report(text: str, rows: list[dict[str, Any]] = ROWS) -> dict[str, Any]:
    answer = {"judges_audits": {"results": [{"item": {"service": "data"}, "stdout": text}]}}
    return judges_report({"data1": answer}, SSHDS, rows)


def test_what_is_recorded_is_explained() -> None:
    assert report(RECORDED)["holds"]
    assert len(report(RECORDED)["explained"]) == 2


def test_a_weak_cipher_is_named() -> None:
    found = report(weakened())
    assert not found["holds"]
    assert [row["what"] for row in found["unexplained"]] == ["enc 3des-cbc"]
    assert "3des-cbc" in "\n".join(judges_summary(found))


def test_an_exception_that_no_longer_occurs_is_named() -> None:
    audit = json.loads(RECORDED)
    audit["kex"] = [row for row in audit["kex"] if "@libssh.org" not in row["algorithm"]]
    found = report(json.dumps(audit))
    assert not found["holds"]
    assert "curve25519-sha256@libssh.org" in "\n".join(judges_summary(found))


def test_an_exception_holds_on_its_own_services_only() -> None:
    elsewhere = read([{**ROWS[0], "services": ["ssh"]}])
    assert len(judge(findings("data1", "data", RECORDED), elsewhere, ["data"]).unexplained) == 2


@pytest.mark.parametrize("text", ["", "connection refused", '{"kex": []}'])
def test_no_whole_audit_is_not_judged(text: str) -> None:
    found = report(text, [])
    assert not found["holds"]
    assert found["not_judged"][0]["host"] == "data1"


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
