"""Every name leads somewhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from ..model import ComputePlatform, DataPlatform
from ..problems import Problem, listed
from .context import OPERATOR_HOSTS, Context

DATA_GROUPS = ("login_servers", "data_servers", "compute_servers", "storage_servers", "intake_servers")
COMPUTE_GROUPS = ("login_servers", "nodes", "job_nodes", "gateways")


def sites(context: Context) -> Iterator[Problem]:
    """Sites of hosts, switches and platforms are declared."""
    for machine in context.machines:
        yield from _unknown(context, machine, "fabric_site", machine.site, "fabric_sites")
    for platform in context.platforms:
        yield from _unknown(context, platform, "site", platform.site, "fabric_sites")


def attachments(context: Context) -> Iterator[Problem]:
    """Segments and switches of attachments are declared."""
    switches = context.names("switches")
    for _unused, attachment in context.attachments:
        yield from _unknown(context, attachment, "segment", attachment.segment, "fabric_segments")
        if attachment.switch not in switches:
            wanted = _one_of(attachment.switch, switches, "a host of the group switches")
            yield context.problem(attachment, "switch", attachment.switch, "is no switch", wanted)


def trunks(context: Context) -> Iterator[Problem]:
    """Switches and segments of trunks are declared."""
    switches = context.names("switches")
    for trunk in context.fabric.trunks.values():
        for end in trunk.ends:
            if end.switch not in switches:
                wanted = _one_of(end.switch, switches, "a host of the group switches")
                yield context.problem(end, "switch", end.switch, "is no switch", wanted)
        for i, segment in enumerate(trunk.segments):
            yield from _unknown(context, trunk, ("segments", i), segment, "fabric_segments")


def flows(context: Context) -> Iterator[Problem]:
    """Groups and services of flows are declared, and the groups have members."""
    for flow in context.fabric.flows:
        yield from _group(context, flow, "from", flow.origin)
        yield from _group(context, flow, "to", flow.destination)
        yield from _unknown(context, flow, "service", flow.service, "fabric_services")
        if flow.through is not None:
            yield from _group(context, flow, "through", flow.through)


def platforms(context: Context) -> Iterator[Problem]:
    """Groups of platforms are declared, and have members."""
    for data in context.fabric.data_platforms.values():
        yield from _groups(context, data, DATA_GROUPS)
    for compute in context.fabric.compute_platforms.values():
        yield from _groups(context, compute, COMPUTE_GROUPS)


def accounts(context: Context) -> Iterator[Problem]:
    """Platforms of accounts are declared."""
    for account in context.fabric.accounts.values():
        for i, name in enumerate(account.data_platforms):
            yield from _unknown(context, account, ("data_platforms", i), name, "fabric_data_platforms")
        for i, name in enumerate(account.compute_platforms):
            yield from _unknown(context, account, ("compute_platforms", i), name, "fabric_compute_platforms")


def identity(context: Context) -> Iterator[Problem]:
    """The group of signers is declared, and has members."""
    if (record := context.fabric.identity) is not None:
        yield from _group(context, record, "signers", record.signers)


def operator_hosts(context: Context) -> Iterator[Problem]:
    """There is a place from which operators work."""
    if not context.names(OPERATOR_HOSTS):
        wanted = f"put the host that Ansible runs on into the group {OPERATOR_HOSTS}, or nobody can get in"
        yield Problem(("all", "fabric_flows"), None, f"the group {OPERATOR_HOSTS} has no member", wanted)


def _groups(context: Context, platform: DataPlatform | ComputePlatform, keys: Sequence[str]) -> Iterator[Problem]:
    for key in keys:
        group = getattr(platform, key, None)
        if group is not None:
            yield from _group(context, platform, key, group)
            switches = [n for n in context.names(group) if n in context.names("switches")]
            if switches:
                yield context.problem(
                    platform, key, group, f"holds {listed(switches)}, no host", "put switches into other groups"
                )


def _group(context: Context, record: object, part: str, group: str) -> Iterator[Problem]:
    known = context.raw.groups
    if group not in known:
        yield context.problem(record, part, group, "is no inventory group", _one_of(group, list(known), "a group of hosts.yml"))
    elif not known[group]:
        yield context.problem(record, part, group, "is a group without members", "put hosts into it, or drop what names it")


def _unknown(context: Context, record: object, part: str | tuple[str | int, ...], name: str, variable: str) -> Iterator[Problem]:
    declared = context.declared(variable)
    if name not in declared and isinstance(context.raw.variables.get(variable), list | tuple):
        what = variable.removeprefix("fabric_").removesuffix("s").replace("_", " ")
        yield context.problem(record, part, name, f"is no {what}", _one_of(name, declared, f"one of {variable}"))


def _one_of(name: str, known: Sequence[str], what: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"use {what}: {listed(sorted(known), 8) or 'none is declared'}"
