"""Where a login may come from: addresses and CIDR blocks, never names.

A host name in a rule would be looked up in a DNS that others may control, and a mistyped address such as
``10.0.0.300`` would silently become a name (sshd accepts it and it never matches).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_IPV6 = 6
_STRANGERS = ("203.0.113.254", "198.51.100.254", "192.0.2.254", "2001:db8:ffff:ffff::fe", "3fff:ffff::fe")


class OriginError(ValueError):
    """An origin that no rule may hold; the text says why and what is right."""


def parse_origin(text: str) -> IPv4Network | IPv6Network:
    """Return the block that ``text`` (an address or a CIDR block) stands for; raise OriginError otherwise."""
    try:
        return ip_network(_plain(text), strict=True)
    except ValueError as error:
        raise OriginError(
            f"{text!r} is neither an address nor a CIDR block without host bits ({error}): "
            "write for example 192.0.2.1, 192.0.2.0/24 or 2001:db8::1; names are not allowed"
        ) from error


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Return one address, an IPv4 address mapped into IPv6 as IPv4; raise OriginError otherwise."""
    try:
        address = ip_address(_plain(text))
    except ValueError as error:
        raise OriginError(f"{text!r} is not an address ({error})") from error
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def covers(origins: Iterable[str], address: str) -> bool:
    """Return whether any of the ``origins`` holds ``address``."""
    wanted = parse_address(address)
    return any(wanted in parse_origin(origin) for origin in origins)


def canonical(text: str) -> str:
    """Return an origin as sshd and PAM compare it: lower case, shortest form, a single address without a mask."""
    block = parse_origin(text)
    return str(block.network_address) if block.prefixlen == block.max_prefixlen else str(block)


def first_address(text: str) -> str:
    """Return the first address of an origin, to try it with."""
    return str(parse_origin(text).network_address)


def target_problems(targets: Iterable[str]) -> list[str]:
    """Return a sentence for each target of PermitOpen that isn't ``address:port``, in the one form that clients use."""
    problems = []
    for target in targets:
        host, _unused, port = target.rpartition(":")
        try:
            address = parse_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
            good = f"[{address}]:{port}" if address.version == _IPV6 else f"{address}:{port}"
        except OriginError:
            good = ""
        if target != good or not port.isdigit():
            problems.append(f"jump target {target!r} is not an address and port, such as 192.0.2.1:22 or [2001:db8::1]:22")
    return problems


def strangers(origins: Iterable[str]) -> list[str]:
    """Return one IPv4 and one IPv6 address that no origin holds, to see that they are refused."""
    held = [parse_origin(origin) for origin in origins]
    free = [a for a in map(ip_address, _STRANGERS) if not any(a in block for block in held)]
    found = {a.version: str(a) for a in reversed(free)}
    return [found[version] for version in sorted(found)]


def _plain(text: str) -> str:
    if "%" in text or text != text.strip():
        raise ValueError("zones and blanks are not part of an address")
    return text
