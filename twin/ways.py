"""How people come to the login servers of a twin. Pure."""

from __future__ import annotations

from module_utils.fabric import access
from module_utils.fabric.model import Fabric
from module_utils.fabric.paths import Path as Way
from twin.errors import TwinError


def way_of(fabric: Fabric, account: str) -> Way:
    """Return the first way by which an account may log in to a login server. Raises ``TwinError``."""
    names = [person.name for person in access.present_accounts(fabric)]
    if account not in names:
        raise TwinError(f"{account} is no account of this twin; it has {', '.join(names) or 'none'}")
    for server in access.login_servers(fabric):
        for way in access.declared_logins(fabric, access.Persona("account", account), server):
            return way
    raise TwinError(f"{account} may log in to no login server; declare a flow of the service ssh (for: [accounts]) to one")
