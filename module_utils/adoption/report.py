"""Puts a survey together: what was read on each machine, judged under the declaration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..fabric.model import Fabric, Host
from ..fabric.views import View, host_view
from . import network, people
from .changes import Change, WantedFile, file_changes, user_changes
from .findings import Finding
from .judge import judge
from .sshd import sshd_findings
from .switch_ports import ovs_ports, port_findings

MAIN_SSHD_CONFIG = "/etc/ssh/sshd_config"
KEYS_DIRECTORY = "/etc/ssh/authorized_keys.d"
UNREACHED = "could not be reached"
NO_HISTORY: dict[str, Any] = {"rows": [], "reaches_back": {}, "unread": ["login history: was not read"]}

Machines = Mapping[str, Mapping[str, Any]]


def survey_report(fabric: Fabric, machines: Machines, wanted: Mapping[str, Iterable[WantedFile]], when: str) -> dict[str, Any]:
    """Return the whole survey as plain data.

    ``machines`` holds, by name of each machine that was asked, what was read: ``{survey, history}`` of a host, ``{ports}``
    (JSON text) of a switch, or ``{problem}``. ``wanted`` holds each host's files as the roles would write them. ``when`` is
    the time of the survey, for people.
    """
    # As they will be once all hosts enforce: that is what a survey is made for.
    views = {host.name: host_view(fabric, replace(host, enforce=True)) for host in fabric.managed_hosts}
    asked = [host for host in fabric.managed_hosts if host.name in machines]
    hosts = [_host(fabric, host, views[host.name], machines[host.name], wanted.get(host.name, ())) for host in asked]
    switches = [_switch(fabric, name, machines[name]) for name in fabric.switches if name in machines]
    return {"kind": "survey", "fabric": fabric.name, "time": when, "hosts": hosts, "switches": switches}


def _host(fabric: Fabric, host: Host, view: View, read: Mapping[str, Any], wanted: Iterable[WantedFile]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": host.name, "enforce": host.enforce, "problem": read.get("problem", "")}
    facts = read.get("survey")
    if facts is None:
        return {**row, "problem": row["problem"] or UNREACHED, "changes": [], "logins": [], "findings": [], "reaches_back": {}}
    history = read.get("history") or NO_HISTORY
    findings = [*host_findings(facts, view), *(Finding("unread", text, "look at it by hand") for text in history["unread"])]
    return {
        **row,
        "changes": [asdict(change) for change in _changes(view, facts, wanted)],
        "logins": [judged(fabric, host, login) for login in history["rows"]],
        "findings": [finding.as_dict() for finding in findings],
        "reaches_back": history["reaches_back"],
    }


def judged(fabric: Fabric, host: Host, login: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the login history with its verdict: ``allowed`` and ``reason``."""
    return {**login, **asdict(judge(fabric, host, login))}


def _changes(view: View, facts: Mapping[str, Any], wanted: Iterable[WantedFile]) -> Iterator[Change]:
    yield from user_changes([user.name for user in people.users(facts["passwd"], {})], view)
    yield from file_changes(wanted, facts["files"])


def host_findings(facts: Mapping[str, Any], view: View) -> Iterator[Finding]:
    """Yield all that was found on a host and is not declared, in the order of ``findings.KINDS``."""
    listeners = network.sockets(facts["listeners"])
    yield from people.user_findings(people.users(facts["passwd"], facts["passwords"]), view)
    yield from people.key_findings(facts["authorized_keys"], view, KEYS_DIRECTORY)
    yield from people.sudo_findings(facts["sudo_files"], facts["groups"], view, people.users(facts["passwd"], {}))
    yield from sshd_findings(facts["sshd_files"], MAIN_SSHD_CONFIG, facts["sshd_effective"])
    yield from network.listener_findings(listeners, view)
    yield from network.connection_findings(_established(facts["connections"]), listeners, view)
    yield from network.ruleset_findings(facts["ruleset"], facts["iptables_legacy"])
    yield from people.process_findings(people.users(facts["passwd"], {}), facts["processes"], view)
    yield from people.job_findings(facts["crontabs"], facts["at_jobs"], facts["linger"], facts["user_units"])
    yield from network.address_findings(facts["addresses"], view)
    yield from network.route_findings(facts["routes4"], view, "ipv4")
    yield from network.route_findings(facts["routes6"], view, "ipv6")
    yield from network.manager_findings(facts["network_files"])
    yield from (Finding("unread", text, "look at it by hand") for text in facts["unread"])


def _established(text: str) -> list[network.Socket]:
    """``ss state established`` leaves out the state and the protocol: with -t it is tcp."""
    return network.sockets("".join(f"tcp {line}\n" for line in text.splitlines()))


def _switch(fabric: Fabric, name: str, read: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "problem": read.get("problem", ""), "findings": []}
    if "ports" not in read:
        return {**row, "problem": row["problem"] or UNREACHED}
    try:
        ports = ovs_ports(read["ports"])
    except (ValueError, KeyError, TypeError):
        return {**row, "problem": "gave an answer that is no list of ports"}
    return {**row, "findings": [finding.as_dict() for finding in port_findings(fabric, name, ports)]}
