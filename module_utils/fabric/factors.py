"""By what people log in to login servers beside their key."""

from __future__ import annotations

from typing import Literal

from . import access
from .model import Account, Fabric, Host, Operator

Factor = Literal["none", "totp", "security_key"]


def factor(fabric: Fabric, person: Account | Operator) -> Factor:
    """Return what a login server asks ``person`` for: a code, or that every key be a security key with its PIN.

    Whoever has nothing but security keys shows both factors with them. One plain key more, and a code is asked for.
    """
    declared = person.second_factor if person.second_factor is not None else fabric.second_factor
    if declared == "none":
        return "none"
    return "security_key" if person.keys and all(key.startswith("sk-") for key in person.keys) else "totp"


def users(fabric: Fabric, host: Host, wanted: Factor) -> list[str]:
    """Return whom ``host`` asks for a second factor of this kind; only login servers ask."""
    if not access.is_login_server(fabric, host):
        return []
    people: list[Account | Operator] = [*access.present_operators(fabric), *access.accounts_on(fabric, host)]
    return [person.name for person in people if factor(fabric, person) == wanted]


def of_user(fabric: Fabric, host: Host, name: str) -> Factor:
    """Return what ``host`` asks the user ``name`` for."""
    person = fabric.accounts.get(name) or fabric.operators.get(name)
    known = person is not None and person.state == "present" and access.is_login_server(fabric, host)
    return factor(fabric, person) if known and person is not None else "none"
