"""Services and flows: what is declared can work, and says what it seems to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..model import Flow, Service
from ..problems import Problem, agree
from .context import Context, Machine, segments_of

TCP_SERVICES = ("ssh", "data", "sign")
EVERYTHING = ("all", "ungrouped")


def services_once(context: Context) -> Iterator[Problem]:
    """A port has one service: a flow of one name would open the other."""
    first: dict[tuple[str, int], Service] = {}
    for service in context.fabric.services.values():
        other = first.setdefault((service.protocol, service.port), service)
        if other is not service:
            message = f"is {service.protocol} port of service {other.name} already"
            yield context.problem(service, "port", service.port, message, f"use {other.name} in the flows, or another port")


def service_protocols(context: Context) -> Iterator[Problem]:
    """Logins and data mounts run over tcp."""
    for name in TCP_SERVICES:
        service = context.fabric.services.get(name)
        if service is not None and service.protocol != "tcp":
            yield context.problem(service, "protocol", service.protocol, f"service {name} is sshd's", "write tcp")


def flows_once(context: Context) -> Iterator[Problem]:
    """A flow is written once, and doesn't lead back into its own group."""
    first: dict[tuple[str, str, str, str | None], Flow] = {}
    for flow in context.fabric.flows:
        if first.setdefault((flow.origin, flow.destination, flow.service, flow.through), flow) is not flow:
            message = f"the flow of {flow.service} from {flow.origin} is declared already"
            yield context.problem(flow, "to", flow.destination, message, "declare it once, with all its users in `for`")
        if flow.origin == flow.destination:
            message = "begins and ends in the same group"
            wanted = "hosts of one group need no way to each other; part them into two groups if some do"
            yield context.problem(flow, "to", flow.destination, message, wanted)
        if not flow.users:
            yield context.problem(flow, "for", None, "names nobody", "write accounts, operators or both, or drop the flow")


def every_host(context: Context) -> Iterator[Problem]:
    """No flow is of every host: that would let in whoever joins."""
    for flow in context.fabric.flows:
        for part, group in (("from", flow.origin), ("to", flow.destination), ("through", flow.through)):
            if group in EVERYTHING:
                message = "would hold for every host that ever joins"
                yield context.problem(flow, part, group, message, "name the group that needs it")


def paths(context: Context) -> Iterator[Problem]:
    """Each host of a flow has a way: a segment of both ends, or a gateway on a segment of each."""
    for flow in context.fabric.flows:
        origins, targets = context.machines_of(flow.origin), context.machines_of(flow.destination)
        for part, group, hosts, others, end in (
            ("from", flow.origin, origins, targets, "to"),
            ("to", flow.destination, targets, origins, "from"),
        ):
            lost = _without_path(context, flow, hosts, others)
            if lost:
                how = f"through {flow.through}" if flow.through else "over a shared segment"
                other = flow.destination if end == "to" else flow.origin
                message = f"{agree(lost, 'has', 'have')} no way {end} {other} {how}"
                wanted = "attach both to one segment, or name the gateways in `through`"
                if flow.through:
                    wanted = "attach a gateway to a segment of each, or drop `through` where they share one"
                yield context.problem(flow, part, group, message, wanted)
                break


def _without_path(context: Context, flow: Flow, hosts: Sequence[Machine], others: Sequence[Machine]) -> list[str]:
    """Return the hosts that reach no other machine among ``others``, from sets of segments, in linear time."""
    counts = Counter(segment for other in others for segment in segments_of(other))
    routes = [segments_of(g) for g in context.fabric.members(flow.through or "")]
    other_names = {other.name for other in others}
    lost = []
    for host in hosts:
        own = segments_of(host)
        beyond = {s for s, count in counts.items() if count > (s in own and host.name in other_names)}
        if flow.through is None:
            found = bool(own & beyond)
        else:
            found = any(a != b for route in routes for a in own & route for b in beyond & route)
        if not found and other_names != {host.name}:
            lost.append(host.name)
    return lost


def gateways(context: Context) -> Iterator[Problem]:
    """A gateway stands on a segment of each end, and is ours: else nobody sets its filter."""
    for flow in context.fabric.flows:
        sides = [
            frozenset(s for m in context.machines_of(group) for s in segments_of(m)) for group in (flow.origin, flow.destination)
        ]
        for gateway in context.machines_of(flow.through):
            own = segments_of(gateway)
            if not any(a != b for a in own & sides[0] for b in own & sides[1]):
                message = f"{gateway.name} is not on a segment of {flow.origin} and on another of {flow.destination}"
                wanted = "attach it to both, or take it out of the group"
                yield context.problem(flow, "through", flow.through, message, wanted)
