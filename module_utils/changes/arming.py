"""Arms, confirms, undoes and reads a change on the host it is about."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .entries import changed_paths
from .host import Host, HostError
from .places import AGAIN, CHANGE, PROGRAM
from .record import Change, ChangeError, Holder, Result, Scope, held, make_id, remaining, told
from .restore import stop_timers, timer_command, timer_name
from .running import differences
from .store import RESERVE, Snapshot, Store, make_reserve, read_snapshot, sync_directory, write_json, write_snapshot
from .trees import Keeper, ancestors, outermost, scan

_PATIENCE = 60.0  # seconds to wait for the lock
_LARGEST_RESERVE = 64 << 20
_RESERVE_NAME = ".kakehashi-change-reserve"
_MORE = "run again with a larger change_seconds"
_LEFT = "another change was armed since, so what was done later was left as it is"


@dataclass(frozen=True)
class Wanted:
    """What arming is asked for. ``seconds`` until the change is undone by itself."""

    holder: Holder
    scope: Scope
    seconds: int
    reason: str = ""
    take_over: bool = False


@dataclass(frozen=True)
class Site:
    """The host on which all this happens. ``install`` puts the program there and returns what it wrote."""

    store: Store
    host: Host
    install: Callable[[Host], list[str]]
    root: Path = Path("/")
    booted: Path = Path("/run/systemd/system")
    boot_id: Path = Path("/proc/sys/kernel/random/boot_id")

    def require_systemd(self) -> None:
        """Raise ChangeError where systemd is not what runs the machine."""
        if not self.booted.is_dir():
            raise ChangeError("systemd does not run this machine, so nothing could undo a change here: nothing was armed")

    def boot(self) -> str:
        """Return what tells this boot from others."""
        return self.boot_id.read_text(encoding="ascii").strip()

    def left(self, change: Change) -> int:
        """Return the seconds until ``change`` is undone by itself."""
        return remaining(change, time.monotonic(), self.boot())

    def sentence(self, change: Change) -> str:
        """Return who holds ``change``, in one sentence."""
        begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(change.begun))
        attempt = self.store.attempt()
        return held(change, self.left(change), begun, attempt.problems if attempt else ())


def arm(site: Site, wanted: Wanted) -> dict[str, Any]:
    """Keep what is there, arm its return, and return the change's id and what else was found."""
    site.require_systemd()
    store = site.store
    store.make()
    with store.locked(_PATIENCE):
        change = store.change()
    taken = None
    if change is not None and change.holder != wanted.holder and wanted.take_over:
        taken = revert(site, change.id)
    with store.locked(_PATIENCE):
        change = store.change()
        if change is not None:
            if change.holder != wanted.holder or store.attempt() is not None:
                raise ChangeError(site.sentence(change))
            return _renew(site, change, wanted)
        store.sweep()
        installed = site.install(site.host)
        change = _arm(site, wanted)
        earlier = store.results()
        store.archive_results()
    return {
        "id": change.id,
        "ends_in": site.left(change),
        "renewed": False,
        "installed": installed,
        "taken_over": taken and taken.to_json(),
        "earlier": [_telling(result) for result in earlier if taken is None or result.id != taken.id],
        "changed": bool(installed) or taken is not None,
    }


def confirm(site: Site, change_id: str) -> dict[str, Any]:
    """Keep the change for good and disarm; raise ChangeError when the host undid it meanwhile."""
    store = site.store
    store.make()
    with store.locked(_PATIENCE):
        change = store.change()
        attempt = store.attempt()
        if change is not None and change.id == change_id and attempt is not None:
            raise ChangeError(told(attempt))  # a mixture of before and after is nothing to keep
        if change is not None and change.id == change_id and not site.left(change):
            raise ChangeError("the time of this change was over before it was confirmed, so the host undoes it: " + _MORE)
        if change is not None and change.id == change_id:
            found = compare(site, change)
            room = store.confirm(change_id, found)
            _disarm(site, change_id)
            _free(change)
            shutil.rmtree(room)
            return {"id": change_id, **found, "changed": False}
        before = store.confirmed(change_id)
    # Killed between the note and the end of the change it was not kept: the timer undid it afterwards.
    if before is not None and not (_undone(site, change_id) or store.archived(change_id)):
        return {"id": change_id, **before, "changed": False}
    _refuse_confirmation(site, change_id, change)
    raise AssertionError("a refusal is raised")  # pragma: no cover


