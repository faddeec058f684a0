"""Records of the bypass catalogue. Made by ``parse.parse_catalogue`` only, which has checked them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..fabric.model import FAMILIES, Family

AT = ("target", "origin", "via", "beyond", "login")
"""Where a layer stands or a step runs: the attacked host, where the attempt starts, the gateway between, the host that a
forwarding aims at, a login server."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that refuses. ``remove`` takes it away on the host ``at``; ``refusals`` are the codes it refuses with.

    One that stands nowhere by itself, since a run of a playbook brings it, is a task of that run instead: ``module`` with
    ``arguments`` (JSON). It is carried out after what an attempt prepares, and taking the layer away is to leave that out.
    """

    name: str
    what: str
    at: str
    remove: str
    refusals: tuple[str, ...]
    undo: str = ""
    module: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A script that root runs on the host ``at``."""

    at: str
    run: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way past the rules.

    ``origin``, ``target``, ``via``, ``beyond`` and ``hop`` (where one logs in on the way) are places (``places.PLACES``, or a
    group of the inventory); ``keys`` what is shown; ``code`` how it is refused as built; ``layers`` those that each refuse it
    alone. ``idea`` says where it is from. An ``open`` attempt succeeds today, and says what will refuse it; ``waits_for``: in a
    word, what it has to wait for. A ``harmless`` one changes nothing anywhere, refused or not. ``sample``: every validation of a
    twin makes it. ``disturbs``: nothing else may run meanwhile.
    """

    name: str
    what: str
    idea: str
    origin: str
    target: str
    script: str
    code: str = ""
    layers: tuple[str, ...] = ()
    user: str = "account"
    keys: tuple[str, ...] = ()
    service: str = "ssh"
    families: tuple[Family, ...] = FAMILIES
    via: str = ""
    beyond: str = ""
    hop: str = ""
    words: str = ""
    prepare: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()
    tried_at: str = "origin"
    open: str = ""
    waits_for: str = ""
    harmless: bool = False
    sample: bool = False
    disturbs: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All attempts, in the order they are written in, and the layers by name."""

    attempts: tuple[Attempt, ...]
    layers: Mapping[str, Layer]
