"""Puts files of one concern in place and brings units to their states, in the one order that holds after a run cut short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..files.disk import apply, observe
from ..files.plan import Step, Wish, diffs, plan
from . import manager
from . import plan as units


@dataclass(frozen=True)
class Brought:
    """What was done, or in check mode would be: ``steps`` on files, ``calls`` of systemctl in words."""

    steps: tuple[Step, ...] = ()
    calls: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was to be done."""
        return bool(self.steps or self.calls)

    @property
    def paths(self) -> list[str]:
        """Paths that were written, changed or removed, directories that were made left out."""
        return [step.path for step in self.steps if step.action != "make_directory"]

    @property
    def diffs(self) -> list[dict[str, str]]:
        """The same in the shape of Ansible's diff mode."""
        return [*diffs(self.steps), *({"before": "", "after": f"systemctl {call}\n"} for call in self.calls)]


def bring(
    files: Wish,
    wanted: units.Wish,
    readers: Sequence[units.Reader] = (),
    *,
    check: bool,
    before_writing: Callable[[], Any],
) -> Brought:
    """Write ``files``, tell systemd where unit files are newer than what it read, and bring units to their states.

    ``readers`` that started before a file of theirs changed are restarted. ``check``: nothing is written or called, and units
    that are not there yet count as changes. ``before_writing`` is called before each write; it leaves where none is allowed.

    Raises ``PlanError`` for files, ``manager.UnitError`` for units that systemd doesn't know and in systemctl's own words.
    """
    steps = plan(files, observe(files))
    paths = [*(f.path for f in files.files), *files.absent]
    names = tuple(dict.fromkeys([*wanted.names(), *units.units_of(paths), *(r.unit for r in readers)]))
    states = manager.states(names)
    told = [step.path for step in steps if units.is_read_by_systemd(step.path)]
    reload = [["daemon-reload"]] if told or any(states[n].outdated for n in names if n in states) else []
    if (steps or reload) and not check:
        before_writing()
        apply(steps)
        for call in reload:
            manager.systemctl(call)
        states = manager.states(names)
    missing = units.unknown(wanted, states)
    if missing and not check:
        raise manager.UnitError(
            f"systemd knows no unit {', '.join(missing)}: install the package that brings it, or correct the name"
        )
    behind = units.behind(wanted, readers, states, manager.changed_at(f for r in readers for f in r.files))
    calls = units.calls(wanted, states) + ([["restart", *behind]] if behind else [])
    if not check:
        for call in calls:
            before_writing()
            manager.systemctl(call)
    return Brought(tuple(steps), tuple(" ".join(call) for call in (*reload, *calls)))
