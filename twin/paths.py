"""Where a twin keeps its things, and how they are named.

Every name that the machine shares (namespaces, control groups, machine names) carries
``kakehashi.<twin>.``; a twin's name has no dot, so that two twins can't be taken for one another.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from twin.errors import TwinError

DEFAULT_CACHE = "/var/cache/kakehashi"
DEFAULT_STATE = "/var/lib/kakehashi"
RUN = "/run/kakehashi"
NETNS = Path("/run/netns")
# Where systemd-nspawn keeps its own files.
NSPAWN = Path("/run/systemd/nspawn")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_UNMOUNTABLE = re.compile(r"[:,\\\s]")


@dataclass(frozen=True)
class Paths:
    """Paths of one twin."""

    twin: str
    cache: Path
    state: Path
    run: Path

    @property
    def images(self) -> Path:
        """Cached images."""
        return self.cache / "images"

    @property
    def nodes(self) -> Path:
        """One directory for each node."""
        return self.state / "nodes"

    @property
    def saves(self) -> Path:
        """Saved states, by label and node."""
        return self.state / "saves"

    @property
    def keys(self) -> Path:
        """Keys of machines and people."""
        return self.state / "keys"

    @property
    def overlay(self) -> Path:
        """The overlay inventory: a directory for Ansible's ``-i``."""
        return self.state / "overlay"

    @property
    def ssh(self) -> Path:
        """The operators' ssh settings."""
        return self.state / "ssh"

    @property
    def sockets(self) -> Path:
        """Shared ssh connections: a short path, since a socket's path may have 108 bytes only."""
        return self.run / "ssh"

    @property
    def record(self) -> Path:
        """What was built: the plan of the last ``up``."""
        return self.state / "twin.json"

    @property
    def lock(self) -> Path:
        """Held by the command that changes the twin."""
        return self.run.parent / f"{self.twin}.lock"

    def node(self, name: str) -> Path:
        """A node's directory."""
        return self.nodes / name

    def scope(self, node: str) -> str:
        """The name of a node's network namespace and machine."""
        return f"kakehashi.{self.twin}.{node}"

    @property
    def scope_prefix(self) -> str:
        """What the names of all its nodes' scopes begin with."""
        return f"kakehashi.{self.twin}."

    def netns(self, node: str) -> Path:
        """A node's network namespace."""
        return NETNS / self.scope(node)


def paths_of(twin: str) -> Paths:
    """Paths of the twin `twin`; KAKEHASHI_CACHE and KAKEHASHI_STATE move the directories."""
    if not _NAME.fullmatch(twin):
        raise TwinError(f"twin name {twin!r}: use 1 to 20 lower-case letters, digits or '-', a letter first")
    cache = Path(os.environ.get("KAKEHASHI_CACHE", DEFAULT_CACHE)).absolute()
    state = Path(os.environ.get("KAKEHASHI_STATE", DEFAULT_STATE)).absolute()
    for variable, path in (("KAKEHASHI_CACHE", cache), ("KAKEHASHI_STATE", state)):
        if _UNMOUNTABLE.search(str(path)):
            raise TwinError(f"{variable}={path}: overlay mounts allow no ':', ',', '\\' or space in a path; choose another")
    return Paths(twin=twin, cache=cache, state=state / twin, run=Path(RUN) / twin)


def remove_empty_parents(paths: Paths) -> None:
    """Remove the directories that twins share once no twin is left in them."""
    for directory in (NSPAWN / "propagate", NSPAWN / "locks", NSPAWN, paths.run.parent, paths.state.parent):
        try:
            directory.rmdir()
        except OSError:
            continue
