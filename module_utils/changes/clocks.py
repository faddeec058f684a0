"""Whether the clocks of hosts are right enough for what hangs on them, by that of the machine that changes them. No I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

CERTIFICATE_SECONDS = 60
"""How much the clocks of a signer and of who takes its certificates may differ (``module_utils/identity/signer.py``)."""
CODE_SECONDS = 30
"""How much the clocks of a login server and of what shows codes may differ: one step of TOTP (RFC 6238)."""
_ALIKE = 5
"""Seconds by which clocks that are right look different where one way is longer than another."""
_ROOM = 5
_MEND = "set it right there (timedatectl shows it; chronyc makestep, or timedatectl set-ntp true)"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a host's clock showed, in whole seconds since 1970, to who asked at ``asked`` and had the answer at ``answered``.

    Both are seconds since 1970 by the asking machine's clock.
    """

    shown: int
    asked: float
    answered: float

    @property
    def ahead(self) -> float:
        """By how many seconds the host's clock is ahead at least, however long which way took; below 0 where it is behind."""
        if self.shown > self.answered:
            return self.shown - self.answered
        return min(0.0, self.shown + 1 - self.asked)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is to be said of clocks: why nothing may begin (``refused``), and what does not hinder (``told``); empty: nothing."""

    refused: str = ""
    told: str = ""


def judged(readings: Mapping[str, Reading], deciding: Collection[str], bound: float = CERTIFICATE_SECONDS) -> Clocks:
    """Return what is to be said of the clocks of hosts.

    Of hosts that are ``deciding`` (signers, and login servers that ask for codes and certificates) more than ``bound`` seconds
    is refused. Of all others it is told: they have to be changed to be mended. Where all are wrong alike it is told only: then
    they agree, and it is the asking machine's clock that is wrong.
    """
    off = {host: reading.ahead for host, reading in readings.items() if abs(reading.ahead) > CODE_SECONDS}
    if not off:
        return Clocks()
    if len(off) == len(readings) > 1 and max(off.values()) - min(off.values()) <= _ALIKE:
        least = -min(off.values(), key=abs)
        said = f"{_words(least)}{' of' if least > 0 else ''}"
        return Clocks(told=f"This machine's clock is {said} those of all {len(off)} hosts that were asked: set this one right")
    wrong = {host: ahead for host, ahead in off.items() if host in deciding and abs(ahead) > bound}
    others = {host: ahead for host, ahead in off.items() if host not in wrong}
    return Clocks(_refusal(wrong, bound) if wrong else "", _warning(others) if others else "")


def _refusal(wrong: Mapping[str, float], bound: float) -> str:
    enough = math.ceil(max(map(abs, wrong.values()))) + _ROOM
    return (
        f"Nothing was changed on any host: {_named(wrong)}, by this machine's clock, and beyond {math.ceil(bound)} s "
        f"certificates are not good yet, or no more, where they are shown: {_MEND}, or this machine's where that one is wrong, "
        f"then run again; to change all the same: -e change_clock_skew_seconds={enough}"
    )


def _warning(off: Mapping[str, float]) -> str:
    return (
        f"{_named(off)}, by this machine's clock: certificates and codes may be refused there, and the times in its journal are "
        f"wrong: {_MEND}"
    )


def _named(off: Mapping[str, float]) -> str:
    parts = [f"the clock of {host} is {_words(ahead)}" for host, ahead in off.items()]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _words(ahead: float) -> str:
    return f"{math.floor(abs(ahead))} s {'ahead' if ahead > 0 else 'behind'}"
