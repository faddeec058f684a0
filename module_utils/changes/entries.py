"""What stands at a path, how two looks at the same trees differ, and which steps lead back. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

Kind = Literal["file", "directory", "link", "other"]
Action = Literal["remove", "make_directory", "write", "link", "attributes"]
Entries = Mapping[str, "Entry"]


@dataclass(frozen=True)
class Entry:
    """What stands at a path.

    ``content`` is the SHA-256 of a file or the target of a link; ``mtime`` is in nanoseconds; ``extras`` are extended
    attributes (access lists, capabilities) as pairs of name and hexadecimal value.
    """

    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime: int
    content: str = ""
    extras: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """Return the entry that ``to_json`` wrote; raise ValueError for anything else."""
        try:
            return cls(**{**data, "extras": tuple((str(name), str(value)) for name, value in data["extras"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"this is no entry of a snapshot: {error}") from error


@dataclass(frozen=True)
class Step:
    """One thing to do at a path; ``entry`` is what must stand there afterwards, for a removal what stands there now."""

    action: Action
    path: str
    entry: Entry


def steps_back(before: Entries, now: Entries) -> list[Step]:
    """Return the steps from ``now`` to ``before``, all but the attributes of directories, which every step disturbs.

    Removals come first because they give room on a full disk, the deepest first; then directories from the top; then files.
    """
    gone = [path for path in now if path not in before or _in_the_way(before[path], now[path])]
    steps = [Step("remove", path, now[path]) for path in sorted(gone, key=_depth, reverse=True)]
    left = {path: entry for path, entry in now.items() if path not in gone}
    for path in sorted(before, key=_depth):
        step = _step(path, before[path], left.get(path))
        if step is not None:
            steps.append(step)
    return sorted(steps, key=lambda s: _ORDER[s.action])


def directory_steps(before: Entries, now: Entries) -> list[Step]:
    """Return the steps that give directories their attributes back, the deepest first."""
    return [
        Step("attributes", path, before[path])
        for path in sorted(before, key=_depth, reverse=True)
        if before[path].kind == "directory" and path in now and now[path] != before[path]
    ]


def parent_steps(parents: Entries, present: Iterable[str]) -> list[Step]:
    """Return the steps that make lost directories above the trees again."""
    there = set(present)
    lost = sorted((path for path in parents if path not in there), key=_depth)
    made = [Step("make_directory", path, parents[path]) for path in lost]
    return made + [Step("attributes", path, parents[path]) for path in reversed(lost)]


def impossible(before: Entries, now: Entries) -> list[str]:
    """Return the paths of what can't be made again: sockets, devices and the like that are gone."""
    return sorted(p for p, e in before.items() if e.kind == "other" and (p not in now or now[p].kind != "other"))


def changed_paths(before: Entries, now: Entries) -> list[str]:
    """Return the paths where content, owner, mode or kind differ; times alone don't count."""
    paths = sorted({*before, *now})
    return [p for p in paths if _timeless(before.get(p)) != _timeless(now.get(p))]


def describe(step: Step) -> str:
    """Return in words what a step did."""
    words = {
        "remove": "removed {}, which was not there before",
        "make_directory": "made the directory {} again",
        "write": "put {} back",
        "link": "put the link {} back",
        "attributes": "put owner, mode and time of {} back",
    }
    return words[step.action].format(step.path)


_ORDER: dict[Action, int] = {"remove": 0, "make_directory": 1, "write": 2, "link": 2, "attributes": 3}


def _depth(path: str) -> tuple[int, str]:
    return len(PurePosixPath(path).parts), path


def _in_the_way(before: Entry, now: Entry) -> bool:
    """A rename replaces a file or a link by either; a directory and anything else must go first."""
    return before.kind != now.kind and ("directory" in (before.kind, now.kind) or before.kind == "other")


def _step(path: str, before: Entry, now: Entry | None) -> Step | None:
    if before.kind == "directory":
        return None if now is not None else Step("make_directory", path, before)
    if before.kind == "other":
        return None
    if now is None or now.kind != before.kind or now.content != before.content:
        return Step("write" if before.kind == "file" else "link", path, before)
    return None if now == before else Step("attributes", path, before)


def _timeless(entry: Entry | None) -> tuple[Any, ...] | None:
    if entry is None:
        return None
    return entry.kind, entry.mode, entry.uid, entry.gid, entry.content, entry.extras
