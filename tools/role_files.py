"""Reads a role's files as data, for the tools that check and describe roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# Rooms of a role whose text can use a variable.
USING_ROOMS = ("tasks", "handlers", "templates", "vars", "defaults", "meta", "files")
YAML_SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True)
class Role:
    """One role: its defaults, argument specs and texts.

    Attributes:
        name: the role's directory name.
        path: the role's directory.
        defaults: content of defaults/main.yml.
        variables: content of vars/main.yml.
        specs: `argument_specs` of meta/argument_specs.yml, by entry point.
        texts: text of each file that can use a variable, by its path inside the role.
    """

    name: str
    path: Path
    defaults: Mapping[str, Any]
    variables: Mapping[str, Any]
    specs: Mapping[str, Mapping[str, Any]]
    texts: Mapping[str, str]

    def task_files(self) -> list[str]:
        """Names of the files directly under tasks/, without suffix."""
        return [Path(name).stem for name in self.texts if Path(name).parent == Path("tasks")]


def load_mapping(path: Path) -> Mapping[str, Any]:
    """Read a YAML file that holds a mapping; a file that is missing or empty is an empty one.

    Raises:
        ValueError: if it holds something else, or no YAML.
    """
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        msg = f"{path}: not YAML: {error}"
        raise ValueError(msg) from error
    if content is not None and not isinstance(content, dict):
        msg = f"{path}: holds a {type(content).__name__}, wanted a mapping."
        raise ValueError(msg)
    return content or {}


def load_role(path: Path) -> Role:
    """Read one role directory.

    Raises:
        ValueError: if a file that must hold a mapping does not.
    """
    files = [file for room in USING_ROOMS for file in sorted((path / room).rglob("*")) if file.is_file()]
    specs = load_mapping(path / "meta" / "argument_specs.yml").get("argument_specs", {})
    return Role(
        name=path.name,
        path=path,
        defaults=load_mapping(path / "defaults" / "main.yml"),
        variables=load_mapping(path / "vars" / "main.yml"),
        specs={entry: spec or {} for entry, spec in (specs or {}).items()},
        texts={str(file.relative_to(path)): file.read_text(errors="replace") for file in files},
    )


def load_roles(roles: Path) -> Iterator[Role]:
    """Yield each role under a roles directory, in the order of names."""
    for path in sorted(roles.glob("*")):
        if (path / "tasks").is_dir() or (path / "meta").is_dir():
            yield load_role(path)
