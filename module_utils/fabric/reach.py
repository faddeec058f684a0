"""What everybody can reach, as a table: where they log in, where they go on to, and whose data they read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import access
from .access import Persona
from .model import Fabric, Host
from .paths import Path, all_paths
from .tables import aligned

_WIDTHS = (14, 24, 30, 34, 24)
NOWHERE = "nowhere"


def reach_table(fabric: Fabric) -> str:
    """Return a row for everybody who is declared, the absent ones too: from where they log in, to where, and what they read."""
    every = tuple(all_paths(fabric))
    rows = [_account(fabric, name, every) for name in fabric.accounts]
    rows += [_operator(fabric, name, every) for name in fabric.operators]
    return aligned(("who", "from", "logs in to", "goes on to", "reads data of"), rows, wrap=_WIDTHS)


def _account(fabric: Fabric, name: str, every: Sequence[Path]) -> Sequence[str]:
    if fabric.accounts[name].state != "present":
        return (name, "", NOWHERE, "", "")
    person = Persona("account", name)
    data = [h.name for h in fabric.hosts.values() if any(access.declared_data(fabric, person, h, every))]
    return (name, *_logins(fabric, person, every), ", ".join(data))


def _operator(fabric: Fabric, name: str, every: Sequence[Path]) -> Sequence[str]:
    who = f"{name} (sealed operator)" if fabric.operators[name].break_glass else f"{name} (operator)"
    if fabric.operators[name].state != "present":
        return (who, "", NOWHERE, "", "")
    return (who, *_logins(fabric, Persona("operator", name), every), "")


def _logins(fabric: Fabric, person: Persona, every: Sequence[Path]) -> tuple[str, str, str]:
    """Return from where somebody comes, the login servers, and the hosts behind these."""
    found = {h.name: tuple(access.declared_logins(fabric, person, h, every)) for h in fabric.hosts.values()}
    entrances = [h for h in access.login_servers(fabric) if found.get(h.name)]
    behind = [h for h in fabric.hosts.values() if found[h.name] and h not in entrances]
    origins = dict.fromkeys(path.origin for host in entrances for path in found[host.name])
    return ", ".join(origins), _names(entrances), _names(behind)


def _names(hosts: Iterable[Host]) -> str:
    return ", ".join(host.name for host in hosts)
