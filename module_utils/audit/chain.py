"""A chain of records: each holds the digest of the one before, so that none can be changed, removed or moved unseen.

Who may write the whole chain can write another that fits in itself. That is seen by its heads: number and digest of a
record that somebody else has kept. How long records have to be kept is for whoever asks to say: what the chain says of
that is the word of who writes it. Pure; runs on the log server and on the controller.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

BEGIN, ENTRY, EXPIRED, TORN = "begin", "entry", "expired", "torn"
ORIGIN = "0" * 64
"""Stands for the digest before the first record."""
KEPT_DAYS = 731
"""How many days records have to be kept, where nobody declares something else."""
SEEN = "%Y-%m-%d %H:%M:%S"
"""How the time (UTC) at which a head was seen is written."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """One record of a chain as it was seen: its number and digest. ``chain`` is the digest of the chain's first record.

    ``seen`` is when, as ``SEEN`` has it, by the clock of who saw it.
    """

    chain: str
    number: int
    digest: str
    seen: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a chain says of itself: the ``first`` record that is there, its head, and each fault in words."""

    first: int
    head: Head | None
    faults: tuple[str, ...]


def digest_of(record: Mapping[str, Any]) -> str:
    """Return the digest of a record, which covers all of it, the digest before included."""
    kept = {key: value for key, value in record.items() if key != "digest"}
    return hashlib.sha256(_plain(kept).encode()).hexdigest()


def linked(before: Mapping[str, Any] | None, kind: str, at: int, data: Mapping[str, Any]) -> Record:
    """Return the record that follows ``before`` (``None``: the first one). ``at`` is the log server's time in microseconds."""
    record: Record = {
        "number": 0 if before is None else before["number"] + 1,
        "kind": kind,
        "at": at,
        "chain": ORIGIN if before is None else before["chain"] if before["number"] else before["digest"],
        "data": dict(data),
        "before": ORIGIN if before is None else before["digest"],
    }
    return {**record, "digest": digest_of(record)}


def line_of(record: Mapping[str, Any]) -> str:
    """Return a record as the line that is written."""
    return _plain(record) + "\n"


def record_of(line: str) -> Record | None:
    """Return the record of a line, or ``None`` where it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {"number", "kind", "at", "chain", "data", "before", "digest"}:
        return None
    whole = is_whole(found["number"]) and is_whole(found["at"]) and isinstance(found["data"], dict)
    texts = all(isinstance(found[key], str) for key in ("kind", "chain", "before", "digest"))
    # Written as it was: else a change that means nothing to JSON would be no change.
    return found if whole and texts and line_of(found) == line.rstrip("\n") + "\n" else None


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number: what JSON calls true is one, too, for isinstance."""
    return isinstance(value, int) and not isinstance(value, bool)


def chain_of(record: Mapping[str, Any]) -> str:
    """Return which chain a record belongs to: the digest of the chain's first record."""
    return str(record["digest"] if record["number"] == 0 else record["chain"])


def torn_digest(line: str) -> str:
    """Return the digest by which a record of kind ``torn`` names the unfinished line before it."""
    text = line.rstrip("\n")
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no file was read to this; it is somebody's answer
        raw = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()


def seen_at(text: str) -> Union[int, None]:
    """Return a time as ``SEEN`` has it in seconds since 1970, or ``None`` where it is none."""
    try:
        return calendar.timegm(time.strptime(text, SEEN))
    except ValueError:
        return None


def seen_since(head: Head, since: float) -> bool:
    """Return whether a head was seen at ``since`` (seconds since 1970) or later. One that doesn't say is held to be young."""
    seen = seen_at(head.seen)
    return seen is None or seen >= since


def reach(heads: Iterable[Head], since: float) -> int:
    """Return the number of the record that an answer has to begin at, or before: that of the oldest head seen ``since``.

    The newest head counts whenever it was seen. Without heads everything is asked for.
    """
    heads = list(heads)
    newest = max((head.number for head in heads), default=0)
    return min((head.number for head in heads if seen_since(head, since)), default=newest)


