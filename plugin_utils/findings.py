"""Makes one run of what playbooks/validate.yml has registered on each host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from module_utils.attacks.summary import untried
from module_utils.fabric.model import Fabric
from module_utils.matrix.drift import Drift, carried, ports_drift
from module_utils.matrix.expect import Expectations
from module_utils.matrix.plan import personas
from module_utils.matrix.strangers import forwarding_drift
from module_utils.proof.layer2 import Port, read_ovs_ports
from module_utils.proof.problem import CannotProve
from module_utils.proof.world import planned_switches

from .evidence import Run, judge_run, plans_of, read_results
from .inventory import load_fabric
from .live_proof import host_drift
from .validation import ATTACKS, EFFECTIVE, FORWARDING, PORTS, PROBE, nobody_to_try


def gathered_run(arguments: Mapping[str, Any], hostvars: Mapping[str, Any], ended: str) -> tuple[Run, Expectations]:
    """Return the run, judged, and what was expected. Raises ``FabricError``."""
    fabric = load_fabric(*arguments["sources"])
    plans, expectations = plans_of(fabric)
    seen = {name: hostvars[name] for name in (*fabric.hosts, *fabric.switches) if name in hostvars}
    probes = {name: seen[name].get(PROBE, {}) for name in fabric.hosts if name in seen}
    results, timings = read_results(probes)
    effective = {
        name: seen[name][EFFECTIVE]["effective"]
        for name in fabric.hosts
        if name in seen and "effective" in seen[name].get(EFFECTIVE, {})
    }
    ports, unread = _switch_ports(fabric, seen)
    forwarding, unread_rules = _switch_forwarding(ports, seen)
    attacks: Mapping[str, Any] = next((seen[name][ATTACKS] for name in seen if ATTACKS in seen[name]), {})
    attacked = attacks.get("attempts", {"broken": _reason(attacks)} if attacks.get("failed") else {})
    left_out = _left_out(fabric, arguments["limited_to"])
    missed = [
        *((name, reason) for name, reason in (*_missed(fabric, seen), *unread, *unread_rules) if name not in left_out),
        *((name, "left out by --limit") for name in left_out),
        *nobody_to_try(personas(fabric)),
        *untried(attacked),
        *((k.split(":")[0], k.split(":", 1)[1].strip()) for k in arguments["missing_keys"]),
    ]
    excused = set(arguments["untried"])
    run = Run(
        fabric=fabric,
        begun=arguments["begun"],
        ended=ended,
        full=bool(arguments["full"]),
        plans=plans,
        results=results,
        timings=timings,
        effective=effective,
        switches={name: {port: carried(vlans) for port, vlans in sorted(found.items())} for name, found in ports.items()},
        not_tried=[(n, r) for n, r in missed if n not in excused],
        excused=[(n, r) for n, r in missed if n in excused],
        lent={user: sorted(origins) for user, origins in arguments["lent"].items()},
        attacks=attacked,
        drift=sorted({*host_drift(fabric, effective, ports), *_switch_drift(fabric, ports), *forwarding}),
    )
    judge_run(run, expectations)
    return run, expectations


def _left_out(fabric: Fabric, chosen: Sequence[str]) -> list[str]:
    """Return the machines of the fabric that a run with --limit, which plays on those ``chosen``, doesn't touch."""
    return [name for name in (*fabric.hosts, *fabric.switches) if name not in set(chosen)]


def _missed(fabric: Fabric, seen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each host that wasn't tried or read, with the reason."""
    for host in fabric.hosts.values():
        answer = seen.get(host.name, {}).get(PROBE, {})
        if "made" not in answer or answer.get("failed"):
            yield host.name, f"as an origin not tried: {_reason(answer)}"
        settings = seen.get(host.name, {}).get(EFFECTIVE, {})
        if host.managed and "effective" not in settings:
            yield host.name, f"its settings were not read: {_reason(settings)}"
        for problem in settings.get("effective", {}).get("problems", ()):
            yield host.name, f"a setting was not read: {problem}"


def _switch_ports(fabric: Fabric, seen: Mapping[str, Any]) -> tuple[dict[str, dict[str, Port]], list[tuple[str, str]]]:
    ports: dict[str, dict[str, Port]] = {}
    unread: list[tuple[str, str]] = []
    for name in fabric.switches:
        answer = seen.get(name, {}).get(PORTS, {})
        try:
            ports[name] = read_ovs_ports(answer["stdout"], name)
        except CannotProve as problem:
            unread.append((name, str(problem)))
        except (KeyError, TypeError, ValueError):
            unread.append((name, f"its ports were not read: {_reason(answer)}"))
    return ports, unread


def _switch_forwarding(switches: Iterable[str], seen: Mapping[str, Any]) -> tuple[list[Drift], list[tuple[str, str]]]:
    """Return how switches forward beside their ports' VLANs, and those of ``switches`` that didn't tell."""
    found: list[Drift] = []
    unread: list[tuple[str, str]] = []
    for name in switches:
        answer = seen.get(name, {}).get(FORWARDING, {})
        try:
            found += forwarding_drift(name, answer["stdout"])
        except (KeyError, TypeError, ValueError):
            unread.append((name, f"its rules of forwarding were not read: {_reason(answer)}"))
    return found, unread


def _switch_drift(fabric: Fabric, ports: Mapping[str, Mapping[str, Port]]) -> Iterator[Drift]:
    wanted = planned_switches(fabric)
    for name, found in ports.items():
        yield from ports_drift(name, wanted[name], found)


def _reason(answer: Mapping[str, Any]) -> str:
    text = str(answer.get("msg") or answer.get("stderr") or "no answer").strip()
    return text.splitlines()[-1][:200] if text else "no answer"