def revert(site: Site, change_id: str = "", *, give_up: bool = False) -> Result | None:
    """Have the host undo the change now, in a unit of its own that outlives this connection.

    Where the timer had undone the change ``change_id`` before, what was written after that is undone; where people or a restart
    had, what they did since is left alone. The result says so (``before``). Return None if none is held and none of that id
    was undone; raise ChangeError if it can't be undone.
    """
    change = site.store.change()
    if change is None or (change_id and change.id != change_id):
        return _revert_again(site, change_id) if change_id else None
    words = _run_program(site, change.id, ["--id", change.id, "--why", "asked", *(["--give-up"] if give_up else [])])
    if site.store.change() is not None:
        attempt = site.store.attempt()
        raise ChangeError(told(attempt) if attempt else f"the change can't be undone: {words or 'it is held as before'}")
    result = _undone(site, change.id)
    if result is None or result.ended_by == "asked":
        return result
    return _revert_again(site, change.id)  # its timer was at it already, perhaps while the run still wrote


def read(site: Site) -> dict[str, Any]:
    """Return the change that is held, with what differs since, and changes that were undone and not told of yet."""
    if not site.store.base.is_dir():
        return {"pending": None, "earlier": []}
    change = site.store.change()
    pending = None
    if change is not None:
        found = compare(site, change)
        pending = {**change.to_json(), "ends_in": site.left(change), "sentence": site.sentence(change), **found}
    return {"pending": pending, "earlier": [_telling(result) for result in site.store.results()]}


def compare(site: Site, change: Change) -> dict[str, Any]:
    """Return the names of what differs from before the change."""
    before = read_snapshot(site.store.pending)
    now = scan(site.root, change.trees)
    running = site.host.read(change.units, change.interfaces)
    return {"changed_paths": changed_paths(before.entries, now), "changed_running": differences(before.running, running)}


def _arm(site: Site, wanted: Wanted) -> Change:
    change_id = make_id(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), secrets.token_hex(2))
    room = site.store.base / f"arming-{change_id}"
    change = Change(
        id=change_id,
        holder=wanted.holder,
        reason=wanted.reason,
        begun=time.time(),
        seconds=wanted.seconds,
        ends=0.0,
        boot=site.boot(),
        trees=tuple(outermost(wanted.scope.trees)),
        units=wanted.scope.units,
        interfaces=wanted.scope.interfaces,
        reserves=tuple(_reserves(site, room, wanted.scope.trees)),
    )
    try:
        room.mkdir(mode=0o700)
        _keep(site, change, room)
        _start_timer(site, change)
        # The clock is read after the timer began, so that what people are told is never less than what they have.
        change = replace(change, ends=time.monotonic() + change.seconds, reserves=_moved(site, room, change.reserves))
        write_json(room / CHANGE, change.to_json())
        room.rename(site.store.pending)
        sync_directory(site.store.base)
    except (OSError, RuntimeError) as error:
        _undo_arming(site, change, room)
        words = f"{error.filename or 'the disk'}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise ChangeError(f"nothing was armed and nothing changed: {words}") from error
    return change


def _keep(site: Site, change: Change, room: Path) -> None:
    with (room / "contents").open("xb") as file:
        keeper = Keeper(file)
        entries = scan(site.root, change.trees, keeper)
        file.flush()
        os.fsync(file.fileno())
        size = min(file.tell() + RESERVE, _LARGEST_RESERVE)
    running = site.host.read(change.units, change.interfaces)
    if running.ruleset:
        site.host.check_ruleset(running.ruleset)
    write_snapshot(room, Snapshot(entries, ancestors(site.root, change.trees), keeper.places, running))
    for reserve in change.reserves:
        make_reserve(Path(reserve), size)


def _reserves(site: Site, room: Path, trees: tuple[str, ...]) -> list[str]:
    """Return one path on every file system that putting back writes to, the one of the snapshot first."""
    found = {site.store.base.stat().st_dev: str(room / "reserve")}
    for tree in outermost(trees):
        above = (site.root / tree.lstrip("/")).parent
        if above.is_dir():
            found.setdefault(above.stat().st_dev, str(above / _RESERVE_NAME))
    return list(found.values())


