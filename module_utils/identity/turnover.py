"""Decides the next step by which key pairs are replaced, from which keys are where. No I/O.

A pair lies with its holder, who uses it; a second one may lie beside it. Takers are the hosts (or files of hosts) that take
keys. Nothing else is kept anywhere, so whoever reads the same state goes on with the same step. A holder uses no key
that a taker lacks, and the key before goes only when every taker has the one in use.

Keys that certify hosts have bearers besides: hosts that show what was signed by one of them. They are certified anew by the
key in use before the one before it goes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..fabric.problems import listed

Step = Literal["make", "take", "switch", "certify", "forget", "withdraw", "done"]
STEPS: tuple[Step, ...] = ("make", "take", "switch", "certify", "forget", "withdraw")
DAY = 86400


@dataclass(frozen=True)
class Pair:
    """A holder's pair by its public half, how old it is (seconds), and the one beside: newer (``following``) or older."""

    subject: str
    holder: str
    current: str
    age: float = 0.0
    beside: str = ""
    following: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """Return the public halves that are there."""
        return frozenset(key for key in (self.current, self.beside) if key)


@dataclass(frozen=True)
class Taker:
    """What takes keys of ``subjects`` on ``host``; ``takes`` is ``None`` where it could not be read."""

    host: str
    subjects: frozenset[str]
    takes: frozenset[str] | None


@dataclass(frozen=True)
class Bearer:
    """A host that shows a certificate by one of ``subjects``: ``shows`` is who signed it, empty where there is none.

    ``shows`` is ``None`` where it could not be read; ``off`` tells that the host was out of reach, which nobody waits for.
    """

    host: str
    subjects: frozenset[str]
    shows: str | None
    off: bool = False


@dataclass(frozen=True)
class Decision:
    """The next step, the subjects and hosts it concerns, and why it can't be made (empty where it can)."""

    step: Step
    subjects: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    refusal: str = ""


def decide(
    pairs: Sequence[Pair],
    takers: Sequence[Taker],
    days: float,
    without: Collection[str] = (),
    resting: Collection[str] = (),
    bearers: Sequence[Bearer] = (),
) -> Decision:
    """Return the next step. Pairs of ``days`` or older are due; of hosts to do ``without`` nothing is waited for.

    Subjects that are ``resting`` are not switched yet, and hold no other back.
    """
    missing = [pair for pair in pairs if not pair.current]
    if missing:
        return Decision("done", refusal=_unread(missing))
    asked = [taker for taker in takers if taker.host not in without]
    shown = [bearer for bearer in bearers if bearer.host not in without]
    found: dict[Step, list[Pair]] = {step: [] for step in (*STEPS, "done")}
    for pair in pairs:
        step = _step_of(pair, pairs, asked, days)
        mine = (bearer for bearer in shown if pair.subject in bearer.subjects)
        if step not in ("take", "switch") and any(outdated(bearer, pairs) for bearer in mine):
            step = "certify"
        found["done" if step == "switch" and pair.subject in resting else step].append(pair)
    # A replacement that is past its middle is ended first: else a key made a moment ago would be due again.
    order: tuple[Step, ...] = ("take", "switch", "certify", "forget", "withdraw", "make")
    if found["make"] and not any(found[step] for step in ("certify", "forget", "withdraw")):
        order = STEPS
    chosen = next((step for step in order if found[step]), None)
    return Decision("done") if chosen is None else _decision(chosen, found[chosen], pairs, asked, shown)


def stale(taker: Taker, pairs: Sequence[Pair]) -> frozenset[str]:
    """Return the keys that a taker takes though no holder has them."""
    known = frozenset(key for pair in pairs if pair.subject in taker.subjects for key in pair.keys)
    return (taker.takes or frozenset()) - known


def outdated(bearer: Bearer, pairs: Sequence[Pair]) -> bool:
    """Return whether a host shows a certificate by a key that is to go, or that no holder has."""
    mine = [pair for pair in pairs if pair.subject in bearer.subjects]
    good = {pair.current for pair in mine} | {pair.beside for pair in mine if pair.following}
    return bool(bearer.shows) and bearer.shows not in good


def _step_of(pair: Pair, pairs: Sequence[Pair], takers: Sequence[Taker], days: float) -> Step:
    mine = [taker for taker in takers if pair.subject in taker.subjects]
    awaited = pair.beside if pair.beside and pair.following else pair.current
    if any(taker.takes is not None and awaited not in taker.takes for taker in mine):
        return "take"
    if pair.beside:
        return "switch" if pair.following else "forget"
    if any(stale(taker, pairs) for taker in mine):
        return "withdraw"
    return "make" if pair.age >= days * DAY else "done"


