"""Puts a host back as a snapshot has it. On hosts it is the program kakehashi-revert, run by a timer, at boot or when asked."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from .entries import Step, describe, directory_steps, impossible, parent_steps, steps_back
from .host import Host
from .places import AGAIN, BASE, CHANGE, PROGRAM, RESULT
from .record import Change, ChangeError, Result, Why, check_id, told
from .running import ruleset_back, settings_back, unit_calls, unit_calls_at_boot, units_left
from .store import Snapshot, Store, content, read_json, read_snapshot, sync_directory, write_json
from .trees import ancestors, carry_out, scan

RETRY = 60  # seconds
_AT_MOST = 600  # seconds for one try: waiting for locks, units that start, networkd
_ONLY_READ_AGAIN = ("reload", "try-restart", "reset-failed")
_PATIENCE = 120.0  # seconds: arming and confirming take a few
_WRITERS = 30.0  # seconds for what a module has begun to write; one that hangs must not keep the host from coming back


@dataclass
class Report:
    """What was put back, and what could not be, in words."""

    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Note a failure of what is tried inside, and go on: the rest of the host must come back all the same."""
        try:
            yield
        except OSError as error:
            self.problems.append(f"{what}: {error.strerror or error}")
        except Exception as error:
            self.problems.append(f"{what}: {error}")


@dataclass(frozen=True)
class Task:
    """One undoing: the change, its snapshot and where it lies, the host and its root, and whether the host is booting."""

    change: Change
    snapshot: Snapshot
    room: Path
    host: Host
    root: Path
    booting: bool = False


def restore(task: Task) -> Report:
    """Put everything back; what fails is reported and keeps nothing else from coming back."""
    report = Report()
    free_reserves(task, report)
    restore_files(task, report)
    if task.booting:
        restore_units_at_boot(task, report)  # the rest comes up by the files, as at every boot
        return report
    restore_ruleset(task, report)
    restore_units(task, report)
    restore_links(task, report)
    restore_settings(task, report)
    restore_ruleset(task, report)  # units that started may have loaded their own
    verify_units(task, report)
    return report


def free_reserves(task: Task, report: Report) -> None:
    """Give back the room that arming took, so that a full disk doesn't keep files from coming back."""
    for path in task.change.reserves:
        with report.attempt(path):
            Path(path).unlink(missing_ok=True)


def restore_files(task: Task, report: Report) -> None:
    """Put files, links and directories back."""
    before = task.snapshot.entries
    now = {}
    readable = []
    for tree in task.change.trees:
        with report.attempt(tree):
            now.update(scan(task.root, [tree]))
            readable.append(tree)
    before = {p: e for p, e in before.items() if any(p == t or p.startswith(f"{t}/") for t in readable)}
    present = ancestors(task.root, task.change.trees)
    steps = [*parent_steps(task.snapshot.parents, present), *steps_back(before, now)]
    report.problems.extend(f"{path} can't be made again" for path in impossible(before, now))
    _steps(task, steps, report, say=True)
    after: dict[str, Any] = {}
    for tree in readable:
        with report.attempt(tree):
            after.update(scan(task.root, [tree], read=lambda _file: ""))
    attributes = directory_steps(before, after)
    _steps(task, attributes, report, say=not steps)


def restore_ruleset(task: Task, report: Report) -> None:
    """Load the ruleset that ran, if another runs."""
    with report.attempt("the ruleset"):
        transaction = ruleset_back(task.snapshot.running.ruleset, task.host.ruleset())
        if transaction is not None:
            task.host.load_ruleset(transaction)
            report.done.append("loaded the ruleset that ran before")


def restore_units(task: Task, report: Report) -> None:
    """Let systemd and what runs read the old files; start what ran, stop what didn't.

    They read again even when no file had to be put back now: an earlier try may have been killed just before this.
    """
    before = task.snapshot.running.units
    with report.attempt("systemctl daemon-reload"):
        task.host.systemctl(["daemon-reload"])
    with report.attempt("units"):
        _unit_calls(task, unit_calls(before, task.host.units(list(before))), report)


def restore_units_at_boot(task: Task, report: Report) -> None:
    """Let systemd read the old files and change what is about to start."""
    before = task.snapshot.running.units
    with report.attempt("systemctl daemon-reload"):
        task.host.systemctl(["daemon-reload"])
    with report.attempt("units"):
        _unit_calls(task, unit_calls_at_boot(before, task.host.units(list(before))), report)


def restore_links(task: Task, report: Report) -> None:
    """Bring addresses, routes, MTU and state of interfaces back."""
    with report.attempt("interfaces"):
        links = task.snapshot.running.links
        report.done.extend(task.host.reconfigure(links, task.change.interfaces))


def restore_settings(task: Task, report: Report) -> None:
    """Write the settings under /proc/sys that differ."""
    now: Mapping[str, str] = {}
    with report.attempt("settings"):
        now = task.host.settings()
    for name, value in settings_back(task.snapshot.running.settings, now):
        with report.attempt(f"the setting {name}"):
            task.host.write_setting(name, value)
            if now[name] != value:
                report.done.append(f"set {name} back to {value}")


def verify_units(task: Task, report: Report) -> None:
    """Say which units don't run as they did."""
    with report.attempt("units"):
        before = task.snapshot.running.units
        report.problems.extend(units_left(before, task.host.units(list(before))))