def _moved(site: Site, room: Path, reserves: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(site.store.pending / "reserve") if Path(path).parent == room else path for path in reserves)


def _start_timer(site: Site, change: Change) -> None:
    site.host.ask(timer_command(change.id, change.timers, change.seconds))
    name = f"{timer_name(change.id, change.timers)}.timer"
    if not site.host.units([name])[name].runs:
        raise ChangeError(f"systemd took the timer {name}, but it does not run")


def _renew(site: Site, change: Change, wanted: Wanted) -> dict[str, Any]:
    """Give the same holder the full time anew: the new timer runs before the old one is stopped."""
    missing = wanted.scope.missing_from(change)
    if missing:
        raise ChangeError(f"this run's change was armed without {missing[0]}: name all it will touch when it is first armed")
    again = replace(change, timers=change.timers + 1, seconds=wanted.seconds)
    _start_timer(site, again)
    again = replace(again, ends=time.monotonic() + again.seconds)
    write_json(site.store.pending / CHANGE, again.to_json())
    site.host.systemctl(["stop", f"{timer_name(change.id, change.timers)}.timer"])
    found = {"id": change.id, "ends_in": site.left(again), "renewed": True, "installed": []}
    return {**found, "taken_over": None, "earlier": [], "changed": False}


def _disarm(site: Site, change_id: str) -> None:
    """Stop the timers; the change is confirmed already, so one that fires regardless finds nothing to do."""
    stop_timers(site.host, change_id)
    pattern = f"{timer_name(change_id, '*')}.timer"
    left = site.host.systemctl(["list-units", "--all", "--plain", "--no-legend", "--state=active", pattern]).split()
    if left:
        raise ChangeError(f"the change is confirmed, but its timer {left[0]} does not stop: stop it by hand")


def _undo_arming(site: Site, change: Change, room: Path) -> None:
    for reserve in change.reserves:
        Path(reserve).unlink(missing_ok=True)
    shutil.rmtree(room, ignore_errors=True)  # the next arming sweeps what stays
    with contextlib.suppress(HostError):  # a timer that runs on finds no change of its id
        stop_timers(site.host, change.id)


def _free(change: Change) -> None:
    for reserve in change.reserves:
        Path(reserve).unlink(missing_ok=True)


def _revert_again(site: Site, change_id: str) -> Result | None:
    """Have the host undo what was written after the change was undone; return None if no change of that id was."""
    first = _undone(site, change_id)
    result = first or site.store.archived(change_id)
    if result is None:
        return None
    if result.ended_by != "timer":
        return replace(result, done=[], problems=[], before=told(result))
    problem = _LEFT
    if first is not None and site.store.change() is None:
        (site.store.reverted(change_id) / AGAIN).unlink(missing_ok=True)
        words = _run_program(site, change_id, ["--again", change_id])
        again = site.store.again(change_id)
        if again is not None:
            return again
        problem = f"whether what was done later is undone can't be told: {words or 'its snapshot or the room for a note is gone'}"
    return replace(result, done=[], problems=[problem], before=told(result))


def _run_program(site: Site, change_id: str, words: list[str]) -> str:
    """Run the program in a unit of its own; return what it says when it fails."""
    name = timer_name(change_id, f"asked-{secrets.token_hex(2)}")
    try:
        site.host.ask(["systemd-run", "--quiet", "--wait", "--collect", f"--unit={name}", PROGRAM, *words])
    except HostError as error:
        return str(error)
    return ""


def _undone(site: Site, change_id: str) -> Result | None:
    """Return how undoing a change went, if it was undone and that was not told of yet."""
    return next((result for result in site.store.results() if result.id == change_id), None)


def _refuse_confirmation(site: Site, change_id: str, change: Change | None) -> None:
    archived = site.store.archived(change_id)
    result = _undone(site, change_id) or archived
    if result is None:
        other = f"; {site.sentence(change)}" if change else ""
        raise ChangeError(f"this host holds no change {change_id}, so there is nothing to confirm{other}")
    if archived is not None or change is not None:
        raise ChangeError(f"{told(result)}; {_LEFT}")
    raise ChangeError(f"{told(result)}: {_MORE}" if result.why == "timer" else told(result))


def _telling(result: Result) -> dict[str, Any]:
    return {**result.to_json(), "sentence": told(result)}
