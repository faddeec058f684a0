"""Platforms: who plays which part."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import ComputePlatform, DataPlatform
from ..problems import Problem, agree, listed
from .context import OPERATOR_HOSTS, Context, segments_of
from .references import COMPUTE_GROUPS, DATA_GROUPS

OURS = ("data_servers", "compute_servers", "storage_servers", "intake_servers", "login_servers", "gateways")


def kinds(context: Context) -> Iterator[Problem]:
    """A scheduled platform has job nodes and gateways; a direct-login one has neither, and its nodes are ours."""
    for platform in context.fabric.compute_platforms.values():
        for part in ("job_nodes", "gateways"):
            group = getattr(platform, part)
            if platform.kind == "scheduled" and group is None:
                wanted = f"name the group of its {part.replace('_', ' ')}: data reaches its jobs through gateways only"
                yield context.problem(platform, part, None, "is missing on a scheduled platform", wanted)
            if platform.kind == "direct_login" and group is not None:
                message = "belongs to scheduled platforms"
                yield context.problem(platform, part, group, message, "leave it out, or write kind: scheduled")
        if platform.kind == "direct_login" and platform.control != "root":
            wanted = "write root: such nodes are an extension of the data platform, and their logins are set by us"
            yield context.problem(platform, "control", platform.control, "is not enough for direct logins", wanted)


def members_once(context: Context) -> Iterator[Problem]:
    """A data server holds one platform's images, and a node is one platform's."""
    fabric = context.fabric
    yield from _once(context, tuple(fabric.data_platforms.values()), ("data_servers", "storage_servers"))
    yield from _once(context, tuple(fabric.compute_platforms.values()), ("nodes",))


def _once(context: Context, platforms: tuple[DataPlatform | ComputePlatform, ...], parts: tuple[str, ...]) -> Iterator[Problem]:
    for part in parts:
        first: dict[str, str] = {}
        for platform in platforms:
            group = getattr(platform, part)
            shared = [n for n in context.names(group) if first.setdefault(n, platform.name) != platform.name]
            if shared:
                message = f"{agree(shared)} of platform {first[shared[0]]} already"
                yield context.problem(
                    platform, part, group, message, "give each platform its own, so that each has its own users"
                )


def separate_roles(context: Context) -> Iterator[Problem]:
    """Nobody has a shell where data lies or is routed: login servers and gateways do nothing else."""
    fabric = context.fabric
    parts = [
        (platform, part)
        for platforms, keys in (
            (fabric.data_platforms.values(), DATA_GROUPS[1:]),
            (fabric.compute_platforms.values(), COMPUTE_GROUPS[1:]),
        )
        for platform in platforms
        for part in keys
    ]
    gateways = {n for p in fabric.compute_platforms.values() for n in context.names(p.gateways)}
    for platform, part in parts:
        group = getattr(platform, part)
        for single, what in ((context.login_servers, "login server"), (gateways, "gateway")):
            both = [n for n in context.names(group) if n in single]
            if both and not (part == "gateways" and what == "gateway"):
                message = f"{agree(both)} {what} too"
                wanted = f"use a host of its own: on a {what} nothing else may run"
                yield context.problem(platform, part, group, message, wanted)


def managed(context: Context) -> Iterator[Problem]:
    """What must enforce the rules is converged by us; where a centre controls its nodes, we leave them alone."""
    fabric = context.fabric
    for platform in context.platforms:
        for part in OURS:
            yield from _managed(context, platform, part, wanted=True)
        if isinstance(platform, ComputePlatform):
            yield from _managed(context, platform, "nodes", wanted=platform.control == "root")
    for flow in fabric.flows:
        foreign = [h.name for h in fabric.members(flow.through or "") if not h.managed]
        if foreign:
            message = f"{agree(foreign)} not managed"
            yield context.problem(flow, "through", flow.through, message, "write fabric_managed: true, or nobody sets its filter")


def _managed(context: Context, platform: DataPlatform | ComputePlatform, part: str, *, wanted: bool) -> Iterator[Problem]:
    group = getattr(platform, part, None)
    wrong = [h.name for h in context.fabric.members(group or "") if h.managed is not wanted]
    if wrong and wanted:
        message = f"{agree(wrong)} not managed"
        hint = "write fabric_managed: true there, or nobody enforces anything on it"
        yield context.problem(platform, part, group, message, hint)
    elif wrong:
        control = getattr(platform, "control", "")
        message = f"{agree(wrong)} managed, but control: {control} leaves nodes to their centre"
        yield context.problem(platform, part, group, message, "write fabric_managed: false there, or control: root")


def roles(context: Context) -> Iterator[Problem]:
    """Each host is in a group that a platform or a flow names: else nothing says what it is for."""
    fabric = context.fabric
    named = {OPERATOR_HOSTS}
    for platform in context.platforms:
        named |= {getattr(platform, part, None) or "" for part in (*DATA_GROUPS, *COMPUTE_GROUPS)}
    for flow in fabric.flows:
        named |= {flow.origin, flow.destination, flow.through or ""} - {"all"}
    for host in fabric.hosts.values():
        if not host.groups & named:
            wanted = "put it into a group of a platform, or declare a flow for one of its groups"
            groups = sorted(host.groups - {"all", "ungrouped"})
            message = f"no platform and no flow names a group of this host ({listed(groups) or 'it has none'})"
            yield context.problem(host, (), None, message, wanted)


def job_nodes(context: Context) -> Iterator[Problem]:
    """Job nodes are nodes behind the gateways; other nodes have no way to gateways or data."""
    for platform in context.fabric.compute_platforms.values():
        if platform.job_nodes is None or platform.gateways is None:
            continue
        jobs, nodes = context.names(platform.job_nodes), context.names(platform.nodes)
        outside = [n for n in jobs if n not in nodes]
        if outside:
            message = f"{agree(outside)} not in {platform.nodes}"
            yield context.problem(
                platform, "job_nodes", platform.job_nodes, message, "make the group a child of the nodes' group"
            )
        yield from _behind_gateways(context, platform)
        yield from _ordinary(context, platform, [n for n in nodes if n not in jobs])


def _behind_gateways(context: Context, platform: ComputePlatform) -> Iterator[Problem]:
    reach = {s for g in context.machines_of(platform.gateways) for s in segments_of(g)}
    cut = [m.name for m in context.machines_of(platform.job_nodes) if not segments_of(m) & reach]
    if cut:
        message = f"{agree(cut, 'shares', 'share')} no segment with {platform.gateways}"
        wanted = "attach job nodes to a segment of the gateways"
        yield context.problem(platform, "job_nodes", platform.job_nodes, message, wanted)


def _ordinary(context: Context, platform: ComputePlatform, names: list[str]) -> Iterator[Problem]:
    """Name nodes that are no job nodes and yet stand beside gateways or data: they could take a job node's address."""
    beside: dict[str, str] = {}
    servers = [m for p in context.fabric.data_platforms.values() for m in context.machines_of(p.data_servers)]
    for server in (*context.machines_of(platform.gateways), *servers):
        beside.update(dict.fromkeys(segments_of(server), server.name))
    for name in names:
        host = context.fabric.hosts.get(name)  # one that can't be read has a fault of its own
        for attachment in host.attachments if host else ():
            if attachment.segment in beside:
                message = f"{name} is no job node, but would stand beside {beside[attachment.segment]}"
                wanted = f"put it into {platform.job_nodes}, or take it off this segment"
                yield context.problem(attachment, "segment", attachment.segment, message, wanted)
