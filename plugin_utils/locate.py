"""Finds the file and line in which an inventory value was written, for error messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from module_utils.fabric.problems import Key

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SUFFIXES = (".yml", ".yaml")
FOLDERS = ("group_vars", "host_vars")
VAULT_HEADER = "$ANSIBLE_VAULT;"
_TOO_DEEP = "is nested too deeply, or an alias (*name) stands within what it names; write it out"


class Locator:
    """Answers where a key of an inventory stands. Files are read once, when first asked.

    ``precedence`` gives, by host, the names of its groups, the one whose variables win first.
    """

    def __init__(self, sources: Sequence[str | Path], precedence: Mapping[str, Sequence[str]] | None = None) -> None:
        """Keep the inventory sources (directories or files), in Ansible's order: later ones win."""
        self._sources = [Path(s) for s in sources]
        self._precedence = dict(precedence or {})
        self._trees: list[tuple[Path, yaml.Node]] | None = None
        self._broken: list[str] = []

    @property
    def broken(self) -> list[str]:
        """Return one line for each file that is no YAML or writes a key twice: file, line and the parser's words."""
        self._files()
        return self._broken

    def locate(self, key: Key) -> str:
        """Return ``file:line`` of ``key`` or of its nearest parent that is written, else the inventory's path."""
        shared = key[0] == "all"
        owners = self._owners("all" if shared else str(key[1]))
        tail = key[1:] if shared else key[2:]
        for roots in (self._in_folders, self._inline):
            for owner in owners:
                found = self._best(roots(owner), tail)
                if found is not None:
                    return found
        nearest = next((f"{path}:{line}" for path, line in self._hosts(str(key[1]))), None) if not shared else None
        return nearest or ", ".join(str(s) for s in self._sources)

    def _owners(self, owner: str) -> Sequence[str]:
        """Return whose variables may hold a value: a host's own, then its groups'; any group's for the whole fabric."""
        if owner == "all":
            every = [group for groups in self._precedence.values() for group in groups]
            return list(dict.fromkeys(["all", *every]))
        return [owner, *self._precedence.get(owner, ("all",))]

    def _in_folders(self, owner: str) -> Iterator[tuple[Path, yaml.Node]]:
        """Yield the files of a host or group below host_vars and group_vars, which win over what hosts.yml holds."""
        for path, tree in reversed(self._files()):
            folders = [p.name for p in (path.parent, path.parent.parent)]
            if (path.stem == owner and folders[0] in FOLDERS) or (folders[0] == owner and folders[1] in FOLDERS):
                yield path, tree

    def _inline(self, owner: str) -> Iterator[tuple[Path, yaml.Node]]:
        """Yield the mappings of a host or group within inventory files, the last source first."""
        for path, tree in reversed(self._files()):
            yield from ((path, node) for node in _variables_of(tree, owner))

    def _best(self, roots: Iterator[tuple[Path, yaml.Node]], keys: Sequence[str | int]) -> str | None:
        """Return where the first mapping that has the variable has the key, or its nearest written parent."""
        for path, root in roots:
            depth, line = _descend(root, keys)
            if depth > 0:
                return f"{path}:{line}"
        return None

    def _hosts(self, name: str) -> Iterator[tuple[Path, int]]:
        for path, tree in self._files():
            yield from ((path, line) for line in _lines_of_host(tree, name))

    def _files(self) -> list[tuple[Path, yaml.Node]]:
        if self._trees is None:
            self._trees = []
            for path in _yaml_files(self._sources):
                self._read(path, self._trees)
        return self._trees

    def _read(self, path: Path, trees: list[tuple[Path, yaml.Node]]) -> None:
        if path.is_fifo() or path.is_socket() or path.is_char_device() or path.is_block_device():
            self._broken.append(f"{path}: is no file with text; take it out of the inventory")
            return
        try:
            text = path.read_text(encoding="utf-8")
            node = None if text.startswith(VAULT_HEADER) else yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{path}:{mark.line + 1}" if mark else str(path)
            column = f" at column {mark.column + 1}" if mark else ""
            self._broken.append(
                f"{place}: is no YAML: {error.problem or error.context}{column}; correct the line or the one before it"
            )
        except (yaml.YAMLError, UnicodeDecodeError):
            self._broken.append(f"{path}: is no YAML: holds bytes that are no text; save the file as UTF-8")
        except RecursionError:
            self._broken.append(f"{path}: {_TOO_DEEP}")
        except OSError as error:
            self._broken.append(f"{path}: can't be read: {error.strerror}; make it readable for whoever runs the playbook")
        else:
            if node is not None:
                self._take(path, node, trees)

    def _take(self, path: Path, node: yaml.Node, trees: list[tuple[Path, yaml.Node]]) -> None:
        try:
            self._broken.extend(_twice(path, node))
        except RecursionError:
            self._broken.append(f"{path}: {_TOO_DEEP}")
        else:
            trees.append((path, node))


def _yaml_files(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_file():
            beside = [source.parent / folder for folder in FOLDERS]
            yield from (p for folder in beside if folder.is_dir() for p in _within(folder))
            if source.suffix in SUFFIXES:
                yield source
        else:
            yield from _within(source)


def _within(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value


def _variables_of(node: yaml.Node, owner: str) -> Iterator[yaml.Node]:
    """Yield a host's own mapping and a group's ``vars:``, anywhere in an inventory file."""
    for key, value in _pairs(node):
        if key.value == "hosts":
            yield from (v for k, v in _pairs(value) if k.value == owner)
            continue
        if key.value == owner:
            yield from (v for k, v in _pairs(value) if k.value == "vars")
        yield from _variables_of(value, owner)


def _lines_of_host(node: yaml.Node, name: str) -> Iterator[int]:
    for key, value in _pairs(node):
        if key.value == "hosts":
            yield from (k.start_mark.line + 1 for k, _unused in _pairs(value) if k.value == name)
        else:
            yield from _lines_of_host(value, name)


def _descend(node: yaml.Node, keys: Sequence[str | int]) -> tuple[int, int]:
    """Follow ``keys`` as far as they are written; return how far, and the line there (counted from 1)."""
    line = node.start_mark.line + 1
    for depth, key in enumerate(keys):
        if isinstance(key, int) and isinstance(node, yaml.SequenceNode) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
            continue
        pair = next(((k, v) for k, v in _pairs(node) if k.value == key), None)
        if pair is None:
            return depth, line
        line, node = pair[0].start_mark.line + 1, pair[1]
    return len(keys), line


def _twice(path: Path, node: yaml.Node) -> Iterator[str]:
    """Yield a line for each key that a mapping writes twice: the first would silently be lost."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(path, item)
    first: dict[str, int] = {}
    for key, value in _pairs(node):
        name, line = str(key.value), key.start_mark.line + 1
        if name in first:
            yield f"{path}:{line}: {name}: is written already in line {first[name]}; keep one of the two"
        first[name] = line
        yield from _twice(path, value)
