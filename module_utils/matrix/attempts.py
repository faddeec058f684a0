"""What one origin tries: the dimensions of its part of the matrix, and every attempt they make.

Both sides use this module: the controller to plan and to read results, the probe on the origin to expand its plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["tcp", "ssh", "sftp", "forward", "jump"]
SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listening place: ``host`` is the name whose host key must answer, ``address`` its IPv4 or IPv6 address."""

    host: str
    address: str
    port: int

    @property
    def family(self) -> str:
        """Return ``ipv4`` or ``ipv6``."""
        return "ipv6" if ":" in self.address else "ipv4"

    def __str__(self) -> str:
        return f"{self.host} [{self.address}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing to try from an origin.

    ``tcp`` connects only. ``ssh`` wants a command to run and ``sftp`` a listing. ``forward`` is ``ssh -W`` through
    ``hop`` to ``endpoint``, and ``jump`` is ``ssh -J`` through ``hop``. ``user`` is empty for ``tcp``.
    """

    kind: Kind
    endpoint: Endpoint
    user: str = ""
    hop: Endpoint | None = None

    def __str__(self) -> str:
        through = f" through {self.hop}" if self.hop else ""
        return f"{self.kind} {self.user + '@' if self.user else ''}{self.endpoint}{through}"


@dataclass(frozen=True, slots=True)
class Hop:
    """A host to jump through, by the ``endpoint`` the origin uses, and the ``targets`` as the hop would name them."""

    endpoint: Endpoint
    targets: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class OriginPlan:
    """What an origin tries: each of ``users`` at each of ``endpoints`` and through each of ``hops``.

    ``asked`` are those of them whom login servers ask for a code: they go as far as that question.
    """

    origin: str
    users: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    hops: tuple[Hop, ...] = ()
    asked: tuple[str, ...] = ()


def tcp_attempts(plan: OriginPlan) -> Iterator[Attempt]:
    """Yield one connect for each listening place that any attempt of the plan starts at, each once."""
    seen = dict.fromkeys([*plan.endpoints, *(hop.endpoint for hop in plan.hops)])
    yield from (Attempt("tcp", endpoint) for endpoint in seen)


def cells(plan: OriginPlan) -> Iterator[Attempt]:
    """Yield every cell of the origin's part of the matrix: all attempts but the bare connects."""
    for user in plan.users:
        for endpoint in plan.endpoints:
            yield Attempt("ssh", endpoint, user)
            yield Attempt("sftp", endpoint, user)
        for hop in plan.hops:
            for target in hop.targets:
                yield Attempt("forward", target, user, hop.endpoint)
                yield Attempt("jump", target, user, hop.endpoint)


def plan_to_data(plan: OriginPlan) -> dict[str, Any]:
    """Return the plan as plain JSON data, small enough for a module's argument."""
    return {
        "origin": plan.origin,
        "users": list(plan.users),
        "asked": list(plan.asked),
        "endpoints": [_endpoint_to_data(e) for e in plan.endpoints],
        "hops": [
            {"endpoint": _endpoint_to_data(h.endpoint), "targets": [_endpoint_to_data(t) for t in h.targets]} for h in plan.hops
        ],
    }


def plan_from_data(data: Mapping[str, Any]) -> OriginPlan:
    """Return the plan that ``plan_to_data`` made ``data`` of."""
    return OriginPlan(
        origin=data["origin"],
        users=tuple(data["users"]),
        asked=tuple(data.get("asked", ())),
        endpoints=tuple(_endpoint_from_data(e) for e in data["endpoints"]),
        hops=tuple(
            Hop(_endpoint_from_data(h["endpoint"]), tuple(_endpoint_from_data(t) for t in h["targets"])) for h in data["hops"]
        ),
    )


def attempt_to_data(attempt: Attempt) -> list[Any]:
    """Return an attempt as ``[kind, user, [host, address, port], hop or null]``."""
    hop = _endpoint_to_data(attempt.hop) if attempt.hop else None
    return [attempt.kind, attempt.user, _endpoint_to_data(attempt.endpoint), hop]


def attempt_from_data(data: Sequence[Any]) -> Attempt:
    """Return the attempt that ``attempt_to_data`` made ``data`` of."""
    kind, user, endpoint, hop = data
    return Attempt(kind, _endpoint_from_data(endpoint), user, _endpoint_from_data(hop) if hop else None)


def _endpoint_to_data(endpoint: Endpoint) -> list[Any]:
    return [endpoint.host, endpoint.address, endpoint.port]


def _endpoint_from_data(data: Sequence[Any]) -> Endpoint:
    host, address, port = data
    return Endpoint(host, address, port)
