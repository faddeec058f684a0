"""The controller's side of the audit: heads of earlier runs, the plan's file, what was read, and the evidence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from module_utils.audit import arrivals, chain, logins, plan, table, uses
from module_utils.audit.chain import Head, is_whole
from module_utils.audit.entries import LEFT_OUT, is_entry, printable
from module_utils.audit.logins import Elevation, Login, Refusal
from module_utils.audit.plan import People, Unplanned
from module_utils.audit.uses import JudgedUse
from module_utils.fabric.access import SIGNING_USER, is_signer
from module_utils.fabric.logs import log_servers, senders
from module_utils.fabric.model import Fabric, Host
from module_utils.fabric.paths import Path as Way
from module_utils.fabric.paths import all_paths, attachments_of, every_way_in

from .evidence import write_evidence
from .inventory import load_fabric

FILE = "audit.json"
REGISTERED = "audit_chain_read"
KEPT = "log_server_kept_days"
_DIGITS = 9
SCHEMA = 1
DAYS, SILENCE = "audit_days", "audit_silence_seconds"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run asks for: how many ``days`` (0: all), and how many seconds of ``silence`` of a host it takes for none."""

    days: int = 30
    silence: int = arrivals.LONGEST_SILENCE

    @property
    def since(self) -> float:
        """Return since when (seconds since 1970) records are asked for."""
        return datetime.now(UTC).timestamp() - self.days * 86400 if self.days else 0.0


def bounds(days: object, silence: object) -> Bounds:
    """Return the bounds that a run's variables say. Raises ``PlanError`` where they are none."""
    return Bounds(
        _whole(DAYS, days, 0, "days: write one, 0 for all"), _whole(SILENCE, silence, 1, "seconds: write one, at least 1")
    )


def _whole(name: str, value: object, least: int, words: str) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) >= least):
        raise plan.PlanError(f"{name} is {text!r}, which is no number of {words}")
    return int(text)


@dataclass(slots=True)
class Audit:
    """A run's result.

    ``heads`` holds the newest record of each log server whose chain is whole; ``unplanned`` is ``None`` without a plan.
    ``unread`` names the log servers that could not be read or receive nothing, and the hosts of which nothing comes,
    or of which something was left out.
    ``sealed`` are uses of sealed credentials, and ``silent`` says of which alerts nobody was told.
    """

    heads: dict[str, Head] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    elevations: list[Elevation] = field(default_factory=list)
    unplanned: list[Unplanned] | None = None
    own: list[Login] = field(default_factory=list)
    sealed: list[JudgedUse] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    @property
    def unannounced(self) -> list[JudgedUse]:
        """Return the uses of sealed credentials that no window covers: without a plan, all."""
        return [use for use in self.sealed if not use.window]

    @property
    def holds(self) -> bool:
        """Return whether nothing is to be told that fails the run."""
        return not (self.faults or self.unread or self.unplanned or self.unannounced or self.silent)


def setup(
    sources: Sequence[str], directory: str, forget: Sequence[str] = (), asked: Bounds | None = None
) -> dict[str, dict[str, Any]]:
    """Return, for each log server, what it is asked: the ``heads`` that earlier runs saw, and ``kept_since`` and ``reach``.

    It has to have records since the one, and to answer with those from the other on. Those that were set up anew have no heads.
    """
    fabric, since = load_fabric(*sources), (asked or Bounds()).since
    seen = {name: heads for name, heads in earlier_heads(Path(directory), fabric.name).items() if name not in forget}
    return {
        h.name: {
            "heads": [asdict(s) for s in seen.get(h.name, ())],
            "kept_since": kept_since(h),
            "reach": chain.reach(seen.get(h.name, ()), since),
        }
        for h in log_servers(fabric)
    }


def kept_since(server: Host) -> int:
    """Return since when a log server has to have kept records, as the inventory declares it, in seconds since 1970.

    The inventory alone is asked, and this machine's clock: what comes from the log server, facts too, is the word of who
    is root there.
    """
    return int(datetime.now(UTC).timestamp()) - _kept_days(server) * 86400


def _kept_days(server: Host) -> int:
    own = next((o for o in server.overrides if o.variable == KEPT), None)
    if own is None:
        return chain.KEPT_DAYS
    days = str(own.value) if own.known else ""
    if not days.isdecimal() or not int(days):
        raise plan.PlanError(f"{own.place}: {KEPT} is no number of days: write one, without a template")
    return int(days)