def verify(lines: Iterable[str], heads: Iterable[Head] = (), kept_since: float = 0.0) -> Verdict:
    """Return what is wrong with a chain, compared with itself and with heads that were seen earlier.

    Records of heads that were seen at ``kept_since`` (seconds since 1970) or later have to be there, and so have those
    of heads that don't say when: whoever may write the chain may also write that something was due to go.
    """
    return _Verifier(heads, kept_since).run(lines)


class _Verifier:
    """Walks one chain."""

    def __init__(self, heads: Iterable[Head], kept_since: float) -> None:
        self._kept_since = kept_since
        self._heads = sorted(set(heads), key=lambda head: (head.number, head.seen))
        self._wanted: dict[int, list[Head]] = {}
        for head in self._heads:
            self._wanted.setdefault(head.number, []).append(head)
        self._faults: list[str] = []
        self._first: Record | None = None
        self._last: Record | None = None
        # A list, since who writes the chain by hand may write anything there, also what no set takes.
        self._expired: list[tuple[object, object]] = []
        self._torn: list[tuple[int, str]] = []

    def run(self, lines: Iterable[str]) -> Verdict:
        for at, line in enumerate(lines, 1):
            record = record_of(line)
            if record is None:
                self._torn.append((at, torn_digest(line)))
            else:
                self._take(record)
        self._faults += [f"line {at} can't be read" for at, _unused in self._torn]
        self._beginning()
        self._end()
        first, last = self._first, self._last
        head = Head(chain_of(last), last["number"], last["digest"]) if last else None
        return Verdict(first["number"] if first else 0, head, tuple(self._faults))

    def _take(self, record: Record) -> None:
        number = record["number"]
        if digest_of(record) != record["digest"]:
            self._faults.append(f"record {number} was changed: its digest is of something else")
        if self._first is None:
            self._first = record
        if self._last is not None:
            self._follows(self._last, record)
        if record["kind"] == EXPIRED:
            self._expired.append((record["data"].get("number"), record["data"].get("digest")))
        if record["kind"] == TORN:
            self._torn = [(at, digest) for at, digest in self._torn if digest != record["data"].get("line")]
        for head in self._wanted.get(number, ()):
            if chain_of(record) == head.chain and record["digest"] != head.digest:
                self._faults.append(f"record {number} is not the one that was seen{_when(head)}: it was rewritten")
        self._last = record

    def _follows(self, last: Record, record: Record) -> None:
        number, wanted = record["number"], last["number"] + 1
        if number > wanted:
            missing = f"record {wanted} is" if number == wanted + 1 else f"records {wanted} to {number - 1} are"
            self._faults.append(f"{missing} missing")
        elif number < wanted:
            self._faults.append(f"record {number} stands behind record {last['number']}: records were moved or repeated")
        elif record["before"] != last["digest"]:
            self._faults.append(f"record {number} does not follow record {last['number']}: one of them was changed")
        if record["chain"] != chain_of(last):
            self._faults.append(f"record {number} belongs to another chain")

    def _beginning(self) -> None:
        """What is missing at the beginning has to be told in the chain itself, and not to be younger than it may be."""
        first = self._first
        if first is None:
            return
        if first["number"] and (first["number"] - 1, first["before"]) not in self._expired:
            self._faults.append(f"the records before {first['number']} are missing, and nothing says that they were due to go")
        for head in self._heads:
            if head.chain == chain_of(first) and head.number < first["number"] and seen_since(head, self._kept_since):
                self._faults.append(f"record {head.number} is gone, but it was seen{_when(head)} and had to be kept longer")

    def _end(self) -> None:
        if self._last is None:
            if self._heads:
                self._faults.append(f"nothing is left, but record {self._heads[-1].number} was seen{_when(self._heads[-1])}")
            return
        chain = chain_of(self._last)
        others = [head for head in self._heads if head.chain != chain]
        if others:
            self._faults.append(f"this is another chain than the one that was seen{_when(others[-1])}")
        own = [head for head in self._heads if head.chain == chain]
        if own and own[-1].number > self._last["number"]:
            number = own[-1].number
            self._faults.append(
                f"the end is missing: record {number} was seen{_when(own[-1])}, the last one is {self._last['number']}"
            )


def _when(head: Head) -> str:
    return f" at {head.seen}" if head.seen else ""


def records(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of a chain's lines; what is none is left out."""
    for line in lines:
        record = record_of(line)
        if record is not None:
            yield record


def _plain(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
