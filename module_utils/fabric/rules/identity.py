"""Certificates: who signs them is nobody's place to work, and each login server can ask, and nobody else can."""

from __future__ import annotations

from collections.abc import Iterator

from .. import access
from ..access import SIGN
from ..model import OPERATORS, Flow
from ..paths import SSH, all_paths
from ..problems import Problem, agree
from .context import OPERATOR_HOSTS, Context
from .logs import PARTS

_ALONE = "use hosts of their own, which operators alone log in to: who is root there can make a certificate for anybody"


def signers(context: Context) -> Iterator[Problem]:
    """Signers are hosts of ours that do nothing else."""
    identity = context.fabric.identity
    if identity is None:
        return
    names, group = context.names(identity.signers), identity.signers
    work = {
        n for p in context.platforms for part in PARTS if part != "login_servers" for n in context.names(getattr(p, part, None))
    }
    for wrong, message, wanted in (
        ([n for n in names if n in context.names("switches")], "no host", "put switches into other groups"),
        (
            [h.name for h in context.fabric.members(group) if not h.managed],
            "not managed",
            "write fabric_managed: true there, or nobody guards its key",
        ),
        ([n for n in names if n in context.login_servers], "login server too", _ALONE),
        ([n for n in names if n in work], "part of a platform too", _ALONE),
        ([n for n in names if n in context.names(OPERATOR_HOSTS)], "operator host too", _ALONE),
    ):
        if wrong:
            yield context.problem(identity, "signers", group, f"{agree(wrong)} {message}", wanted)
    if SIGN not in context.declared("fabric_services"):
        wanted = f"add a service named {SIGN}, over tcp, to fabric_services"
        yield context.problem(identity, "signers", group, f"can't be asked: there is no service {SIGN}", wanted)
    for flow in context.fabric.flows:
        busy = [n for n in names if n in context.names(flow.through)]
        if busy:
            yield context.problem(flow, "through", flow.through, f"{agree(busy)} signer too", _ALONE)
        serves = [n for n in names if n in context.names(flow.destination)]
        if serves and not _for_signing(flow):
            message = f"{agree(serves)} signer too, and would serve {flow.service} there"
            yield context.problem(flow, "to", flow.destination, message, _ALONE)
        strangers = [n for n in context.names(flow.origin) if n not in context.login_servers]
        if flow.service == SIGN and strangers:
            message = f"{agree(strangers)} no login server, and would ask for certificates"
            yield context.problem(flow, "from", flow.origin, message, "let login servers alone ask")


def asked(context: Context) -> Iterator[Problem]:
    """Each login server from which accounts go on reaches each signer, in both address families."""
    fabric, identity = context.fabric, context.fabric.identity
    if identity is None or SIGN not in fabric.services:
        return
    found = {(p.origin, p.target) for p in all_paths(fabric) if p.flow.service == SIGN}
    for signer in access.signers(fabric):
        lost = [s.name for s in access.login_servers(fabric) if (s.name, signer.name) not in found]
        if lost:
            message = f"{signer.name} can't be asked by {' and '.join(lost)}"
            wanted = f"declare a flow of service {SIGN} from the login servers to {identity.signers}"
            yield context.problem(identity, "signers", identity.signers, message, wanted)


def _for_signing(flow: Flow) -> bool:
    """Return whether a flow leads to a signer for what it is there for: certificates, and operators' logins."""
    return flow.service == SIGN or (flow.service == SSH and set(flow.users) == {OPERATORS})
