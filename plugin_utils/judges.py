"""What playbooks/judges.yml needs on the controller: the program to bring, the judgement, and its words."""

from __future__ import annotations

import json
import tempfile
import zipapp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

from module_utils.adoption.tables import table
from module_utils.judges import exceptions, lynis, openscap, ssh_audit
from module_utils.judges.exceptions import Finding, JudgesError, Place
from plugin_utils.show import views

ROLES = ("login_server", "data_server", "gateway", "log_server", "certificate_authority")
"""What exceptions may call a host by. Further: ``host``, ``container`` or ``machine``, ``debian12`` and the like, and groups."""
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)


def ssh_audit_program(directory: str) -> str:
    """Pack ssh-audit into one file that any Python runs, in ``directory``; return its path."""
    spec = find_spec("ssh_audit")
    if spec is None or not spec.submodule_search_locations:
        msg = "ssh-audit is not installed where Ansible runs; run make deps"
        raise JudgesError(msg)
    target = Path(directory) / "ssh-audit.pyz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kakehashi-") as scratch:
        copytree(spec.submodule_search_locations[0], Path(scratch, "ssh_audit"), ignore=ignore_patterns("__pycache__"))
        zipapp.create_archive(scratch, target, main="ssh_audit.ssh_audit:main")
    return str(target)


