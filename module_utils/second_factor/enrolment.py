"""Which secret each user has, decided from what the login servers keep. Pure: randomness and time are the caller's.

A file is one user's, in the form of pam_oath, with a line before it that says since when it is so. The newest wins, so
that a login server that was away brings back neither a secret that was replaced nor one that was withdrawn.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

SECRET_BYTES = 20
"""Length of a secret (RFC 4226 section 4, R6: at least 16, better 20)."""
_SINCE = re.compile(r"^# since (\d{1,15})$", re.MULTILINE)
_LINE = re.compile(r"^HOTP/T30/6\s+(\S+)\s+-\s+([0-9a-f]{32,128})(?:\s|$)", re.MULTILINE)
_HEX = re.compile(r"[0-9a-f]{32,128}")


class EnrolmentError(ValueError):
    """What was asked for can't be done; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A user's ``key`` in hex, empty where it was withdrawn, and ``since`` when, in seconds of the Unix clock."""

    key: str
    since: int

    def __repr__(self) -> str:
        return f"Secret(since={self.since})"


@dataclass(frozen=True, slots=True)
class Settled:
    """Who has which secret from now on, for whom one was ``made``, and who has none (``missing``)."""

    secrets: Mapping[str, Secret]
    made: tuple[str, ...]
    missing: tuple[str, ...]


def read(text: str, user: str) -> Secret | None:
    """Return the secret in a user's file, ``None`` where it is no such file. What was used of it is not looked at."""
    since = _SINCE.search(text)
    if since is None:
        return None
    keys = [key for name, key in _LINE.findall(text) if name == user]
    return Secret(keys[0] if keys else "", int(since[1]))


def written(user: str, secret: Secret) -> str:
    """Return the file of a user who begins with ``secret``."""
    line = f"HOTP/T30/6\t{user}\t-\t{secret.key}\n" if secret.key else ""
    return f"# since {secret.since}\n{line}"


def faults(declared: Collection[str], enrol: Collection[str], withdraw: Collection[str]) -> list[str]:
    """Return in words what can't be done of what is asked for."""
    found = []
    if strange := sorted({*enrol, *withdraw} - set(declared)):
        found.append(f"the inventory asks {', '.join(strange)} for no code: write second_factor: totp there, or see to the name")
    if both := sorted(set(enrol) & set(withdraw)):
        found.append(f"{', '.join(both)} can't be enrolled and withdrawn at once: name one of the two")
    return found


def settle(
    found: Collection[Mapping[str, Secret]],
    declared: Collection[str],
    new_key: Callable[[], str],
    now: int,
    *,
    enrol: Collection[str] = (),
    withdraw: Collection[str] = (),
) -> Settled:
    """Return what every login server is to keep for ``declared``, from what each keeps now. Raises ``EnrolmentError``."""
    if wrong := faults(declared, enrol, withdraw):
        raise EnrolmentError("; ".join(wrong))
    newest: dict[str, Secret] = {}
    for name in sorted(declared):
        kept = [secrets[name] for secrets in found if name in secrets]
        if kept:
            newest[name] = max(kept, key=lambda secret: (secret.since, secret.key))
    for name in (*enrol, *withdraw):
        # A clock that was ahead must not make this the older one.
        since = max(now, newest[name].since + 1 if name in newest else 0)
        newest[name] = Secret(new_key() if name in enrol else "", since)
    missing = tuple(name for name in sorted(declared) if name not in newest or not newest[name].key)
    return Settled(newest, tuple(sorted(set(enrol))), missing)


def not_done(asked: Collection[str], results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return which of the login servers that are ``asked`` don't keep what was settled, and why, in a few words each.

    ``results`` are what each last answered when it was to keep or to show secrets. Without a word that it keeps them it
    counts as not done.
    """
    return {name: _why(results.get(name, {})) for name in asked if not _is_kept(results.get(name, {}))}


def _is_kept(result: Mapping[str, Any]) -> bool:
    return "steps" in result and not result.get("failed") and not result.get("unreachable")


def _why(result: Mapping[str, Any]) -> str:
    if result.get("unreachable"):
        return "it can't be reached"
    said = str(result.get("msg") or "").strip().splitlines()
    return said[0].rstrip(".") if said else "this run left it out"


def outcome(
    left: Mapping[str, str],
    enrolled: Collection[str],
    withdrawn: Collection[str],
    missing: Collection[str],
    *,
    tried: bool = False,
) -> str:
    """Return in words what became of a run, which was ``tried`` only in check mode. ``left`` is what ``not_done`` returned."""
    said = (
        f"{'Would be enrolled' if tried else 'Enrolled'}: {', '.join(enrolled) or 'nobody'}. "
        f"Withdrawn: {', '.join(withdrawn) or 'nobody'}. "
        f"Without a second factor, so they can't log in: {', '.join(missing) or 'nobody'}."
    )
    if not left:
        return said
    places, why = " and ".join(left), "; ".join(f"{name}: {words}" for name, words in left.items())
    return (
        f"{'Would not be done' if tried else 'Not done'} on {places} ({why}): "
        "codes that opened it before this run open it still, and new ones don't. "
        "Mend that, then run playbooks/second_factor.yml again, without --limit, -e enrol and -e withdraw, "
        f"for {places} to keep what was settled now. Elsewhere: {said}"
    )


def uri(user: str, issuer: str, secret: Secret) -> str:
    """Return what an authenticator app takes (otpauth)."""
    text = base64.b32encode(bytes.fromhex(secret.key)).decode().rstrip("=")
    query = urlencode({"secret": text, "issuer": issuer, "algorithm": "SHA1", "digits": 6, "period": 30}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(user)}?{query}"


def to_data(secrets: Mapping[str, Secret]) -> dict[str, dict[str, Any]]:
    """Return secrets as plain data."""
    return {name: {"key": secret.key, "since": secret.since} for name, secret in secrets.items()}


def from_data(data: Mapping[str, Any]) -> dict[str, Secret]:
    """Return the secrets that ``to_data`` made ``data`` of. Raises ``EnrolmentError``, without the value."""
    found: dict[str, Secret] = {}
    for name, item in data.items():
        key, since = (item.get("key"), item.get("since")) if isinstance(item, Mapping) else (None, None)
        if not isinstance(key, str) or (key and not _HEX.fullmatch(key)) or not str(since).isdigit():
            raise EnrolmentError(f"the secret of {name} is none: give `key` in hex, empty where it is withdrawn, and `since`")
        found[str(name)] = Secret(key, int(str(since)))
    return found