def _decision(
    step: Step, concerned: Sequence[Pair], pairs: Sequence[Pair], takers: Sequence[Taker], bearers: Sequence[Bearer]
) -> Decision:
    subjects = tuple(pair.subject for pair in concerned)
    theirs = [taker for taker in takers if taker.subjects & set(subjects)]
    if step == "take":
        hosts = [t.host for t in theirs if t.takes is not None and not _awaited(t, concerned) <= t.takes]
        return Decision(step, subjects, tuple(dict.fromkeys(hosts)))
    if step == "withdraw":
        return Decision(step, subjects, tuple(dict.fromkeys(t.host for t in theirs if stale(t, pairs))))
    if step == "certify":
        return Decision(step, subjects, tuple(b.host for b in bearers if b.subjects & set(subjects) and outdated(b, pairs)))
    holders = tuple(dict.fromkeys(pair.holder for pair in concerned))
    silent = [taker.host for taker in theirs if taker.takes is None]
    if step in ("switch", "forget") and silent:
        return Decision(step, subjects, holders, _waiting(step, silent))
    unseen = [b.host for b in bearers if b.subjects & set(subjects) and b.shows is None and not b.off]
    if step == "forget" and unseen:
        return Decision(step, subjects, holders, _uncertified(unseen))
    return Decision(step, subjects, holders)


def _awaited(taker: Taker, pairs: Sequence[Pair]) -> frozenset[str]:
    mine = (pair for pair in pairs if pair.subject in taker.subjects)
    return frozenset(pair.beside if pair.beside and pair.following else pair.current for pair in mine)


def _unread(pairs: Sequence[Pair]) -> str:
    who = listed(f"{pair.subject} on {pair.holder}" for pair in pairs)
    return (
        f"the key in use of {who} is not known, and without it nobody can tell which keys were withdrawn: run again once the "
        "holder answers (playbooks/site.yml makes a pair that is missing); rotate_without is for hosts that take keys only"
    )


def _waiting(step: Step, silent: Sequence[str]) -> str:
    what = "the new key is not taken into use" if step == "switch" else "the old key is kept"
    names = sorted(set(silent))
    return (
        f"{what}, because {listed(names)} could not be asked whether the new one is known there: run again when that is mended, "
        f"or do without, whose accounts may then be shut out: -e '{{\"rotate_without\": [{', '.join(names)}]}}'"
    )


def _uncertified(unseen: Sequence[str]) -> str:
    names = sorted(set(unseen))
    return (
        f"the old key is kept, because the certificates of {listed(names)} could not be read, though they are not off: run "
        "again when that is mended, or do without, and they are known by their host keys alone until playbooks/site.yml has run "
        f"there: -e '{{\"rotate_without\": [{', '.join(names)}]}}'"
    )


def table(pairs: Sequence[Pair], takers: Sequence[Taker], prints: Mapping[str, str], bearers: Sequence[Bearer] = ()) -> list[str]:
    """Return lines that tell which keys are where and how old they are; ``prints`` are fingerprints by key."""
    lines = []
    for pair in pairs:
        age = f"{pair.age / DAY:.1f} days" if pair.current else "not read"
        lines.append(
            f"{pair.subject} on {pair.holder}: in use {prints.get(pair.current, '-')}, {age}"
            f"{_taken(pair, takers, pair.current)}{_shown(bearers, pair.current)}"
        )
        if pair.beside:
            role = "next" if pair.following else "before"
            told = f"{_taken(pair, takers, pair.beside)}{_shown(bearers, pair.beside)}"
            lines.append(f"    {role} {prints.get(pair.beside, '-')}{told}")
    for taker in takers:
        for key in sorted(stale(taker, pairs)):
            told = f"{taker.host} still takes {prints.get(key, '-')} for {listed(sorted(taker.subjects))}, which no holder has"
            if told not in lines:
                lines.append(told)
    held = {key for pair in pairs for key in pair.keys}
    # While a holder is not read, it may be the one.
    read = all(pair.current for pair in pairs)
    strange = [bearer for bearer in bearers if read and bearer.shows and bearer.shows not in held]
    lines += [f"{b.host} shows a certificate by {prints.get(b.shows or '', '-')}, which no holder has" for b in strange]
    if unread := [bearer.host for bearer in bearers if bearer.shows is None]:
        lines.append(f"the certificates of {listed(unread)} could not be read")
    return lines


def _shown(bearers: Sequence[Bearer], key: str) -> str:
    mine = [bearer.host for bearer in bearers if bearer.shows == key and key]
    return f"; certifies {listed(mine)}" if mine else ""


def _taken(pair: Pair, takers: Sequence[Taker], key: str) -> str:
    mine = [taker for taker in takers if pair.subject in taker.subjects]
    words = (
        ("taken by", [t.host for t in mine if t.takes is not None and key in t.takes]),
        ("not by", [t.host for t in mine if t.takes is not None and key not in t.takes]),
        ("not read", [t.host for t in mine if t.takes is None]),
    )
    return "".join(f"; {word} {listed(sorted(set(hosts)))}" for word, hosts in words if hosts)
