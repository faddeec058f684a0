"""What a run did to users, in a few lines instead of one for each host. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "Nobody was added, altered or removed."


def done_lines(results: Mapping[str, Mapping[str, Any] | None], *, check: bool = False) -> list[str]:
    """Return a line for each thing that was done, with the hosts where; then the hosts of which nothing is known.

    ``results`` holds what module ``people`` returned, by host; None for a host that did not come to it, failed or undid it.
    """
    places: dict[str, list[str]] = {}
    for host, result in results.items():
        for step in (result or {}).get("steps", ()):
            places.setdefault(str(step), []).append(host)
    lines = [f"{step}: {', '.join(hosts)}" for step, hosts in places.items()]
    if not lines:
        lines = [NOTHING]
    elif check:
        lines.insert(0, "Nothing was changed; this would be:")
    missing = [host for host, result in results.items() if result is None]
    if missing:
        lines.append(
            f"NOT DONE on {', '.join(missing)}: see above why, mend that, then run this again; nothing of it holds there yet"
        )
    return lines


def people_results(
    hostvars: Mapping[str, Any], hosts: Sequence[str], *, check: bool = False
) -> dict[str, Mapping[str, Any] | None]:
    """Return what module ``people`` returned on ``hosts``, from the variable that role base registers.

    None where it failed, and (unless in ``check`` mode) where its change was not confirmed: the host undoes that.
    """
    return {host: _done(hostvars[host], check) if host in hostvars else None for host in hosts}


def _done(known: Mapping[str, Any], check: bool) -> Mapping[str, Any] | None:
    result = known.get("__base_people")
    usable = isinstance(result, Mapping) and "steps" in result and not result.get("failed")
    return result if usable and (check or _confirmed(known.get("change_confirmed"))) else None


def _confirmed(result: Any) -> bool:
    return isinstance(result, Mapping) and not any(result.get(word) for word in ("failed", "skipped", "unreachable"))
