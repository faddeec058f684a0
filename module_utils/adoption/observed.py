"""What enforcing would have denied: the packet filter's record of a machine in observe mode, and its logins. Pure.

In observe mode the ruleset lets everything pass and notes in sets of its own what it would have dropped. Sets need no
log, so they can be read in a container too, whose kernel log nobody sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from ..fabric.model import Fabric, Host
from .judge import whose
from .network import OWN_TABLE
from .report import NO_HISTORY, UNREACHED, judged

SET_PREFIX = "would_drop_"
DIRECTIONS = ("input", "output", "forward")


def would_drop(ruleset: str, now: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each element of the sets.

    A row has ``direction``, ``interface``, ``source``, ``destination``, ``protocol``, ``port``, ``packets`` (first packets
    of connections) and ``last`` (seconds since 1970). ``ruleset`` is JSON of ``nft -j list ruleset``, ``now`` the time it
    was read. Raises ``ValueError`` for other text.
    """
    for item in json.loads(ruleset or "{}").get("nftables", []):
        found = item.get("set")
        if found and (found["family"], found["table"]) == OWN_TABLE and found["name"].startswith(SET_PREFIX):
            direction = found["name"].removeprefix(SET_PREFIX).rpartition("_")[0]
            if direction in DIRECTIONS:
                yield from (_row(direction, element, found.get("timeout", 0), now) for element in found.get("elem", []))


def _row(direction: str, element: Any, timeout: int, now: int) -> dict[str, Any]:
    body = element["elem"] if isinstance(element, dict) and "elem" in element else {"val": element}
    first, second, protocol, port = body["val"]["concat"]
    ends = {
        "input": {"interface": first, "source": second, "destination": ""},
        "output": {"interface": first, "source": "", "destination": second},
        "forward": {"interface": "", "source": first, "destination": second},
    }[direction]
    expires = body.get("expires", timeout)
    return {
        "direction": direction,
        **ends,
        "protocol": str(protocol),
        "port": int(port),
        "packets": int(body.get("counter", {}).get("packets", 0)),
        "last": now - max(0, int(timeout) - int(expires)),
    }


def observed_report(fabric: Fabric, machines: Mapping[str, Mapping[str, Any]], when: str, now: int) -> dict[str, Any]:
    """Return what would have been denied on every managed host, as plain data.

    ``machines`` holds by name ``{ruleset, history}`` as read, or ``{problem}``.
    """
    hosts = [_host(fabric, host, machines[host.name], now) for host in fabric.managed_hosts if host.name in machines]
    return {"kind": "observed", "fabric": fabric.name, "time": when, "hosts": hosts}


def _host(fabric: Fabric, host: Host, read: Mapping[str, Any], now: int) -> dict[str, Any]:
    row: dict[str, Any] = {"name": host.name, "enforce": host.enforce, "problem": read.get("problem", "")}
    if "ruleset" not in read:
        return {**row, "problem": row["problem"] or UNREACHED, "packets": [], "logins": []}
    try:
        packets = list(would_drop(read["ruleset"], now))
    except (ValueError, KeyError, TypeError):
        return {**row, "problem": "nft gave an answer that is no ruleset", "packets": [], "logins": []}
    logins = [judged(fabric, host, login) for login in read.get("history", NO_HISTORY)["rows"]]
    named = [{**p, "who": _who(fabric, p)} for p in packets]
    return {**row, "packets": named, "logins": [login for login in logins if not login["allowed"]]}


def _who(fabric: Fabric, packet: Mapping[str, Any]) -> str:
    """Return whose the other end is; of forwarded packets the origin."""
    text = packet["source"] or packet["destination"]
    return whose(fabric, ip_address(text))
