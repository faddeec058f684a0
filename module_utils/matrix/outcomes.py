"""What an attempt came to, and what that says: a verdict, and the layer that gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["admitted", "refused", "unknown"]
Layer = Literal["network", "authentication", "session", "forwarding", "none"]

MEANINGS: dict[str, tuple[Verdict, Layer, str]] = {
    "admitted": ("admitted", "none", "admitted"),
    "code-asked": ("admitted", "none", "sshd took the key and asked for the code, which validation has not"),
    "hop-asked": ("refused", "authentication", "the hop took the key and asked for a code, which validation has not"),
    "tcp-timeout": ("refused", "network", "no answer to the connect"),
    "tcp-reset": ("refused", "network", "the port is closed"),
    "no-route": ("refused", "network", "there is no route"),
    "filtered": ("refused", "network", "the origin's own packet filter refused the connect"),
    "auth-denied": ("refused", "authentication", "sshd took none of the keys"),
    "account-denied": ("refused", "authentication", "sshd took the key, PAM closed the session"),
    "session-denied": ("refused", "session", "logged in, but nothing ran"),
    "forward-denied": ("refused", "forwarding", "the hop forwards nothing there"),
    "forward-unreachable": ("refused", "network", "the hop forwards, but gets no answer there"),
    "host-key": ("unknown", "none", "another host key answered than the known one"),
    "dropped": ("unknown", "none", "the server hung up before any authentication"),
    "timeout": ("unknown", "none", "no end within the time given"),
    "not-tried": ("unknown", "none", "not tried"),
    "unknown": ("unknown", "none", "neither admitted nor refused"),
}
"""Each code's verdict, deciding layer, and what it means in words."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: a ``code`` of ``MEANINGS`` and the client's last ``words``."""

    code: str
    words: str = ""

    @property
    def verdict(self) -> Verdict:
        """Return whether the attempt was admitted or refused, or that it can't be said."""
        return MEANINGS[self.code][0]

    @property
    def layer(self) -> Layer:
        """Return the layer that refused; ``none`` where nothing did."""
        return MEANINGS[self.code][1]

    @property
    def meaning(self) -> str:
        """Return the code in words."""
        return MEANINGS[self.code][2]


ADMITTED = Outcome("admitted")
