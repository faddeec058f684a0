"""Whether a ruleset lets the deployer in again. No I/O.

Reads the forms that roles/packet_filter writes and no others, in their order: a rule it can't read doesn't count as an
acceptance, and one that may refuse the deployer before the acceptance counts as a refusal.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence

from ..deployer.connection import Connection

_CHAIN = re.compile(r"\s*chain input \{")
_ACCEPT = re.compile(
    r'iifname "(?P<interface>[^"]+)" (?P<family>ip6?) saddr (?P<peers>\{[^}]*\}|\S+) tcp dport (?P<port>\d+) accept\b.*'
)
_QUOTED = re.compile(r'"[^"]*"')
# None of them matches a new tcp connection to an interface's own address; the chain's own line comes among its rules.
_OTHER = re.compile(
    r"(icmp|icmpv6|udp|ct state (invalid|established,related)|type filter hook|"
    r"fib daddr \. iif type != \{[^}]*\blocal\b[^}]*\}) .*"
)
_ENDS = re.compile(r"\b(drop|reject|jump|goto|return|queue)\b")
# Slows each source down, and refuses none that keeps to the rate.
_SLOWS = re.compile(r"iifname .* update @\w+ \{ ip6? saddr \. tcp dport limit rate over [^}]*\} drop\b.*")
_INTERFACE = re.compile(r'iifname "(?P<interface>[^"]+)" .*')
_LAST = re.compile(r"(counter )?accept")


def refusal(ruleset: str, connection: Connection | None, addresses: Mapping[str, Sequence[str]]) -> str | None:
    """Return why loading ``ruleset`` would shut the deployer out, or None if it would not.

    ``addresses`` holds each interface's addresses (without prefix length); a local run (no connection) is never shut out.
    """
    if connection is None:
        return None
    interface = next((name for name, own in addresses.items() if connection.address in own), None)
    if interface is None:
        return (
            f"The deployer came in to {connection.address}, which no interface holds now: "
            "log in by an address of an interface, then run again"
        )
    if accepts(ruleset, interface, connection.source, connection.port):
        return None
    return (
        f"These rules would shut out the deployer, who is logged in from {connection.source} "
        f"to {connection.address} port {connection.port} on {interface}, so nothing was changed: "
        f"accept that source on that interface, or deploy from a declared one"
    )


def accepts(ruleset: str, interface: str, source: str, port: int) -> bool:
    """Return whether the input chain accepts a new tcp connection from ``source`` to ``port`` over ``interface``."""
    peer = ipaddress.ip_address(source)
    for rule in input_rules(ruleset):
        if _LAST.fullmatch(rule):
            return True
        found = _ACCEPT.fullmatch(rule)
        if found and found["interface"] == interface and int(found["port"]) == port and _holds(found["peers"], peer):
            return True
        if _may_refuse(rule, interface):
            return False
    return False


def _may_refuse(rule: str, interface: str) -> bool:
    """Return whether a rule may end the way of a new tcp connection over ``interface`` otherwise than by accepting it."""
    if not _ENDS.search(_QUOTED.sub("", rule)) or _OTHER.fullmatch(rule) or _SLOWS.fullmatch(rule):
        return False
    only = _INTERFACE.fullmatch(rule)
    return only is None or only["interface"] == interface


def input_rules(ruleset: str) -> Iterator[str]:
    """Yield the rules of the input chain, one by one, without indentation."""
    inside = False
    for line in ruleset.splitlines():
        if _CHAIN.match(line):
            inside = True
        elif inside and line.strip() == "}":
            return
        elif inside and line.strip():
            yield line.strip()


def _holds(peers: str, peer: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    for word in peers.strip("{} ").split(","):
        try:
            if peer in ipaddress.ip_network(word.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
