"""Says what a validation saw of the bypass catalogue, from the data of its evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..fabric.problems import listed
from .codes import ADMITTED

AS_BEFORE = "as before"
_VERDICTS = (("open", "open"), ("waits", "waiting for others"), ("not tried", "not tried"))


def wrong(data: Mapping[str, Any]) -> list[str]:
    """Return a row for each attempt that did not end as the catalogue says, and for each host that is not as it was."""
    passed = {row["attempt"] for row in data.get("tries", ()) if row["code"] == ADMITTED and row["difference"]}
    rows = [
        f"{row['name']}, {row['origin']} -> {row['target']}{': got past the rules' if row['name'] in passed else ''}: {text}"
        for row in data.get("attempts", ())
        for text in row["differences"]
    ]
    return rows + [f"{host}: {text}" for host, text in sorted(data.get("hosts_after", {}).items()) if text != AS_BEFORE]


def untried(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (name, reason) where attempts were asked for and could not be made. Hosts out of reach are named for themselves."""
    return [("bypass catalogue", str(data["broken"]))] if "broken" in data else []


def summary_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was tried of the catalogue, in words; nothing where nothing was."""
    if "counts" not in data:
        return
    number = data["counts"]
    others = [f"{number[verdict]} {words}, " for verdict, words in _VERDICTS if number.get(verdict)]
    yield (
        f"Bypass catalogue: {len(data['attempts'])} attempts, no counter-tests: {number['refused']} refused, {''.join(others)}"
        f"{number['difference']} other than it says. {len(data['tries'])} tries in {data['seconds']:.0f} s."
    )
    missed: dict[str, list[str]] = {}
    for name, reason in data.get("left_out", {}).items():
        missed.setdefault(reason, []).append(name)
    for reason, names in sorted(missed.items()):
        yield f"  not tried: {listed(names)}: {reason}"