def judged_hosts(sources: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the declared ``sshds`` (service, port) and the ``roles`` of every managed host."""
    found = {}
    for host, view in views(sources).items():
        if view.get("login_restriction"):
            further = {"data": view.get("data_server"), "sign": view.get("certificate_authority")}
            ports = {"ssh": 22, **{service: role["port"] for service, role in further.items() if role}}
            sshds = [{"service": service, "port": port} for service, port in ports.items()]
            found[host] = {"sshds": sshds, "roles": [*(role for role in ROLES if view.get(role)), *view["groups"]]}
    return found


@dataclass
class _Run:
    """What the judges of one run have said so far."""

    found: list[Finding] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    not_judged: list[dict[str, str]] = field(default_factory=list)
    not_covered: list[dict[str, str]] = field(default_factory=list)

    def take(self, place: Place, findings: Sequence[Finding], judged: str, seconds: float | None = None) -> None:
        """Add a judgement of a place: what was found, and how much was looked at."""
        self.found += findings
        self.places.append(place)
        row = {"host": place.host, "judge": place.judge, "service": place.service, "judged": judged, "seconds": seconds}
        self.rows.append({**row, "findings": len(findings)})

    def miss(self, judge: str, host: str, service: str, reason: str) -> None:
        """Add that something could not be judged."""
        self.not_judged.append({"judge": judge, "host": host, "service": service, "reason": reason})


def judges_report(
    hosts: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Judge what the judges said on ``hosts`` (variables by host) of ``wanted``; ``rows`` are the exceptions."""
    try:
        known = exceptions.read(rows)
    except ValueError as error:
        raise JudgesError(str(error)) from error
    run = _Run()
    for host, what in sorted(wanted.items()):
        _sshds(run, host, what["sshds"], hosts[host].get("judges_audits", {}))
        _host(run, host, what["roles"], hosts[host].get("judges_scan", {}))
    judged = exceptions.judge(run.found, known, run.places)
    unexplained = [(finding.judge, finding.host, finding.service) for finding in judged.unexplained]
    for row in run.rows:
        row["unexplained"] = unexplained.count((row["judge"], row["host"], row["service"]))
    return {
        "schema": 2,
        "kind": "judges",
        "sshds_judged": sum(place.judge == "ssh-audit" for place in run.places),
        "judged": run.rows,
        **exceptions.as_data(judged),
        "not_judged": run.not_judged,
        "not_covered": run.not_covered,
        "holds": bool(run.places) and not (judged.unexplained or judged.stale or run.not_judged),
    }


def _sshds(run: _Run, host: str, sshds: Sequence[Mapping[str, Any]], audits: Mapping[str, Any]) -> None:
    answers = {a["item"]["service"]: a for a in audits.get("results", []) if "item" in a}
    for sshd in sshds:
        service = sshd["service"]
        answer = answers.get(service, {})
        try:
            found = ssh_audit.findings(host, service, answer.get("stdout", ""))
        except ValueError as error:
            run.miss("ssh-audit", host, service, _why(answer) or str(error))
        else:
            run.take(Place("ssh-audit", host, service), found, "all algorithms")


def _host(run: _Run, host: str, roles: Sequence[str], answer: Mapping[str, Any]) -> None:
    """Take what the two judges of whole hosts said. A host's own words are not trusted to have the right shape."""
    reason = _why(answer)
    try:
        said = json.loads(answer.get("stdout", "")) if not reason else {}
    except ValueError:
        reason, said = "the host gave no answer that can be read", {}
    judges: dict[str, Callable[[], None]] = {
        "openscap": lambda: _openscap(run, host, _roles(roles, said), said["openscap"]),
        "lynis": lambda: _lynis(run, host, _roles(roles, said), said["lynis"]),
    }
    for judge, take in judges.items():
        if reason:
            run.miss(judge, host, "host", reason)
            continue
        try:
            fault = said[judge].get("fault")
            if fault:
                run.miss(judge, host, "host", str(fault))
            else:
                take()
        except JudgesError as error:
            run.miss(judge, host, "host", str(error))
        except _UNREADABLE:
            run.miss(judge, host, "host", "the host gave no answer that can be read")


def _openscap(run: _Run, host: str, roles: frozenset[str], said: Mapping[str, Any]) -> None:
    if said.get("not_covered"):
        run.not_covered.append({"judge": "openscap", "host": host, "reason": str(said["not_covered"])})
        return
    rows = [{name: str(row[name]) for name in ("rule", "result", "title")} for row in said["rules"]]
    number, found = openscap.evaluated(rows), openscap.findings(host, rows)
    place = Place("openscap", host, "host", roles, openscap.undecided(rows))
    run.take(place, found, f"{number} rules", float(said["seconds"]))


def _lynis(run: _Run, host: str, roles: frozenset[str], said: Mapping[str, Any]) -> None:
    notes = [{name: str(row[name]) for name in ("level", "test", "text")} for row in said["notes"]]
    place = Place("lynis", host, "host", roles, frozenset(str(test) for test in said["skipped"]))
    run.take(place, lynis.findings(host, notes), f"{int(said['tests'])} tests", float(said["seconds"]))


def _roles(roles: Sequence[str], said: Mapping[str, Any]) -> frozenset[str]:
    kind = "container" if said["container"] else "machine"
    return frozenset({*roles, kind, str(said["release"]).replace(" ", "")})


def _why(answer: Mapping[str, Any]) -> str:
    """Return why a host gave no answer, in one line, as far as it or Ansible said."""
    if answer.get("unreachable"):
        return f"the host was not reached: {' '.join(str(answer.get('msg', '')).split())}"
    if not answer or answer.get("skipped"):
        return "the host was not asked"
    if answer.get("rc") == 0:
        return ""
    lines = [*str(answer.get("stderr", "")).splitlines(), *str(answer.get("msg", "")).splitlines()]
    return next(
        (line.strip() for line in lines if line.strip() and "closed" not in line), f"it ended with status {answer.get('rc')}"
    )


def judges_summary(report: Mapping[str, Any]) -> list[str]:
    """Return the report in lines for a terminal."""
    columns = ("host", "judge", "service", "judged", "findings", "unexplained", "seconds")
    lines = table(columns, [["" if row[name] is None else str(row[name]) for name in columns] for row in report["judged"]])
    lines += [f"{row['judge']} does not cover {row['host']}: {row['reason']}" for row in report["not_covered"]]
    lines += ["", f"{len(report['explained'])} findings are explained."]
    lines += table(("exception", "findings"), _counts(report["explained"]))
    if report["unexplained"]:
        lines += ["", "Without an exception:", *_by_finding(report["unexplained"])]
    lines += [f"No longer occurs, take it out of playbooks/vars/judges.yml: {text}" for text in report["stale"]]
    lines += [
        f"Not judged by {row['judge']}: {row['host']}, service {row['service']}: {row['reason']}" for row in report["not_judged"]
    ]
    return lines


def judges_evidence(report: Mapping[str, Any]) -> str:
    """Return the report as JSON text."""
    return json.dumps(report, indent=2, sort_keys=True) + "\n"


def _by_finding(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each finding once, as an exception would name it, with where it was found."""
    places: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        named = exceptions.key(Finding(**row))
        at = row["host"] if row["service"] == "host" else f"{row['host']} ({row['service']})"
        places.setdefault((row["judge"], named), []).append(at)
    return [line for (judge, named), at in places.items() for line in (f"  {named}", f"    {judge} on {', '.join(at)}")]


def _counts(explained: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    names = [str(row["exception"]) for row in explained]
    return [(name, str(names.count(name))) for name in sorted(set(names))]
