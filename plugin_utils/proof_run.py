"""Runs the static proof over an inventory: loads, renders, proves, tells and stores. No host is touched.

``python -m plugin_utils.proof_run inventories/twin --json evidence/proof.json``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from module_utils.fabric.model import Fabric
from module_utils.fabric.problems import FabricError, listed
from module_utils.proof.admins import extra_admins
from module_utils.proof.findings import Finding, Kind, Proof
from module_utils.proof.prove import prove

from .evidence import write_private
from .inventory import load_fabric
from .render import decides, render_fabric

STAND_IN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
"""Stands for a person's key where the inventory names none yet, as the twin's does."""
_SHOWN = 200
_PLACES = 3
_NEVER_APPLIED: tuple[Kind, ...] = (
    "extra_login",
    "extra_admin",
    "open_port",
    "passes_on",
    "forwards",
    "account_calls_out",
    "missing_factor",
    "cannot_prove",
)


def with_keys(fabric: Fabric) -> Fabric:
    """Return the fabric with a stand-in key for everybody who has none, so that all logins can be judged."""
    return replace(
        fabric,
        accounts={n: a if a.keys else replace(a, keys=(f"{STAND_IN} {n}",)) for n, a in fabric.accounts.items()},
        operators={n: o if o.keys else replace(o, keys=(f"{STAND_IN} {n}",)) for n, o in fabric.operators.items()},
    )


def prove_inventory(sources: Sequence[str | Path]) -> Proof:
    """Return the proof of an inventory. Raises ``FabricError`` where the inventory itself is wrong."""
    return _proof(with_keys(load_fabric(*sources)))


def objections(sources: Sequence[str | Path]) -> list[str]:
    """Return in words what hosts that enforce would let in beyond the declaration, or what can't be judged of them.

    Whom the inventory's own role arguments would shut out is told, too, once all hosts enforce: before that, what leads
    through one that only observes is closed on purpose. Raises ``FabricError`` as above.
    """
    fabric = with_keys(load_fabric(*sources))
    enforcing = {host.name for host in fabric.managed_hosts if host.enforce}
    every = len(enforcing) == len(fabric.managed_hosts)
    closing = {host.name for host in fabric.managed_hosts if host.overrides} if every else set()
    findings = [
        f
        for f in _proof(fabric).findings
        if (f.kind in _NEVER_APPLIED and f.host in enforcing) or (f.kind == "missing_login" and f.host in closing)
    ]
    return list(_with_places(fabric, {str(finding): finding for finding in findings}.values()))


def _with_places(fabric: Fabric, findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the findings in words; a host's first of each kind says where the inventory sets role arguments for it itself."""
    own = {host.name: [o for o in host.overrides if decides(o)] for host in fabric.managed_hosts}
    places = {name: listed([f"{o.variable} ({o.place})" for o in overrides], _PLACES) for name, overrides in own.items()}
    seen = set()
    for finding in findings:
        words, place = str(finding), places[finding.host]
        if place and place not in words and (finding.host, finding.kind) not in seen:
            seen.add((finding.host, finding.kind))
            words = f"{words} (set for {finding.host} in the inventory itself: {place})"
        yield words


def _proof(fabric: Fabric) -> Proof:
    proof = prove(fabric, render_fabric(fabric))
    proof.findings += extra_admins(fabric)
    proof.fabric = fabric.name
    return proof


def as_json(proof: Proof) -> dict[str, Any]:
    """Return a proof as plain data, with the time of now."""
    return {
        "kind": "proof",
        "fabric": proof.fabric,
        "begun": datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ"),
        "holds": proof.holds,
        "summary": proof.summary(),
        "declared": proof.declared,
        "admitted": proof.admitted,
        "extra": proof.extra,
        "missing": proof.missing,
        "findings": [{**asdict(finding), "text": str(finding)} for finding in proof.findings],
    }


def report(proof: Proof) -> str:
    """Return what a terminal shows: one line for each finding, grouped by host, and the summary."""
    lines = [str(finding) for finding in sorted(proof.findings, key=lambda f: (f.host, f.kind))]
    if len(lines) > _SHOWN:
        lines = [*lines[:_SHOWN], f"... and {len(lines) - _SHOWN} more; --json FILE writes all of them"]
    return "\n".join([*lines, proof.summary()])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line.

    Returns 0 where the proof holds, 1 where it doesn't, 2 where the inventory is wrong or the result can't be written.
    """
    parser = argparse.ArgumentParser(prog="proof", description="Prove who can log in where, from rendered artefacts.")
    parser.add_argument("inventory", nargs="*", default=["inventories/twin"], help="inventory directories or files")
    parser.add_argument("--json", type=Path, help="also write the result here")
    chosen = parser.parse_args(arguments)
    try:
        proof = prove_inventory(chosen.inventory)
    except FabricError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(proof))
    if chosen.json is not None:
        try:
            write_private(chosen.json, as_json(proof))
        except OSError as error:
            print(
                f"{chosen.json}: can't be written ({error.strerror}); run it as its owner, or name another file with --json",
                file=sys.stderr,
            )
            return 2
    return 0 if proof.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
