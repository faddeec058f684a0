"""Decides which onward key pairs a login server must make, mend or remove. No I/O.

An onward key opens the next machine for an account that has logged in to the login server. It is made there,
and the nodes accept it from declared addresses only. No role takes it elsewhere; validation alone does, for accounts
marked ``probe`` and for the length of a probe (docs/decisions/0011-onward-keys.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Action = Literal["make", "set_attributes", "remove"]

PRIVATE = "id_ed25519"
DIRECTORY_MODE = 0o750
PRIVATE_MODE = 0o640
PUBLIC_MODE = 0o644


@dataclass(frozen=True)
class Pair:
    """What lies in one account's directory. ``good_attributes``: root's, the account's group, modes as they must be.

    ``beside`` is the public half of a second pair, while keys are being replaced. ``beside_alone``: there is a second one, though
    the first is gone, as after somebody removed it; it counts for nothing and goes when the first is made.
    """

    complete: bool
    good_attributes: bool
    public: str = ""
    beside: str = ""
    beside_alone: bool = False


@dataclass(frozen=True)
class Step:
    """One thing to do for one account."""

    action: Action
    account: str


def plan(accounts: Sequence[str], found: Mapping[str, Pair]) -> list[Step]:
    """Return the steps from what is found (by account) to one good pair for each of ``accounts`` and none else."""
    steps: list[Step] = []
    for account in accounts:
        pair = found.get(account)
        if pair is None or not pair.complete:
            steps.append(Step("make", account))
        elif not pair.good_attributes:
            steps.append(Step("set_attributes", account))
    return steps + [Step("remove", name) for name in sorted(set(found) - set(accounts))]


def public_keys(accounts: Iterable[str], found: Mapping[str, Pair]) -> list[dict[str, str]]:
    """Return the public halves that are there, for each of ``accounts``; two of one whose key is being replaced."""
    there = [(a, found[a]) for a in accounts if a in found and found[a].complete]
    return [{"account": a, "key": key} for a, pair in there for key in (pair.public, pair.beside) if key]
