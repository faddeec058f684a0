"""What site.yml asks the fabric: who comes when, and the host keys that a login server knows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from module_utils.changes.clocks import Reading, judged
from module_utils.fabric.problems import listed
from module_utils.fabric.views import View
from module_utils.identity.host_certificates import ending, lines_of_each
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


def fabric_change_proofs(sources: Sequence[str], without: Sequence[str] = ()) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return what is tried before a change of each host is kept, nothing of it by the login servers that a run does ``without``.

    Raises ``FabricError`` where the inventory is no fabric.
    """
    return change_proofs(load_fabric(*sources), without)


def certificates_ending(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], seconds: float) -> str:
    """Return in one sentence whose host certificates, as read from ``hosts``, end within ``seconds``; nothing where none does."""
    read = ((host, (hostvars[host].get("__host_time") or {}).get("certificate")) for host in hosts)
    shown = {host: str(line) for host, line in read if line}
    return ending(shown, time.time(), seconds)


def goes_by_time(view: View | None) -> bool:
    """Return whether certificates or codes are made, taken or shown by a host, so that its clock decides who gets in."""
    return bool(view and view.get("managed") and ("host_certificate" in view or _decides_by_time(view)))


def _decides_by_time(view: View) -> bool:
    """Return whether a host makes certificates, or is a login server that asks for certificates or codes."""
    if "certificate_authority" in view:
        return True
    codes = view.get("login_restriction", {}).get("totp_users")
    return "login_server" in view and bool("onward_certificates" in view or codes or takes_operators_certificates(view))


def clocks(
    hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], views: Mapping[str, View], seconds: float
) -> dict[str, str]:
    """Return what is to be said of the clocks of ``hosts``, as ``host_time`` read them: ``refused`` and ``told``.

    ``seconds`` is how much those of signers and login servers may be wrong.
    """
    read = ((host, hostvars[host].get("__host_time") or {}) for host in hosts)
    readings = {host: Reading(int(t["shown"]), float(t["asked"]), float(t["answered"])) for host, t in read if t.get("shown")}
    deciding = [host for host in readings if host in views and _decides_by_time(views[host])]
    return asdict(judged(readings, deciding, seconds))


def takes_operators_certificates(view: View | None) -> bool:
    """Return whether operators may come to a host by certificates."""
    users = (view or {}).get("login_restriction", {}).get("users", ())
    return any(user.get("authorities") for user in users)


def let_in_by(view: View, user: str) -> dict[str, list[str]]:
    """Return by what ``user`` may come to a host.

    ``keys`` and ``authorities`` are lines of public keys, ``revoked`` names of certificates.
    """
    restriction = view["login_restriction"]
    mine = [each for each in restriction["users"] if each["name"] == user]
    keys, authorities = ([line for each in mine for line in each.get(part) or ()] for part in ("keys", "authorities"))
    return {"keys": keys, "authorities": authorities, "revoked": list(restriction.get("revoked") or ())}


def sessions_refused(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> str:
    """Return why a run must not begin, by what ``session_certificate`` told of ``hosts``; nothing where nothing is in the way."""
    told = ((host, (hostvars[host].get("__session_certificate") or {}).get("refusal")) for host in hosts)
    refused = {host: str(why) for host, why in told if why}
    if not refused:
        return ""
    first = next(iter(refused))
    others = f" (likewise on {listed(list(refused)[1:], 3)})" if len(refused) > 1 else ""
    return f"Nothing was changed on any host. On {first}{others}, {refused[first]}"


def operators_known_hosts(
    views: Mapping[str, View], authorities: Mapping[str, Sequence[str]], host_keys: Mapping[str, Sequence[str]]
) -> str:
    """Return known hosts for operators: the authorities for all that show certificates, and beside them the keys that are known.

    Once a certificate ended, ssh takes the key.
    """
    reached = {name: view["host_certificate"]["principals"] for name, view in views.items() if "host_certificate" in view}
    names = [name for principals in reached.values() for name in principals]
    keys = (f"{','.join(reached[host])} {' '.join(key.split()[:2])}\n" for host in reached for key in host_keys.get(host, ()))
    return lines_of_each(authorities.values(), list(dict.fromkeys(names))) + "".join(keys)