def undo(store: Store, host: Host, why: Why, *, only: str = "", root: Path = Path("/"), give_up: bool = False) -> Result | None:
    """Undo the change that is held and return how it went, None if none is held (or not ``only`` that one).

    It stays held unless all of it is back, or ``give_up`` says to let the rest be.
    """
    with store.locked(_PATIENCE, overdue=why == "timer"), store.alone(_WRITERS) as alone:
        change = store.change()
        if change is None or (only and change.id != only):
            return None
        result = _together(store.attempt(), _try(store.pending, change, host, why, root))
        if not alone:
            result = replace(result, problems=[*result.problems, "a module still writes, so this is done once more"])
        with contextlib.suppress(OSError):  # without room for words the host still comes back
            write_json(store.pending / RESULT, result.to_json())
        if result.problems and not give_up:
            return result
        os.sync()  # all of it lasts before the record goes: after a power cut the boot would undo once more
        store.pending.rename(store.reverted(change.id))
        sync_directory(store.base)
    return result


def undo_again(store: Store, host: Host, change_id: str, *, root: Path = Path("/")) -> Result | None:
    """Put an undone change's snapshot back once more, for what was done after it was undone; None if it isn't kept.

    How it went is kept beside how the first undoing went, for whoever had the program do it.
    """
    with store.locked(_PATIENCE), store.alone(_WRITERS):
        room = store.reverted(change_id)
        data = read_json(room / CHANGE)
        if data is None or store.change() is not None:
            return None
        first = read_json(room / RESULT)
        again = _try(room, Change.from_json(data), host, "asked", root)
        again = replace(again, before=told(Result.from_json(first)) if first else "")
        with contextlib.suppress(OSError):  # without room for words the host still comes back
            write_json(room / AGAIN, again.to_json())
        return again


def timer_name(change_id: str, number: int | str) -> str:
    """Return the name, without ending, of the units that undo a change by time."""
    return f"kakehashi-revert-{change_id}-{number}"


def timer_command(change_id: str, number: int | str, seconds: int) -> list[str]:
    """Return the command that has a change undone after ``seconds``, and tried again until it is undone.

    The time is systemd's monotonic clock: setting the wall clock neither hastens nor delays it.
    """
    return [
        "systemd-run",
        "--quiet",
        f"--unit={timer_name(change_id, number)}",
        "--description=Undo a change that nobody confirmed",
        f"--on-active={seconds}s",
        f"--on-unit-inactive={RETRY}s",
        "--timer-property=AccuracySec=1s",
        "--timer-property=RemainAfterElapse=yes",
        "--property=Type=oneshot",
        f"--property=TimeoutStartSec={_AT_MOST}",  # a oneshot has no limit else, and one that hangs is never tried again
        PROGRAM,
        "--id",
        change_id,
        "--why",
        "timer",
    ]


def stop_timers(host: Host, change_id: str) -> None:
    """Stop every timer of a change."""
    host.systemctl(["stop", f"{timer_name(change_id, '*')}.timer"])


def _say(text: str) -> None:
    """Tell the journal, or whoever called the program by hand."""
    sys.stdout.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run the program; return 0 when everything is back (or nothing was held), 1 when something is not."""
    options = _parser().parse_args(arguments)
    host = host or Host()
    store = Store(options.base)
    if not store.base.is_dir():
        _say("No change is held.")
        return 0
    try:
        if options.again:
            result = undo_again(store, host, check_id(options.again), root=options.root)
        else:
            result = undo(store, host, options.why, only=options.id, root=options.root, give_up=options.give_up)
    except (ChangeError, OSError) as error:
        _say(f"Nothing was put back: {error}")
        return 1
    return _finish(result, host, options.why)


def _finish(result: Result | None, host: Host, why: Why) -> int:
    if result is None:
        _say("No change is held.")
        return 0
    for line in result.done:
        _say(line)
    _say(told(result))
    if not result.problems:
        with contextlib.suppress(RuntimeError):  # a timer that still fires finds nothing to do
            stop_timers(host, result.id)
        return 0
    if why == "boot":
        with contextlib.suppress(RuntimeError):
            # A timer starts after what this unit holds back, so waiting for it would never end.
            command = timer_command(result.id, "boot", RETRY)
            host.ask([command[0], "--no-block", *command[1:]])
    return 1


def _try(room: Path, change: Change, host: Host, why: Why, root: Path) -> Result:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        report = restore(Task(change, read_snapshot(room), room, host, root, booting=why == "boot"))
    except ChangeError as error:
        report = Report(problems=[str(error)])
    return Result(change.id, when, why, change.holder, change.reason, report.done, report.problems)


def _together(earlier: Result | None, last: Result) -> Result:
    """What a first try put back is told too when a later one finishes; what began the undoing stays its reason."""
    if earlier is None:
        return last
    done = list(dict.fromkeys([*earlier.done, *last.done]))
    return replace(last, when=earlier.when, why=earlier.why, done=done, finished_by=last.why)


def _steps(task: Task, steps: Sequence[Step], report: Report, *, say: bool) -> None:
    read = partial(content, task.room, task.snapshot)
    for step in steps:
        with report.attempt(step.path):
            carry_out(task.root, step, read)
            if say:
                report.done.append(describe(step))


def _unit_calls(task: Task, calls: Sequence[Sequence[str]], report: Report) -> None:
    for call in calls:
        with report.attempt("units"):
            task.host.systemctl(call)
            if call[0] not in _ONLY_READ_AGAIN:
                report.done.append(f"systemctl {' '.join(call)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kakehashi-revert", description="Undo a change of this host that nobody confirmed.")
    parser.add_argument("--id", default="", help="only this change")
    parser.add_argument("--why", choices=("timer", "boot", "asked"), default="asked", help="what to write into the result")
    parser.add_argument("--again", default="", metavar="ID", help="put the snapshot of an undone change back once more")
    parser.add_argument("--give-up", action="store_true", help="end the change even if something can't be put back")
    parser.add_argument("--base", type=Path, default=BASE, help="where changes are kept")
    parser.add_argument("--root", type=Path, default=Path("/"), help="the file system to put back")
    return parser
