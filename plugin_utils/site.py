"""What site.yml asks the fabric: who comes when, and the host keys that a login server knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from module_utils.fabric.views import View
from module_utils.matrix.change_proofs import change_proofs

from .inventory import load_fabric


def fabric_stage(view: View | None) -> str:
    """Return the group in which a host is converged: ways in come before what lies behind them."""
    if not view or not view.get("managed"):
        return "stage_foreign"
    if "login_server" in view:
        return "stage_login_servers"
    return "stage_signers" if "certificate_authority" in view else "stage_behind"


def known_hosts_of(text: str) -> dict[str, list[str]]:
    """Return the host keys that a known hosts file of role login_server holds, by each line's first name."""
    keys: dict[str, list[str]] = {}
    for line in text.splitlines():
        names, _unused, key = line.partition(" ")
        if key and not line.startswith("#"):
            keys.setdefault(names.split(",")[0], []).append(key)
    return keys


def fabric_known_hosts(view: View, host_keys: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return what a login server knows of its targets' host keys: ``[{names, key}]``, one for each key.

    ``host_keys`` holds each target's public host keys; a target without any can't be reached and is left out.
    """
    addresses = {peer["name"]: peer["addresses"] for peer in view.get("base", {}).get("hosts", ())}
    targets = [target["name"] for target in view.get("login_server", {}).get("targets", ())]
    return [{"names": [name, *addresses.get(name, ())], "key": key} for name in targets for key in host_keys.get(name, ())]


def fabric_change_proofs(sources: Sequence[str]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return what is tried before a change of each host is kept. Raises ``FabricError`` where the inventory is no fabric."""
    return change_proofs(load_fabric(*sources))
