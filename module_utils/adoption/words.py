"""A survey as people read it: a summary for the terminal, and the diffs for a file. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .findings import KINDS
from .tables import day, table

_MOST_ROWS = 40
"""Rows of one table; the evidence holds all."""
UNKNOWN = "unknown: no host could be read"


def summary(report: Mapping[str, Any]) -> list[str]:
    """Return the summary's lines, at most 92 columns wide."""
    lines = [f"SURVEY of {report['fabric']}, {report['time']}: nothing was changed", ""]
    lines += _overview(report)
    read = _anything_read(report)
    lines += _section("LOGINS THAT WERE SEEN AND WOULD BE REFUSED", *_refused(report), known=read)
    found = list(_findings(report)) or ["none" if read or any(not m["problem"] for m in report["switches"]) else UNKNOWN]
    lines += ["", "FOUND AND NOT DECLARED", *found]
    lines += _section("NOT READ", *_problems(report))
    return lines


def _anything_read(report: Mapping[str, Any]) -> bool:
    """Return whether any host could be read: else nothing is known, which is not the same as nothing."""
    return any(not host["problem"] for host in report["hosts"])


def _section(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, known: bool = True) -> list[str]:
    if not known and not rows:
        return ["", title, UNKNOWN]
    shown = table(headings, rows[:_MOST_ROWS]) or ["none"]
    more = [f"and {len(rows) - _MOST_ROWS} more, in the evidence"] if len(rows) > _MOST_ROWS else []
    return ["", f"{title} ({len(rows)})", *shown, *more]


def _overview(report: Mapping[str, Any]) -> list[str]:
    roles = sorted({change["role"] for host in report["hosts"] for change in host["changes"]})
    headings = ["host", *(role.replace("_", " ") for role in roles), "refused", "found", "logins since"]
    rows = []
    for host in report["hosts"]:
        if host["problem"]:
            continue
        counts = Counter(change["role"] for change in host["changes"])
        refused = sum(login["count"] for login in host["logins"] if not login["allowed"])
        since = min(host["reaches_back"].values(), default=0)
        numbers = [*(counts[role] for role in roles), refused, len(host["findings"])]
        rows.append([host["name"], *(str(number) for number in numbers), day(since)[:10] if since else "unknown"])
    return [
        "What each role would alter, logins that would be refused, what is not declared:",
        *(table(headings, rows) or [UNKNOWN]),
    ]


def _refused(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    found = [(host["name"], login) for host in report["hosts"] for login in host["logins"] if not login["allowed"]]
    found.sort(key=lambda pair: (pair[0], pair[1]["user"], -pair[1]["last"]))
    rows = [[n, x["user"], x["source"], str(x["count"]), day(x["last"]), x["reason"]] for n, x in found]
    return ["host", "user", "source", "times", "last (UTC)", "why"], rows


def _findings(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield a section for each kind; what was found alike on several machines is told once."""
    for kind, heading in KINDS.items():
        found: dict[tuple[str, str], list[str]] = {}
        for machine in (*report["hosts"], *report["switches"]):
            for item in machine["findings"]:
                names = found.setdefault((item["subject"], item["effect"]), [])
                if item["kind"] == kind and machine["name"] not in names:
                    names.append(machine["name"])
        rows = [[", ".join(names), subject, effect] for (subject, effect), names in found.items() if names]
        if rows:
            yield from _section(heading, ["where", "what", "effect"], rows)


def _problems(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = [[m["name"], m["problem"]] for m in (*report["hosts"], *report["switches"]) if m["problem"]]
    return ["host", "why"], rows


def diffs(report: Mapping[str, Any]) -> str:
    """Return every alteration with its diff, by host and role, as one text for a file."""
    return "\n".join(_diffs(report)) + "\n"


def _diffs(report: Mapping[str, Any]) -> Iterator[str]:
    for host in report["hosts"]:
        for change in host["changes"]:
            yield f"=== {host['name']} {change['role']} {change['action']}: {change['subject']}"
            if change["diff"]:
                yield change["diff"].rstrip("\n")


def observed_summary(report: Mapping[str, Any]) -> list[str]:
    """Return the lines of a report on observe mode, at most 92 columns wide."""
    lines = [f"OBSERVED in {report['fabric']}, {report['time']}", ""]
    rows = []
    for host in report["hosts"]:
        if not host["problem"]:
            mode = "enforces" if host["enforce"] else "observes"
            logins = sum(login["count"] for login in host["logins"])
            rows.append([host["name"], mode, str(len(host["packets"])), str(logins)])
    lines += table(["host", "mode", "connections", "logins"], rows)
    read = _anything_read(report)
    lines += _section("CONNECTIONS THAT WOULD BE DENIED", *_packets(report), known=read)
    lines += _section("LOGINS THAT WERE SEEN AND WOULD BE REFUSED", *_refused(report), known=read)
    unread = [[host["name"], host["problem"]] for host in report["hosts"] if host["problem"]]
    return lines + _section("NOT READ", ["host", "why"], unread)


def _packets(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for host in report["hosts"]:
        for x in sorted(host["packets"], key=lambda item: (item["direction"], -item["packets"])):
            ends = " to ".join(end for end in (x["source"], x["destination"]) if end)
            service = f"{x['protocol']} {x['port']}"
            rows.append([host["name"], x["direction"], service, str(x["packets"]), day(x["last"]), f"{ends} ({x['who']})"])
    return ["host", "way", "service", "times", "last (UTC)", "other end"], rows