def earlier_heads(directory: Path, fabric: str) -> dict[str, list[Head]]:
    """Return the heads in the evidence of earlier runs by log server, oldest first. A run that forgot one begins anew there."""
    found: dict[str, list[Head]] = {}
    for path in sorted(directory.glob(f"*/{FILE}")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.get("fabric") != fabric:
                continue
            for name in data.get("forgotten", ()):
                found.pop(name, None)
            for name, head in data.get("heads", {}).items():
                found.setdefault(name, []).append(_head(head))
        except OSError as error:
            message = (
                f"{path} can't be read ({error.strerror}), but holds what was seen of the logs: make it readable, then run again"
            )
            raise plan.PlanError(message) from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise plan.PlanError(f"{path} is no evidence of an audit: move it away, then run again") from error
    return found


def _head(data: Mapping[str, Any]) -> Head:
    """Return a head of evidence. Raises ``TypeError`` for what is none, or has what this version doesn't know."""
    head = Head(**data)
    if not is_whole(head.number) or not all(isinstance(text, str) for text in (head.chain, head.digest, head.seen)):
        raise TypeError
    return head


def audit(
    fabric: Fabric,
    read: Mapping[str, Any],
    heads: Mapping[str, Sequence[Head]],
    planned: object,
    mine: tuple[str, str],
    asked: Bounds | None = None,
) -> Audit:
    """Return the audit of what was read (each log server's answer by name).

    ``planned`` is the plan as data, or ``None``; ``mine`` is who runs this and when the run began; ``asked`` what it asked for.
    """
    result, entries, asked = Audit(), [], asked or Bounds()
    every = tuple(all_paths(fabric))
    for server in log_servers(fabric):
        answer = read.get(server.name) or {}
        if "lines" not in answer or answer.get("failed"):
            result.unread.append(f"{server.name}: {printable(str(answer.get('msg') or 'it was not asked'))}")
            continue
        if not _is_answer(answer):
            result.unread.append(f"{server.name}: what it answered is no answer of audit_chain: somebody there falsifies it")
            continue
        entries += _taken(result, server, answer, heads.get(server.name, ()), asked)
        result.unread += _not_received(server, answer, asked, every)
    result.unread += _left_out(entries)
    result.logins = logins.logins(entries)
    result.refusals = list(logins.refusals(entries))
    result.elevations = list(logins.elevations(entries))
    _judge_sealed(result, fabric, entries, planned)
    if planned is not None:
        _reconcile(result, fabric, planned, mine)
    return result


def read_plan(path: str, variable: str = "audit_plan") -> object:
    """Return a plan's file as data, ``None`` where no file is named. Raises ``PlanError``, which names the ``variable``."""
    if not path:
        return None
    try:
        data: object = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise plan.PlanError(f"{path} can't be read ({error.strerror}): name the file of the plan in {variable}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise plan.PlanError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if isinstance(data, dict) and set(data) == {"windows"}:
        data = data["windows"]
    return data if data is not None else []


def evidence(result: Audit, fabric: Fabric, begun: str, forgotten: Sequence[str]) -> dict[str, Any]:
    """Return the evidence as plain data."""
    return {
        "schema": SCHEMA,
        "kind": "audit",
        "fabric": fabric.name,
        "begun": begun,
        "ended": datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ"),
        "holds": result.holds,
        "forgotten": sorted(forgotten),
        "heads": {name: asdict(head) for name, head in sorted(result.heads.items())},
        "faults": result.faults,
        "unread": result.unread,
        "logins": [asdict(n) for n in result.logins],
        "refusals": [asdict(r) for r in result.refusals],
        "elevations": [asdict(e) for e in result.elevations],
        "unplanned": None if result.unplanned is None else [{**asdict(n.login), "why": n.why} for n in result.unplanned],
        "own": [asdict(n) for n in result.own],
        "sealed": [uses.as_data(use) for use in result.sealed],
        "silent": result.silent,
    }


def write(directory: Path, data: Mapping[str, Any]) -> Path:
    """Write ``audit.json`` for its owner only."""
    return write_evidence(directory, data, FILE)


def report_lines(result: Audit, fabric: Fabric, where: str) -> Iterator[str]:
    """Yield the result as lines for a terminal."""
    kinds = dict.fromkeys(fabric.accounts, "account") | dict.fromkeys(fabric.operators, "operator")
    names = {str(a.address(f)): m.name for m in _machines(fabric) for a in attachments_of(m) for f in ("ipv4", "ipv6")}
    yield f"Logins ({len(result.logins)})"
    yield from table.login_lines(result.logins, kinds, names)
    yield f"Refusals by count ({len(result.refusals)})"
    yield from table.refusal_lines(result.refusals, names)
    if result.unplanned is not None:
        yield f"Unplanned logins ({len(result.unplanned)})"
        for why in dict.fromkeys(n.why for n in result.unplanned):
            those = [n.login for n in result.unplanned if n.why == why]
            yield f"  by {why} ({len(those)})"
            yield from table.login_lines(those, kinds, names)
    yield f"Uses of sealed credentials ({len(result.sealed)})"
    yield from uses.use_lines(result.sealed, names)
    if result.own:
        yield f"Logins of this run itself, not held against the plan: {len(result.own)}"
    for title, rows in (
        ("The log was tampered with", result.faults),
        ("Not read, or nothing came", result.unread),
        ("Alerts that did not come", result.silent),
    ):
        if rows:
            yield f"{title} ({len(rows)})"
            yield from (f"  {row}" for row in rows)
    for name, head in sorted(result.heads.items()):
        yield f"{name}: {head.number + 1} records, the last one {head.digest[:16]}"
    yield f"Evidence: {where}"


def verdict(result: Audit) -> str:
    """Return the sentence that a failed run ends with."""
    parts = (
        (len(result.faults), "signs of tampering with the log"),
        (len(result.unread), "log servers, hosts or entries not heard"),
        (len(result.unplanned or ()), "unplanned logins"),
        (len(result.unannounced), "uses of a sealed credential that no window covers"),
        (len(result.silent), "alerts that did not come"),
    )
    said = ", ".join(f"{number} {words}" for number, words in parts if number)
    return f"The audit does not hold: {said}. Each is named in the report above."


def _is_answer(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer has the types of the module's: who is root on the log server may have it answer anything."""
    texts = (answer["lines"], answer.get("faults", ()))
    lists = all(isinstance(rows, list | tuple) and all(isinstance(row, str) for row in rows) for rows in texts)
    return lists and isinstance(answer.get("untold", 0), int) and isinstance(answer.get("newest"), Mapping)


def _not_received(server: Host, answer: Mapping[str, Any], asked: Bounds, every: Sequence[Way]) -> Iterator[str]:
    """Yield what does not come to a log server: what is not sent is not in the chain either, which is whole without it."""
    if not answer.get("recording", False):
        yield f"{server.name}: nothing is recorded there now, kakehashi-audit.service does not run"
    if not answer.get("receiving", False):
        yield f"{server.name}: nothing is received there now, kakehashi-journal.service does not run"
    now = datetime.now(UTC).timestamp()
    yield from arrivals.unheard(server.name, senders(server, every), answer["newest"], now, asked.silence)


def _left_out(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what a log server left out of a host's journal: what it said is not known."""
    count = Counter(f"{entry['host']}: {entry['text']}" for entry in entries if entry["by"] == LEFT_OUT)
    yield from (f"{words} ({times} times)" if times > 1 else words for words, times in count.items())


def _taken(result: Audit, server: Host, answer: Mapping[str, Any], heads: Sequence[Head], asked: Bounds) -> list[dict[str, Any]]:
    """Verify what a log server gave, here and anew, and return its entries."""
    name, lines = server.name, list(answer["lines"])
    own = chain.verify(lines, _within(lines, heads, asked), kept_since(server))
    entries = [record for record in chain.records(lines) if record["kind"] == chain.ENTRY]
    foreign = [record["number"] for record in entries if not is_entry(record["data"])]
    # The first of a part is not the chain's beginning; whether what is before it is whole, the log server has looked at.
    partial = "the records before " if asked.days else None
    faults = dict.fromkeys(
        [
            *(printable(fault) for fault in answer.get("faults", ())),
            *(f for f in own.faults if partial is None or not f.startswith(partial)),
            *(f"record {number} is no entry as kakehashi-audit writes it: it was written by hand" for number in foreign),
        ]
    )
    result.faults += [f"{name}: {fault}" for fault in faults]
    if not answer.get("growing_only", False):
        result.faults.append(f"{name}: the chain's files are not append-only any more")
    if untold := int(answer.get("untold") or 0):
        result.silent.append(f"{name}: {untold} alerts wait for log_server_alert_command; journalctl -u kakehashi-alert says why")
    # What was found tampered with is not what later runs have to find again.
    if own.head is not None and not faults:
        stamp = datetime.now(UTC).strftime(chain.SEEN)
        result.heads[name] = Head(own.head.chain, own.head.number, own.head.digest, stamp)
    return [record["data"] for record in entries if is_entry(record["data"])]


def _within(lines: Sequence[str], heads: Sequence[Head], asked: Bounds) -> list[Head]:
    """Return the heads to compare an answer with: those that it reaches back to, or had to."""
    first = next(chain.records(lines), None)
    if first is None:
        return list(heads)
    begin = min(first["number"], chain.reach(heads, asked.since))
    return [head for head in heads if head.number >= begin or head.chain != chain.chain_of(first)]


def _judge_sealed(result: Audit, fabric: Fabric, entries: Sequence[Mapping[str, Any]], planned: object) -> None:
    names = frozenset(o.name for o in fabric.operators.values() if o.break_glass)
    hops = _hops(fabric)
    result.sealed = uses.judged(result.logins, entries, names, _windows(fabric, planned) if planned is not None else (), hops)
    result.silent += uses.silent(result.sealed, {h.name for h in fabric.managed_hosts if not h.enforce})


def drill(sources: Sequence[str], path: str, user: str, hosts: Sequence[str]) -> str:
    """Return the name of the window of a plan in which ``user`` may try ``hosts`` now. Raises ``PlanError`` without one."""
    fabric, now = load_fabric(*sources), int(datetime.now(UTC).timestamp() * 1_000_000)
    planned = read_plan(path, "break_glass_plan")
    return uses.drill_window(_windows(fabric, planned) if planned is not None else (), user, hosts, now).name


def _hops(fabric: Fabric) -> dict[str, tuple[str, ...]]:
    """Return through what operators may come to each machine, by any of their ways."""
    return {name: tuple(hop for way in ways for hop in way.hops) for name, ways in every_way_in(fabric).items()}


def _windows(fabric: Fabric, planned: object) -> tuple[plan.Window, ...]:
    return plan.windows(planned, fabric.operators, [h.name for h in fabric.managed_hosts], fabric.groups)


def _reconcile(result: Audit, fabric: Fabric, planned: object, mine: tuple[str, str]) -> None:
    windows = _windows(fabric, planned)
    hops = _hops(fabric)
    open_ones = plan.unplanned(result.logins, windows, people(fabric), hops)
    result.own = [n.login for n in open_ones if _is_own(n, mine, fabric, hops)]
    result.unplanned = [n for n in open_ones if n.login not in result.own]


def people(fabric: Fabric) -> People:
    """Return who may log in, planned or not, as the fabric declares it."""
    present = frozenset(a.name for a in fabric.accounts.values() if a.state == "present")
    return People(
        accounts=present,
        operators=frozenset(fabric.operators),
        gone=frozenset(fabric.accounts) - present,
        shared=frozenset(h.initial_user for h in fabric.hosts.values() if h.initial_user),
        signing=SIGNING_USER,
        signers=frozenset(h.name for h in fabric.hosts.values() if is_signer(fabric, h)),
    )


def _is_own(found: Unplanned, mine: tuple[str, str], fabric: Fabric, hops: Mapping[str, Sequence[str]]) -> bool:
    """Return whether this run itself logged in: its person, an operator, since it began, where it has to read."""
    (person, begun), login = mine, found.login
    if found.why != plan.NO_WINDOW:
        return False
    since = datetime.strptime(begun, "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1_000_000
    asked = {name for h in log_servers(fabric) for name in (h.name, *hops.get(h.name, ()))}
    return login.user == person and login.begin >= since and login.host in asked


def _machines(fabric: Fabric) -> Iterable[Any]:
    return (*fabric.hosts.values(), *fabric.switches.values())
