"""The rule by which attempts that can't differ share one result.

An attempt rests on earlier ones, its premises: a login on the TCP connect, an sftp session on the same login by ssh,
``-W`` on the login at the hop, ``-J`` on ``-W`` to the same place. Where a premise was refused at a step that the
attempt would have to pass in the same way, its result is the attempt's result, and nothing is tried:

* A refused connect is refused for every user: a listening place's packet filter sees no user.
* A refused authentication is the same for ssh, sftp, ``-W`` and ``-J``: a client says what it wants afterwards.
* ``-J`` is a login through a ``-W``: where that isn't forwarded, there is no connection to log in over.

Nothing is shared across origins, addresses, users or hops, and nothing that was admitted is ever taken from another
attempt. See docs/decisions/0041-matrix-sharing.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from .attempts import Attempt
from .outcomes import Outcome


def premises(attempt: Attempt) -> tuple[Attempt, ...]:
    """Return the attempts that ``attempt`` rests on, in the order in which they come about."""
    if attempt.kind == "tcp":
        return ()
    start = attempt.hop or attempt.endpoint
    connect = Attempt("tcp", start)
    if attempt.kind == "ssh":
        return (connect,)
    login = Attempt("ssh", start, attempt.user)
    if attempt.kind in ("sftp", "forward"):
        return (connect, login)
    return (connect, login, Attempt("forward", attempt.endpoint, attempt.user, attempt.hop))


def settles(premise: Attempt, outcome: Outcome) -> bool:
    """Return whether ``outcome`` of a premise is the result of everything that rests on it."""
    if outcome.verdict != "refused":
        return False
    if premise.kind == "ssh":
        return outcome.layer in ("network", "authentication")
    return True


def derive(attempt: Attempt, made: Mapping[Attempt, Outcome]) -> tuple[Outcome, Attempt] | None:
    """Return the result that ``attempt`` shares and the attempt it comes from; ``None`` where it must be tried.

    ``made`` holds what was tried before. A premise that wasn't tried settles nothing.
    """
    for premise in premises(attempt):
        outcome = made.get(premise)
        if outcome is not None and settles(premise, outcome):
            return outcome, premise
    return None
