"""Decides what must change so that declared files, directories and absences hold. No I/O."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

Kind = Literal["missing", "file", "directory", "link", "other"]
Action = Literal["make_directory", "write", "set_attributes", "remove"]
_SHARED = ("/etc/systemd", "/etc/apt", "/usr/local", "/var/spool")  # directories right below are the system's, too
_OWN_DIRECTORY = 4  # parts, the root among them: /etc and /etc/ssh are the system's, /etc/ssh/authorized_keys.d may be ours
_MODE = re.compile(r"[0-7]{3,4}")


class PlanError(ValueError):
    """A declaration that can't be carried out; the text says what, where and what to do."""


@dataclass(frozen=True)
class File:
    """A file that must have exactly this content, mode and owner. ``owner`` and ``group`` are names or numbers."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Directory:
    """A directory that must exist; ``exclusive``: files in it that are not declared are removed."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    exclusive: bool = False


@dataclass(frozen=True)
class Wish:
    """All that one call declares."""

    files: tuple[File, ...] = ()
    directories: tuple[Directory, ...] = ()
    absent: tuple[str, ...] = ()
    validate: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Found:
    """What is at a path now. ``owner_ok`` and ``group_ok`` compare with the wish; ``entries`` are a directory's files."""

    kind: Kind = "missing"
    mode: int = 0
    owner: str = ""
    group: str = ""
    owner_ok: bool = False
    group_ok: bool = False
    content: bytes = b""
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One thing to do. ``wish`` is None when something is removed; ``found`` is what was there before."""

    action: Action
    path: str
    found: Found
    wish: File | Directory | None = None


def parse(params: Mapping[str, Any]) -> Wish:
    """Return the wish that module arguments declare; raise PlanError naming the first thing that can't be right."""
    wish = Wish(
        files=tuple(_file(item) for item in params.get("files") or ()),
        directories=tuple(_directory(item) for item in params.get("directories") or ()),
        absent=tuple(_path(item) for item in params.get("absent") or ()),
        validate=tuple(tuple(str(word) for word in argv) for argv in params.get("validate") or ()),
    )
    _refuse_twice([*(f.path for f in wish.files), *(d.path for d in wish.directories), *wish.absent])
    declared = {f.path for f in wish.files}
    for argv in wish.validate:
        if not argv:
            raise PlanError("validate holds an empty command: write a program and its arguments, or leave it out")
        for word in argv:
            name = placeholder(word)
            if name is not None and name not in declared:
                raise PlanError(f"validate names {{{name}}}, which is not among files: declare it there")
    return wish


def placeholder(word: str) -> str | None:
    """Return the path that ``{path}`` in a validation argument stands for, or None for an ordinary word."""
    return word[1:-1] if word.startswith("{/") and word.endswith("}") else None


def substitute(argv: Sequence[str], staged: Mapping[str, str]) -> list[str]:
    """Return a validation command with each ``{path}`` replaced by the staged copy of that file."""
    words = ((word, placeholder(word)) for word in argv)
    return [word if name is None else staged[name] for word, name in words]


def plan(wish: Wish, found: Mapping[str, Found]) -> tuple[Step, ...]:
    """Return the steps from what is found to what is wished: directories from the top, then files, then removals."""
    steps = [*_directories(wish, found), *_files(wish, found), *_removals(wish, found)]
    return tuple(steps)


def diffs(steps: Sequence[Step]) -> list[dict[str, str]]:
    """Return the steps in the shape of Ansible's diff mode."""
    return [
        {
            "before_header": step.path,
            "after_header": step.path,
            "before": _describe_found(step.found, with_content=step.action in ("write", "remove")),
            "after": _describe_wish(step),
        }
        for step in steps
    ]


