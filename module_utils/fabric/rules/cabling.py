"""Switches, ports and trunks: what hangs where."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Attachment
from ..problems import Problem, listed
from .context import Context, Machine


def switch_management(context: Context) -> Iterator[Problem]:
    """A switch's management interface is its own, on a port of its own."""
    for switch in context.fabric.switches.values():
        if switch.attachment.switch != switch.name:
            wanted = f"write {switch.name}: the segment enters through the switch's trunks"
            message = "a switch's management interface hangs on itself"
            yield context.problem(switch.attachment, "switch", switch.attachment.switch, message, wanted)


def attachment_sites(context: Context) -> Iterator[Problem]:
    """A host hangs on a switch of its own site."""
    for machine, attachment in context.attachments:
        switch = context.fabric.switches.get(attachment.switch)
        if switch is not None and switch.site != machine.site and machine.site in context.fabric.sites:
            message = f"stands at site {switch.site}, but {machine.name} at {machine.site}"
            here = [s.name for s in context.fabric.switches.values() if s.site == machine.site]
            wanted = f"use a switch of {machine.site}: {listed(here) or 'there is none yet'}"
            yield context.problem(attachment, "switch", attachment.switch, message, wanted)


def ports(context: Context) -> Iterator[Problem]:
    """A port is one host's; several of its segments share it only tagged, each VLAN once."""
    first: dict[tuple[str, str], tuple[Machine, list[Attachment]]] = {}
    for machine, attachment in context.attachments:
        owner, before = first.setdefault((attachment.switch, attachment.port), (machine, []))
        wanted = f"use a free port of {attachment.switch}"
        if owner is not machine:
            message = f"is {owner.name}'s port already"
            yield context.problem(attachment, "port", attachment.port, message, wanted)
        elif any(a.segment == attachment.segment for a in before):
            message = f"carries the VLAN of {attachment.segment} already"
            yield context.problem(attachment, "port", attachment.port, message, wanted)
        elif before and not all(a.mode == "tagged" for a in (*before, attachment)):
            message = f"carries segment {before[0].segment} already, and untagged frames belong to one segment"
            yield context.problem(attachment, "port", attachment.port, message, f"{wanted}, or write mode: tagged on both")
        before.append(attachment)


def trunk_ends(context: Context) -> Iterator[Problem]:
    """A trunk's ends are two ports that nothing else uses."""
    used = {(a.switch, a.port): f"{machine.name}'s port" for machine, a in context.attachments}
    for trunk in context.fabric.trunks.values():
        one, other = trunk.ends
        if one.switch == other.switch:
            wanted = "join two switches: a cable from a switch to itself is a loop"
            yield context.problem(other, "switch", other.switch, "is both ends of the trunk", wanted)
        for end in trunk.ends:
            owner = used.setdefault((end.switch, end.port), f"an end of trunk {trunk.name}")
            if owner != f"an end of trunk {trunk.name}" or (end is other and (one.switch, one.port) == (end.switch, end.port)):
                yield context.problem(end, "port", end.port, f"is {owner} already", f"use a free port of {end.switch}")


def trunk_mtus(context: Context) -> Iterator[Problem]:
    """A trunk carries the largest frames of its segments (on SINET jumbo frames must be asked for)."""
    for trunk in context.fabric.trunks.values():
        large = [s for s in map(context.fabric.segments.get, trunk.segments) if s is not None and trunk.mtu and s.mtu > trunk.mtu]
        if large:
            message = f"is less than {large[0].mtu} of segment {large[0].name}"
            wanted = "have jumbo frames switched on for the line, or lower the segment's mtu"
            yield context.problem(trunk, "mtu", trunk.mtu, message, wanted)


def segment_kinds(context: Context) -> Iterator[Problem]:
    """A segment of kind vlan stays within one site."""
    for segment in context.fabric.segments.values():
        places = {m.site: m for m, a in context.attachments if a.segment == segment.name and m.site in context.fabric.sites}
        if segment.kind == "vlan" and len(places) > 1:
            message = f"has hosts at {listed(places)}"
            yield context.problem(segment, "kind", segment.kind, message, "write l2vpn, and apply for it at the carrier")
