"""Who may reach what: flows that would open a platform, and operators' ways in."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import ACCOUNTS, OPERATORS, ComputePlatform, Flow, Host
from ..paths import ways_in as find_ways_in
from ..problems import Problem, listed
from .context import OPERATOR_HOSTS, Context, Machine

SSH, DATA = "ssh", "data"


def _logins(context: Context) -> list[Flow]:
    return [flow for flow in context.fabric.flows if flow.service == SSH]


def _of(context: Context, group: str | None) -> frozenset[str]:
    return frozenset(context.names(group))


def direct_login(context: Context) -> Iterator[Problem]:
    """People come to direct-login nodes from the platform's login servers, and from nowhere else."""
    for platform in context.fabric.compute_platforms.values():
        nodes, allowed = _of(context, platform.nodes), _of(context, platform.login_servers)
        if platform.kind != "direct_login":
            continue
        for flow in _logins(context):
            others = [n for n in context.names(flow.origin) if n not in allowed]
            if others and nodes & _of(context, flow.destination):
                message = f"lets {listed(others)} log in to direct-login platform {platform.name}"
                yield context.problem(flow, "from", flow.origin, message, f"let them log in from {platform.login_servers} only")


def account_logins(context: Context) -> Iterator[Problem]:
    """Accounts log in where they work: on login servers, compute servers and direct-login nodes."""
    fabric = context.fabric
    work = set(context.login_servers)
    work |= {n for p in fabric.data_platforms.values() for n in context.names(p.compute_servers)}
    work |= {n for p in fabric.compute_platforms.values() if p.kind == "direct_login" for n in context.names(p.nodes)}
    for flow in _logins(context):
        others = [n for n in context.names(flow.destination) if n not in work]
        if ACCOUNTS in flow.users and others:
            message = f"lets accounts log in to {listed(others)}, where they have no work"
            yield context.problem(flow, "to", flow.destination, message, "write for: [operators]")


def foreign_logins(context: Context) -> Iterator[Problem]:
    """Machines of others may log in to login servers only."""
    for flow in _logins(context):
        foreign = [h.name for h in context.fabric.members(flow.origin) if not h.managed and OPERATOR_HOSTS not in h.groups]
        ours = [
            m.name
            for m in context.machines_of(flow.destination)
            if not (isinstance(m, Host) and not m.managed) and m.name not in context.login_servers
        ]
        if foreign and ours:
            message = f"lets {listed(foreign)}, which we don't manage, log in to {listed(ours)}"
            yield context.problem(flow, "from", flow.origin, message, "lead it through a login server")


def data(context: Context) -> Iterator[Problem]:
    """Data goes to job nodes through their gateways, to direct-login nodes, and to a platform's own compute servers."""
    servers = {n for p in context.fabric.data_platforms.values() for n in context.names(p.data_servers)}
    platforms = tuple(context.fabric.compute_platforms.values())
    for flow in context.fabric.flows:
        if flow.service == DATA and servers & _of(context, flow.destination):
            inside = set() if flow.through else _inside(context, flow)
            others = [
                n
                for n in context.names(flow.origin)
                if n not in inside and not any(_may_mount(context, p, flow, n) for p in platforms)
            ]
            if others:
                message = f"gives data to {listed(others)}, past every gateway"
                wanted = "begin it at job nodes, with their platform's gateways in `through`, or at direct-login nodes"
                yield context.problem(flow, "from", flow.origin, message, wanted)


def _inside(context: Context, flow: Flow) -> set[str]:
    """Return the compute servers of the platforms that hold all data servers the flow leads to."""
    targets = _of(context, flow.destination)
    own = [p for p in context.fabric.data_platforms.values() if targets <= _of(context, p.data_servers)]
    return {n for p in own for n in context.names(p.compute_servers)}


def _may_mount(context: Context, platform: ComputePlatform, flow: Flow, host: str) -> bool:
    if platform.kind == "direct_login":
        return flow.through is None and host in _of(context, platform.nodes)
    if platform.gateway_mode == "terminate":
        return flow.through is None and host in _of(context, platform.gateways)
    return flow.through == platform.gateways and host in _of(context, platform.job_nodes)


def storage(context: Context) -> Iterator[Problem]:
    """Only a platform's own servers reach its storage, on its own segment; operators log in from login servers."""
    for platform in context.fabric.data_platforms.values():
        storages = _of(context, platform.storage_servers)
        groups = (platform.data_servers, platform.compute_servers, platform.storage_servers, platform.intake_servers)
        own = {n for group in groups for n in context.names(group)}
        for flow in context.fabric.flows:
            login = flow.service == SSH and flow.users == (OPERATORS,)
            allowed = own | (_of(context, platform.login_servers) if login else set())
            others = [n for n in context.names(flow.origin) if n not in allowed]
            if storages & _of(context, flow.destination) and (others or flow.through):
                who = listed(others) if others else f"hosts behind {flow.through}"
                message = f"lets {who} reach the storage of {platform.name}"
                wanted = "begin it at the platform's own servers; ssh at login servers, for: [operators]"
                yield context.problem(flow, "from", flow.origin, message, wanted)


def ways_in(context: Context) -> Iterator[Problem]:
    """Operators reach every machine of ours: what they can't reach, they can neither converge nor repair."""
    reached = find_ways_in(context.fabric)
    lost: dict[tuple[str, frozenset[str]], list[Machine]] = {}
    for machine in context.machines:
        ours = not isinstance(machine, Host) or (machine.managed and OPERATOR_HOSTS not in machine.groups)
        if ours and machine.name not in reached:
            what = "login server" if machine.name in context.login_servers else "host" if isinstance(machine, Host) else "switch"
            groups = machine.groups if isinstance(machine, Host) else frozenset()
            lost.setdefault((what, groups), []).append(machine)
    doors = {key: machines for key, machines in lost.items() if key[0] == "login server"}
    for (what, _unused), machines in (doors or lost).items():
        message = f"operators have no way to {what} {listed(m.name for m in machines)}"
        message += ", and so to nothing behind" if what == "login server" else ""
        wanted = f"declare ssh flows for operators that lead from {OPERATOR_HOSTS} to one of its groups"
        yield context.problem(machines[0], (), None, message, wanted)