def _directories(wish: Wish, found: Mapping[str, Found]) -> Iterator[Step]:
    for directory in sorted(wish.directories, key=lambda d: d.path):
        now = found.get(directory.path, Found())
        if now.kind == "missing":
            yield Step("make_directory", directory.path, now, directory)
        elif now.kind != "directory":
            raise PlanError(f"{directory.path} is not a directory but a {now.kind}: move it away, then run again")
        elif not _attributes_hold(directory.mode, now):
            yield Step("set_attributes", directory.path, now, directory)


def _files(wish: Wish, found: Mapping[str, Found]) -> Iterator[Step]:
    for file in wish.files:
        now = found.get(file.path, Found())
        if now.kind == "directory":
            raise PlanError(f"{file.path} is a directory, a file is wanted there: move it away, then run again")
        if now.kind != "file" or now.content != file.content:
            yield Step("write", file.path, now, file)
        elif not _attributes_hold(file.mode, now):
            yield Step("set_attributes", file.path, now, file)


def _removals(wish: Wish, found: Mapping[str, Found]) -> Iterator[Step]:
    for path in wish.absent:
        now = found.get(path, Found())
        if now.kind == "directory":
            raise PlanError(f"{path} is a directory and only files are removed: remove it by hand, then run again")
        if now.kind != "missing":
            yield Step("remove", path, now)
    declared = {f.path for f in wish.files} | set(wish.absent)
    for directory in wish.directories:
        if directory.exclusive:
            for name in sorted(found.get(directory.path, Found()).entries):
                path = str(PurePosixPath(directory.path) / name)
                if path not in declared:
                    yield Step("remove", path, found.get(path, Found(kind="other")))


def _attributes_hold(mode: int, now: Found) -> bool:
    return now.mode == mode and now.owner_ok and now.group_ok


def _file(item: Mapping[str, Any]) -> File:
    path = _path(item["path"])
    content = item.get("content")
    if content is None:
        raise PlanError(f"{path} has no content: write it, or name the path under absent")
    return File(path, str(content).encode(), _mode(item, path, "0644"), *_owners(item))


def _directory(item: Mapping[str, Any]) -> Directory:
    path = _path(item["path"])
    exclusive = bool(item.get("exclusive"))
    if exclusive and (len(PurePosixPath(path).parts) < _OWN_DIRECTORY or str(PurePosixPath(path).parent) in _SHARED):
        raise PlanError(f"{path} belongs to the system, so files in it are not removed: name a directory of its own below it")
    return Directory(path, _mode(item, path, "0755"), *_owners(item), exclusive=exclusive)


def _owners(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item.get("owner") or "root"), str(item.get("group") or "root")


def _path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) != text or path == PurePosixPath("/"):
        raise PlanError(f"{text!r} is not a plain absolute path: write it like /etc/hosts, without .. or a last /")
    return text


def _mode(item: Mapping[str, Any], path: str, default: str) -> int:
    text = str(item.get("mode") or default)
    if not _MODE.fullmatch(text):
        raise PlanError(f"the mode {text!r} of {path} is not octal: write it in quotes, like '0644'")
    return int(text, 8)


def _refuse_twice(paths: Sequence[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise PlanError(f"{path} is declared twice: it can be a file, a directory or absent, and only once")
        seen.add(path)


def _describe_found(now: Found, *, with_content: bool) -> str:
    if now.kind == "missing":
        return ""
    head = f"# {now.kind} {now.mode:04o} {now.owner}:{now.group}\n"
    return head + (_shown(now.content) if with_content and now.kind == "file" else "")


def _describe_wish(step: Step) -> str:
    wish = step.wish
    if wish is None:
        return ""
    kind = "file" if isinstance(wish, File) else "directory"
    head = f"# {kind} {wish.mode:04o} {wish.owner}:{wish.group}\n"
    return head + (_shown(wish.content) if isinstance(wish, File) and step.action == "write" else "")


def _shown(content: bytes) -> str:
    """Return a text as it is; of a program only which one, since its bytes would steer the terminal that shows them."""
    if b"\0" not in content:
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode()
    return f"# {len(content)} bytes that are no text, sha256 {hashlib.sha256(content).hexdigest()}\n"
