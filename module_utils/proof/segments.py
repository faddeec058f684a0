"""Compares the broadcast domains that the switches make with the declared segments."""

from __future__ import annotations

from collections.abc import Iterator

from ..fabric.paths import attachments_of
from .findings import Finding
from .world import World, machines


def layer2(world: World) -> Iterator[Finding]:
    """Yield each fault of the switches' settings, each domain that joins segments, and each segment in pieces."""
    for leak in world.domains.leaks:
        yield Finding("layer2", "switches", leak.text)
    segments: dict[int, dict[str, str]] = {}
    pieces: dict[str, dict[int, str]] = {}
    for machine in machines(world.fabric):
        for a in attachments_of(machine):
            domain = world.domain(machine.name, a.interface)
            if domain is not None:
                segments.setdefault(domain, {}).setdefault(a.segment, machine.name)
                pieces.setdefault(a.segment, {}).setdefault(domain, machine.name)
    for names in segments.values():
        if len(names) > 1:
            shown = ", ".join(f"{segment} (such as {host})" for segment, host in names.items())
            yield Finding("layer2", "switches", f"one broadcast domain holds {shown}")
    for segment, found in pieces.items():
        if len(found) > 1:
            shown = ", ".join(found.values())
            yield Finding("layer2", "switches", f"segment {segment} is in {len(found)} pieces, with {shown} apart")
