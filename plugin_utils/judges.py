"""What playbooks/judges.yml needs on the controller: the program to bring, the judgement, and its words."""

from __future__ import annotations

import json
import tempfile
import zipapp
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

from module_utils.adoption.tables import table
from module_utils.fabric.problems import FabricError
from module_utils.judges import exceptions, ssh_audit
from plugin_utils.show import views


def ssh_audit_program(directory: str) -> str:
    """Pack ssh-audit into one file that any Python runs, in ``directory``; return its path."""
    spec = find_spec("ssh_audit")
    if spec is None or not spec.submodule_search_locations:
        msg = "ssh-audit is not installed where Ansible runs; run make deps"
        raise FabricError(msg)
    target = Path(directory) / "ssh-audit.pyz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kakehashi-") as scratch:
        copytree(spec.submodule_search_locations[0], Path(scratch, "ssh_audit"), ignore=ignore_patterns("__pycache__"))
        zipapp.create_archive(scratch, target, main="ssh_audit.ssh_audit:main")
    return str(target)


def judged_sshds(sources: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the declared sshds (``service``, ``port``) of every managed host."""
    found = {}
    for host, view in views(sources).items():
        if view.get("login_restriction"):
            further = {"data": view.get("data_server"), "sign": view.get("certificate_authority")}
            ports = {"ssh": 22, **{service: role["port"] for service, role in further.items() if role}}
            found[host] = [{"service": service, "port": port} for service, port in ports.items()]
    return found


def judges_report(
    hosts: Mapping[str, Mapping[str, Any]], sshds: Mapping[str, Sequence[Mapping[str, Any]]], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Judge what ssh-audit said on ``hosts`` (variables by host) of ``sshds``; ``rows`` are the exceptions."""
    try:
        known = exceptions.read(rows)
    except ValueError as error:
        raise FabricError(str(error)) from error
    found: list[exceptions.Finding] = []
    not_judged, services = [], []
    for host, wanted in sorted(sshds.items()):
        answers = {a["item"]["service"]: a for a in hosts[host].get("judges_audits", {}).get("results", []) if "item" in a}
        for sshd in wanted:
            service = sshd["service"]
            try:
                found += ssh_audit.findings(host, service, answers.get(service, {}).get("stdout", ""))
                services.append(service)
            except ValueError as error:
                not_judged.append({"host": host, "service": service, "reason": str(error)})
    judged = exceptions.judge(found, known, services)
    return {
        "schema": 1,
        "kind": "judges",
        "sshds_judged": len(services),
        **exceptions.as_data(judged),
        "not_judged": not_judged,
        "holds": bool(services) and not (judged.unexplained or judged.stale or not_judged),
    }


def judges_summary(report: Mapping[str, Any]) -> list[str]:
    """Return the report in lines for a terminal."""
    lines = [f"ssh-audit judged {report['sshds_judged']} sshds: {len(report['explained'])} findings explained."]
    lines += table(("exception", "findings"), _counts(report["explained"]))
    if report["unexplained"]:
        lines += ["Without an exception:"]
        columns = ("host", "service", "level", "what", "text")
        lines += table(columns, [[row[name] for name in columns] for row in report["unexplained"]])
    lines += [f"No longer occurs, take it out of playbooks/vars/judges.yml: {text}" for text in report["stale"]]
    lines += [f"Not judged: {row['host']}, service {row['service']}: {row['reason']}" for row in report["not_judged"]]
    return lines


def judges_evidence(report: Mapping[str, Any]) -> str:
    """Return the report as JSON text."""
    return json.dumps(report, indent=2, sort_keys=True) + "\n"


def _counts(explained: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    names = [str(row["exception"]) for row in explained]
    return [(name, str(names.count(name))) for name in sorted(set(names))]
