"""Journals: where they are kept, nobody but operators is, and no host of ours is left out."""

from __future__ import annotations

from collections.abc import Iterator

from .. import access
from ..logs import JOURNAL, is_log_server, log_servers
from ..paths import all_paths
from ..problems import Problem, agree, listed
from .context import OPERATOR_HOSTS, Context

PARTS = (
    "login_servers",
    "data_servers",
    "compute_servers",
    "storage_servers",
    "intake_servers",
    "nodes",
    "job_nodes",
    "gateways",
)


def protocol(context: Context) -> Iterator[Problem]:
    """Journals go over TLS, and so over tcp."""
    service = context.fabric.services.get(JOURNAL)
    if service is not None and service.protocol != "tcp":
        yield context.problem(service, "protocol", service.protocol, "journals are sent over TLS", "write tcp")


def servers(context: Context) -> Iterator[Problem]:
    """A log server is ours, and nothing else runs on it: who can work there can work on what was logged."""
    fabric = context.fabric
    work = {n for p in context.platforms for part in PARTS for n in context.names(getattr(p, part, None))}
    for flow in fabric.flows:
        if flow.service != JOURNAL:
            continue
        hosts = fabric.members(flow.destination)
        foreign = [h.name for h in hosts if not h.managed]
        if foreign:
            hint = "write fabric_managed: true there, or nobody makes it keep anything"
            yield context.problem(flow, "to", flow.destination, f"{agree(foreign)} not managed", hint)
        busy = [h.name for h in hosts if h.name in work or access.is_gateway(fabric, h)]
        if busy:
            hint = "use a host of its own: where journals are kept nothing else may run"
            yield context.problem(flow, "to", flow.destination, f"{agree(busy)} part of a platform or a gateway too", hint)
        strangers = [h.name for h in fabric.members(flow.origin) if not h.managed]
        if strangers:
            hint = "begin it at a group of managed hosts: only these get a certificate to send with"
            yield context.problem(flow, "from", flow.origin, f"{agree(strangers)} not managed", hint)


def everybody(context: Context) -> Iterator[Problem]:
    """Where journals are kept at all, each managed host sends its own to one log server."""
    fabric = context.fabric
    if not log_servers(fabric):
        return
    sent: dict[str, set[str]] = {}
    for path in all_paths(fabric):
        if path.flow.service == JOURNAL:
            sent.setdefault(path.origin, set()).add(path.target)
    for host in fabric.managed_hosts:
        if OPERATOR_HOSTS in host.groups or is_log_server(fabric, host):
            continue
        targets = sorted(sent.get(host.name, ()))
        if not targets:
            hint = f"declare a flow of the service {JOURNAL} from one of its groups to the log servers"
            yield context.problem(host, (), None, "sends its journal nowhere, so that nobody sees who logs in there", hint)
        elif len(targets) > 1:
            hint = "let it send to one: give each log server its own senders"
            yield context.problem(host, (), None, f"would send its journal to {listed(targets)}", hint)
