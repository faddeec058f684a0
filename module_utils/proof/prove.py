"""The proof: compares the artefacts of a fabric with its declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..fabric.model import Fabric
from .carriage import Carrier
from .confinement import confinement
from .declared import Declaration
from .factors import second_factors
from .findings import Finding, Proof
from .forwarding import forwarding
from .logins import LoginProof
from .openings import inward, onward, outward
from .problem import CannotProve
from .segments import layer2
from .world import Artefacts, build_world

LOGIN_SERVICES = ("ssh", "data", "sign")
_OBSERVES = "login_restriction only observes here: sshd, PAM and keys stay as they were found; enforce, or ask the host itself"


def prove(fabric: Fabric, artefacts: Artefacts) -> Proof:
    """Return every difference between what ``artefacts`` admit and what ``fabric`` declares.

    Never raises for what stands in an artefact: what can't be judged is a finding.
    """
    declaration, world = Declaration(fabric), build_world(fabric, artefacts)
    carrier = Carrier(world, declaration)
    logins = LoginProof(world, declaration, carrier)
    proof = Proof(findings=[_refused(name, refusal) for name, refusal in world.refused.items()])
    proof.findings += layer2(world)
    for host in fabric.managed_hosts:
        proof.declared += sum(len(way.users) for way in declaration.logins(host))
        model = world.models.get(host.name)
        if model is None:
            continue
        if model.unjudged:
            proof.findings.append(_refused(host.name, _OBSERVES))
        for check in (logins.extra,) if model.unjudged else (logins.extra, logins.missing):
            proof.findings += _guarded(host.name, partial(check, host, model))
        proof.findings += _guarded(host.name, partial(forwarding, host, model, declaration))
        if not model.unjudged:
            proof.findings += _guarded(host.name, partial(second_factors, host, model, declaration))
        for look in (inward, outward, onward):
            proof.findings += _guarded(host.name, partial(look, model, declaration))
        proof.findings += _guarded(host.name, partial(confinement, host, model, declaration))
    proof.findings += _closed_flows(declaration, carrier, frozenset(world.models))
    unjudged = [*world.refused, *(name for name, model in world.models.items() if model.unjudged)]
    refused = sum(len(way.users) for name in unjudged for way in declaration.logins(fabric.hosts[name]))
    proof.admitted = proof.declared - proof.missing - refused + proof.extra
    return proof


def _closed_flows(declaration: Declaration, carrier: Carrier, managed: frozenset[str]) -> Iterator[Finding]:
    """Yield declared flows that aren't carried, other than logins to managed hosts, which are judged by user."""
    shown: set[tuple[str, ...]] = set()
    for path in declaration.paths:
        if path.flow.service in LOGIN_SERVICES and path.target in managed:
            continue
        try:
            obstacle = carrier.obstacle(path)
        except CannotProve as refusal:
            obstacle = (path.target, str(refusal))
        if obstacle is not None and (key := (path.origin, path.target, path.flow.service, *obstacle)) not in shown:
            shown.add(key)
            origin = f"{path.origin} ({path.source}) to {path.target} ({path.destination})"
            yield Finding("closed_flow", obstacle[0], obstacle[1], origin, path.flow.service)


def _guarded(host: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except CannotProve as refusal:
        found.append(_refused(host, str(refusal)))
    return found


def _refused(host: str, reason: str) -> Finding:
    return Finding("cannot_prove", host, reason)
