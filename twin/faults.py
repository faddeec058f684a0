"""Which cable ends a fault is about. Pure."""

from __future__ import annotations

from collections.abc import Collection

from twin.errors import TwinError
from twin.plan import End, Link, Plan

DIRECTIONS = ("both", "to-switch", "from-switch")


def find_link(plan: Plan, name: str) -> Link:
    """The link ``HOST/SEGMENT`` or ``trunk/NAME``; a trunk's bare name is understood too."""
    for link in plan.links:
        if link.name in (name, f"trunk/{name}"):
            return link
    raise TwinError(f"link {name!r} is not in this twin; it has: {', '.join(link.name for link in plan.links)}")


def ends_for(link: Link, direction: str) -> tuple[End, ...]:
    """The ends at which nothing may leave, for ``both`` directions or one.

    ``to-switch`` stops what the first end (the host, or the trunk's first switch) says; ``from-switch`` the other way.
    """
    return {"both": link.ends, "to-switch": link.ends[:1], "from-switch": link.ends[1:]}[direction]


def cut_links(plan: Plan, ends: Collection[End]) -> list[tuple[str, str]]:
    """The links cut at `ends`, each with its direction, as ``cut`` takes both."""
    found = []
    for link in plan.links:
        for direction in DIRECTIONS:
            if set(ends_for(link, direction)) <= set(ends):
                found.append((link.name, direction))
                break
    return found
