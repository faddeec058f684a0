"""The audit in lines for a terminal. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from . import data_sets
from .logins import DATA, Login, Refusal

_COLUMNS = ("begin (UTC)", "end", "who", "what", "from", "to", "with", "data sets", "recorded")
_SHOWN = 200


def when(microseconds: int) -> str:
    """Return a time in UTC, to the second."""
    return datetime.fromtimestamp(microseconds // 1_000_000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def shown_key(login: Login) -> str:
    """Return what a login was made with: the certificate's id and serial, or the key's fingerprint."""
    if login.certificate or login.authority:
        return f"certificate {login.certificate} (serial {login.serial})"
    return login.key or login.method


def login_lines(logins: Sequence[Login], kinds: Mapping[str, str], names: Mapping[str, str]) -> Iterator[str]:
    """Yield an aligned table of logins; ``kinds`` says what a user is and ``names`` whose an address is."""
    rows = [_COLUMNS, *(_row(login, kinds, names) for login in logins[-_SHOWN:])]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(logins) > _SHOWN:
        yield f"  the {len(logins) - _SHOWN} before them stand in the evidence"


def refusal_lines(refusals: Iterable[Refusal], names: Mapping[str, str]) -> Iterator[str]:
    """Yield refusals by count, the most frequent first."""
    counted = Counter((r.host, r.user or "?", named(r.source, names) or "?", r.why) for r in refusals)
    rows = [(str(count), *key) for key, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))][:_SHOWN]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(5)]
    for row in rows:
        count, host, user, source, why = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {count.strip().rjust(widths[0])}  {user}  from {source}  to {host}  {why}".rstrip()


def named(address: str, names: Mapping[str, str]) -> str:
    """Return an address with the host whose it is, where that is known."""
    return f"{names[address]} {address}" if address in names else address


def _row(login: Login, kinds: Mapping[str, str], names: Mapping[str, str]) -> tuple[str, ...]:
    end = when(login.end)[11:] if login.end else "?"
    what = f"{kinds.get(login.user, 'unknown')}, {login.service}"
    return (
        when(login.begin),
        end,
        login.user,
        what,
        named(login.source, names),
        login.host,
        shown_key(login),
        data_sets.shown(login.data_sets, login.data_sets_missing) if login.service == DATA else "",
        ", ".join(login.recordings),
    )
