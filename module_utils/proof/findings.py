"""What the proof finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..fabric.problems import listed

Kind = Literal[
    "extra_login",
    "extra_admin",
    "missing_login",
    "missing_layer",
    "missing_factor",
    "open_port",
    "closed_flow",
    "calls_out",
    "account_calls_out",
    "passes_on",
    "forwards",
    "layer2",
    "cannot_prove",
]
WORDS: dict[Kind, str] = {
    "extra_login": "a login that isn't declared is admitted",
    "extra_admin": "somebody who is no operator may become root",
    "missing_login": "a declared login is refused",
    "missing_layer": "a layer doesn't refuse alone",
    "missing_factor": "a second factor that is declared isn't asked for",
    "open_port": "a port is open to more than is declared",
    "closed_flow": "a declared flow is refused",
    "calls_out": "a host may connect to more than is declared",
    "account_calls_out": "an account's processes may connect to more than is declared for them",
    "passes_on": "a gateway passes on more than is declared",
    "forwards": "sshd forwards other than is declared",
    "layer2": "switch ports and segments differ",
    "cannot_prove": "an artefact can't be judged",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between artefacts and declaration.

    ``host`` is where the artefact lies, ``users`` whom it is about (none: everybody), ``origin`` from where, in words,
    ``service`` by what, and ``reason`` the line that admits or what refuses. ``pairs`` counts the logins concerned.
    """

    kind: Kind
    host: str
    reason: str
    origin: str = ""
    service: str = ""
    users: tuple[str, ...] = ()
    layer: str = ""
    pairs: int = 0

    def __str__(self) -> str:
        who = listed(self.users)
        parts = [f"{self.host}: {WORDS[self.kind]}"]
        parts += [f"layer {self.layer}"] if self.layer else []
        parts += [f"as {who}"] if who else []
        parts += [f"from {self.origin}"] if self.origin else []
        parts += [f"by {self.service}"] if self.service else []
        return f"{', '.join(parts)}: {self.reason}"


@dataclass(slots=True)
class Proof:
    """The result: ``findings``, and how many (origin address, user, target address) pairs are declared and admitted.

    ``fabric`` is the name of the fabric that was proved.
    """

    findings: list[Finding] = field(default_factory=list)
    declared: int = 0
    admitted: int = 0
    fabric: str = ""

    @property
    def holds(self) -> bool:
        """Return whether artefacts and declaration agree."""
        return not self.findings

    @property
    def extra(self) -> int:
        """Return how many pairs are admitted and not declared."""
        return sum(f.pairs for f in self.findings if f.kind == "extra_login")

    @property
    def missing(self) -> int:
        """Return how many pairs are declared and not admitted."""
        return sum(f.pairs for f in self.findings if f.kind == "missing_login")

    def summary(self) -> str:
        """Return the result in one line."""
        counts = f"{self.declared} pairs declared, {self.admitted} admitted, {self.extra} extra, {self.missing} missing"
        others = sum(1 for f in self.findings if f.kind not in ("extra_login", "missing_login"))
        return counts if not others else f"{counts}; {others} other finding{'s' if others > 1 else ''}"
