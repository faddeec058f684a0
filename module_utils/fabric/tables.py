"""The fabric as tables for a terminal: who is where, who may reach what, who may use and enter what."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from . import access
from .model import ACCOUNTS, OPERATORS, Fabric, Host
from .notes import notes
from .paths import SSH, all_paths


def tables(fabric: Fabric) -> dict[str, str]:
    """Return every table by its title, in reading order."""
    return {
        "Hosts and their addresses": hosts_table(fabric),
        "Segments": segments_table(fabric),
        "Who may reach what": flows_table(fabric),
        "Who may use what": accounts_table(fabric),
        "Who may log in where": logins_table(fabric),
        "Worth a look": "\n".join(notes(fabric)) or "Nothing.",
    }


def text(fabric: Fabric) -> str:
    """Return all tables as one text."""
    return "\n".join(f"{title}\n{'=' * len(title)}\n{table}\n" for title, table in tables(fabric).items())


def hosts_table(fabric: Fabric) -> str:
    """Return hosts by site: role, whether we converge them, and a line for each interface."""
    rows: list[Sequence[str]] = []
    for site in fabric.sites.values():
        rows.append((f"{site.name}{': ' if site.description else ''}{site.description}",))
        for host in (h for h in fabric.hosts.values() if h.site == site.name):
            name = host.name if host.managed else f"({host.name})"
            for i, a in enumerate(host.attachments):
                port = f"{a.switch} {a.port}"
                rows.append((f"  {name}" if i == 0 else "", a.segment, str(a.ipv4), str(a.ipv6), port))
        for switch in (s for s in fabric.switches.values() if s.site == site.name):
            a = switch.attachment
            rows.append((f"  {switch.name}", a.segment, str(a.ipv4), str(a.ipv6), f"{switch.dialect}"))
    table = aligned(("host", "segment", "IPv4", "IPv6", "switch and port"), rows)
    return f"{table}\n(Hosts in brackets are not ours: nothing is changed on them.)"


def segments_table(fabric: Fabric) -> str:
    """Return the segments with their VLAN, frames and subnets."""
    rows = [
        (s.name, s.kind, str(s.vlan), str(s.mtu), str(s.ipv4), str(s.ipv6), str(_on(fabric, s.name)))
        for s in fabric.segments.values()
    ]
    return aligned(("segment", "kind", "VLAN", "MTU", "IPv4", "IPv6", "hosts"), rows)


def flows_table(fabric: Fabric) -> str:
    """Return the declared flows; what is not among them is denied."""
    rows = [
        (
            flow.origin,
            flow.destination,
            _port(fabric, flow.service),
            flow.through or "",
            ", ".join(flow.users) if flow.service == SSH else "",
        )
        for flow in fabric.flows
    ]
    return aligned(("from", "to", "service", "through", "for"), rows) + "\n(Everything else is denied, IPv4 and IPv6 alike.)"


def accounts_table(fabric: Fabric) -> str:
    """Return accounts against platforms."""
    platforms = [*fabric.data_platforms, *fabric.compute_platforms]
    rows = [
        (account.name, *("yes" if p in (*account.data_platforms, *account.compute_platforms) else "-" for p in platforms))
        for account in access.present_accounts(fabric)
    ]
    kinds = ["data"] * len(fabric.data_platforms) + [p.kind.replace("_", " ") for p in fabric.compute_platforms.values()]
    return aligned(("account", *platforms), [("", *kinds), *rows])


def logins_table(fabric: Fabric) -> str:
    """Return who may open an ssh session on which hosts, and from where; hosts with one answer share a row."""
    origins: dict[tuple[str, str], dict[str, None]] = {}
    for path in all_paths(fabric):
        if path.flow.service == SSH:
            for users in path.flow.users:
                origins.setdefault((path.target, users), {})[path.origin] = None
    operators = ", ".join(o.name for o in access.present_operators(fabric))
    answers: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for host in fabric.managed_hosts:
        who = (
            (_accounts(fabric, host), ", ".join(origins.get((host.name, ACCOUNTS), {}))),
            (operators, ", ".join(origins.get((host.name, OPERATORS), {}))),
        )
        answers.setdefault(tuple((people, origin) for people, origin in who if people and origin), []).append(host.name)
    rows = [
        (", ".join(hosts) if i == 0 else "", people, origin)
        for answer, hosts in answers.items()
        for i, (people, origin) in enumerate(answer or (("nobody", ""),))
    ]
    return aligned(("on", "who", "from"), rows, wrap=(34, 30, 24))


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], wrap: Sequence[int] = ()) -> str:
    """Return rows as aligned columns under a head; a row of one cell spans the table. ``wrap`` bounds cells' widths."""
    lines = [line for row in rows for line in _wrapped(row, wrap)]
    widths = [max(len(cell) for cell in column) for column in zip(head, *(r for r in lines if len(r) > 1), strict=False)]
    out = [_line(head, widths), "-" * (sum(widths) + 2 * (len(widths) - 1))]
    out += [row[0] if len(row) == 1 else _line(row, widths) for row in lines]
    return "\n".join(out)


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> list[Sequence[str]]:
    if not widths:
        return [row]
    cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    height = max(len(cell) for cell in cells)
    return [tuple(cell[i] if i < len(cell) else "" for cell in cells) for i in range(height)]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _on(fabric: Fabric, segment: str) -> int:
    return sum(host.attachment(segment) is not None for host in fabric.hosts.values())


def _port(fabric: Fabric, name: str) -> str:
    service = fabric.services[name]
    return f"{name} {service.port}{'/udp' if service.protocol == 'udp' else ''}"


def _accounts(fabric: Fabric, host: Host) -> str:
    return ", ".join(a.name for a in access.accounts_on(fabric, host))
