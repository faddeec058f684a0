"""What is no fault in a fabric, and yet worth a look."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Fabric, Host, Switch, Trunk
from .paths import attachments_of
from .problems import agree


def notes(fabric: Fabric) -> Iterator[str]:
    """Yield a sentence for each thing that is declared and that nothing uses."""
    for trunk in fabric.trunks.values():
        for segment in trunk.segments:
            side = _unused_side(fabric, trunk, segment)
            if side is not None:
                yield f"Trunk {trunk.name} carries {segment}, but no host beyond {side} is on it."
    used = {f.service for f in fabric.flows}
    for service in fabric.services:
        if service not in used:
            yield f"No flow uses the service {service}."
    keyless = [a.name for a in fabric.accounts.values() if a.state == "present" and not a.keys]
    if keyless:
        yield f"{agree(keyless, 'has', 'have')} no key, and so no way in (a twin makes keys for them)."


def _unused_side(fabric: Fabric, trunk: Trunk, segment: str) -> str | None:
    """Return the end of a trunk behind which nobody is on ``segment``, or ``None``."""
    machines: tuple[Host | Switch, ...] = (*fabric.hosts.values(), *fabric.switches.values())
    homes = {a.switch for machine in machines for a in attachments_of(machine) if a.segment == segment}
    return next((end.switch for end in trunk.ends if not homes & _behind(fabric, trunk, segment, end.switch)), None)


def _behind(fabric: Fabric, without: Trunk, segment: str, start: str) -> set[str]:
    """Return the switches that ``start`` reaches on ``segment`` without one trunk."""
    found, queue = {start}, [start]
    while queue:
        here = queue.pop()
        for trunk in fabric.trunks.values():
            ends = [end.switch for end in trunk.ends]
            if trunk is not without and segment in trunk.segments and here in ends:
                new = set(ends) - found
                found |= new
                queue.extend(new)
    return found
