"""What the fabric says an attempt must come to, and which layer must decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..fabric import access, factors
from ..fabric.access import Persona
from ..fabric.model import Fabric, Host
from .attempts import Attempt, Endpoint
from .outcomes import Layer, Verdict
from .plan import Reach, reach

UserKind = Literal["account", "account elsewhere", "operator", "local user", "root", "initial user"]
REASONS: dict[str, tuple[Verdict, Layer]] = {
    "allowed": ("admitted", "none"),
    "no path": ("refused", "network"),
    "packet filter": ("refused", "network"),
    "authentication": ("refused", "authentication"),
    "second factor": ("refused", "authentication"),
    "no shell": ("refused", "session"),
    "no forwarding": ("refused", "forwarding"),
}
"""Why an attempt is to end as it does, with the verdict and the layer that this means."""
_KINDS: dict[access.Kind, UserKind] = {
    "operator": "operator",
    "local_user": "local user",
    "root": "root",
    "initial_user": "initial user",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """The declared end of an attempt: ``reason`` is a key of ``REASONS``."""

    reason: str

    @property
    def verdict(self) -> Verdict:
        """Return the verdict that is declared."""
        return REASONS[self.reason][0]

    @property
    def layer(self) -> Layer:
        """Return the layer that is to decide."""
        return REASONS[self.reason][1]

    @property
    def words(self) -> str:
        """Return the declared end as people say it: ``admitted``, ``refused by authentication``."""
        if self.verdict == "admitted":
            return "admitted"
        return f"refused ({'authentication by sshd or PAM' if self.reason == 'authentication' else self.reason})"


class Expectations:
    """Answers for one fabric what any attempt must come to. Works out the declared logins once."""

    def __init__(self, fabric: Fabric, people: tuple[Persona, ...], known: Reach | None = None) -> None:
        """Take the fabric and who is tried in it."""
        self._fabric = fabric
        self._reach = known or reach(fabric)
        self._people = {p.name: p for p in people}
        self._data_port = fabric.services[access.DATA].port if access.DATA in fabric.services else 0
        self._sign_port = fabric.services[access.SIGN].port if access.SIGN in fabric.services else 0
        self._kinds: dict[tuple[str, str], UserKind] = {}
        self._logins = {
            (path.origin, str(path.destination), p.name)
            for p in people
            for host in fabric.managed_hosts
            for path in access.declared_logins(fabric, p, host)
        }
        self._data = {
            (path.origin, str(path.destination), p.name)
            for p in people
            for host in fabric.managed_hosts
            for path in access.declared_data(fabric, p, host)
        }

    def of(self, origin: str, attempt: Attempt) -> Expected:
        """Return what ``attempt`` from ``origin`` must come to."""
        if attempt.kind == "tcp":
            return Expected(self._connect(origin, attempt.endpoint) or "allowed")
        if attempt.hop is None:
            return Expected(self._login(origin, attempt))
        return Expected(self._through(origin, attempt, attempt.hop))

    def kind(self, user: str, target: str) -> UserKind:
        """Return what kind of user ``user`` is on ``target``: an account is one allowed there or one of elsewhere."""
        if (user, target) not in self._kinds:
            self._kinds[(user, target)] = self._kind(user, target)
        return self._kinds[(user, target)]

    def _kind(self, user: str, target: str) -> UserKind:
        persona = self._people[user]
        if persona.kind != "account":
            return _KINDS[persona.kind]
        host = self._fabric.hosts[target]
        here = (*access.accounts_on(self._fabric, host), *access.data_accounts_on(self._fabric, host))
        return "account" if user in {a.name for a in here} else "account elsewhere"

    def _connect(self, origin: str, endpoint: Endpoint) -> str | None:
        """Return why a connect must fail, or ``None`` where it must not; a host always reaches itself."""
        if origin == endpoint.host or (origin, endpoint.address, endpoint.port) in self._reach.open_ports:
            return None
        linked = _linked(self._fabric, self._fabric.hosts[origin], endpoint)
        return "packet filter" if linked else "no path"

    def _login(self, origin: str, attempt: Attempt) -> str:
        endpoint = attempt.endpoint
        if (refused := self._connect(origin, endpoint)) is not None:
            return refused
        key = (origin, endpoint.address, attempt.user)
        if endpoint.port == self._data_port:
            if key not in self._data:
                return "authentication"
            return "allowed" if attempt.kind == "sftp" else "no shell"
        if endpoint.port == self._sign_port:
            return "authentication"  # login servers alone ask a signer, as a user that is nobody's
        return "allowed" if key in self._logins else "authentication"

    def _through(self, origin: str, attempt: Attempt, hop: Endpoint) -> str:
        at_hop = self._login(origin, Attempt("ssh", hop, attempt.user))
        if at_hop != "allowed":
            return at_hop
        if factors.of_user(self._fabric, self._fabric.hosts[hop.host], attempt.user) == "totp":
            return "second factor"
        operator = self._people[attempt.user].kind == "operator"
        if not operator or (hop.host, attempt.endpoint.address) not in self._reach.onward:
            return "no forwarding"
        if attempt.kind == "forward":
            return "allowed"
        return self._login(hop.host, Attempt("ssh", attempt.endpoint, attempt.user))


def _linked(fabric: Fabric, origin: Host, endpoint: Endpoint) -> bool:
    """Return whether packets from ``origin`` could come to the endpoint's segment: directly, or by a declared gateway."""
    target = fabric.hosts[endpoint.host]
    far = {a.segment for a in target.attachments if endpoint.address in (str(a.ipv4), str(a.ipv6))}
    near = {a.segment for a in origin.attachments}
    if near & far:
        return True
    for flow in fabric.flows:
        for gateway in fabric.members(flow.through) if flow.through else ():
            joined = {a.segment for a in gateway.attachments}
            if joined & near and joined & far:
                return True
    return False
