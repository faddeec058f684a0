"""Whom a change must not shut out: the user and the address by which the deployer is connected right now."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .pam_files import rule_admits
from .people import Person
from .sshd_settings import Effective, admits


@dataclass(frozen=True)
class Deployer:
    """Who deploys: login ``user`` and ``source`` address."""

    user: str
    source: str


def parse_deployer(given: Mapping[str, str | None]) -> tuple[Deployer | None, list[str]]:
    """Return who is named by ``user`` and ``source``, None if nobody is, and what is wrong with it."""
    user, source = given.get("user"), given.get("source")
    if not user and not source:
        return None, []
    if not user or not source:
        missing = "user" if not user else "source"
        return None, [f"the deployer is named without {missing}: give user and source address together, or neither"]
    try:
        return Deployer(user, str(ipaddress.ip_address(source))), []
    except ValueError:
        return None, [f"the deployer's source {source!r} is no address: write one like 192.0.2.70 or 2001:db8::10"]


def shut_out(deployer: Deployer, people: Sequence[Person], effective: Effective, rules: Mapping[str, Sequence[str]]) -> list[str]:
    """Return why the staged configuration would not let the deployer in again; empty when it would."""
    who = f"the deployer, {deployer.user} from {deployer.source},"
    person = next((p for p in people if p.name == deployer.user), None)
    if person is None:
        declared = ", ".join(p.name for p in people) or "nobody"
        return [f"{who} would be shut out: only {declared} may log in; deploy as one of them, or declare {deployer.user}"]
    reasons = []
    if not admits(effective, deployer.user, deployer.source):
        reasons.append(f"sshd admits {deployer.user} from {', '.join(person.sources) or 'nowhere'} only")
    if not rule_admits(rules, deployer.user, deployer.source):
        reasons.append("PAM does not admit this user from this address")
    if not person.keys and not person.authorities:
        reasons.append(f"neither a public key nor an authority is declared for {deployer.user}")
    if not reasons:
        return []
    return [f"{who} would be shut out: {'; '.join(reasons)}. Add {deployer.source} to the user's sources, or deploy from there"]
