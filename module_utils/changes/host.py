"""Asks and tells the running host: ruleset, settings, interfaces, units."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .links import Link, commands, differing, left, parse, strangers
from .running import UNIT_PROPERTIES, Running, Unit, parse_units, without_traffic

HOSTNAME = "kernel/hostname"
SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/*/forwarding",
    "net/ipv4/conf/*/rp_filter",
    "net/ipv4/conf/*/accept_redirects",
    "net/ipv4/conf/*/send_redirects",
    "net/ipv4/conf/*/proxy_arp",
    "net/ipv6/conf/*/forwarding",
    "net/ipv6/conf/*/accept_ra",
    "net/ipv6/conf/*/accept_redirects",
    "net/ipv6/conf/*/disable_ipv6",
    "net/ipv6/conf/*/proxy_ndp",
    HOSTNAME,
)
TIMEOUT = 90.0  # seconds: longer than a unit's usual time to stop
PATIENCE = 20.0  # seconds for networkd to configure: detection of duplicate addresses takes 1 to 2
_POLL = 0.2
_ROUNDS = 3  # an address that goes may take others with it, which the next round sees
_NOT_FOUND, _TOO_LONG = 127, 124


class HostError(RuntimeError):
    """A program of the host failed; the text is its own."""


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    status: int
    out: str = ""
    words: str = ""


Runner = Callable[[Sequence[str], "str | None"], Done]


def run(argv: Sequence[str], text: str | None = None) -> Done:
    """Run a program, with ``text`` as its input; a missing one and one that takes too long are failures like others."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        result = subprocess.run(  # noqa: S603 - words, no shell
            argv, input=text, capture_output=True, text=True, check=False, timeout=TIMEOUT, env=environment
        )
    except FileNotFoundError:
        return Done(_NOT_FOUND, words="it is not installed")
    except subprocess.TimeoutExpired:
        return Done(_TOO_LONG, words=f"no end after {TIMEOUT:.0f} s")
    return Done(result.returncode, result.stdout, result.stderr.strip().replace("\n", "; "))


class Host:
    """The running host. ``runner`` and ``proc`` (where /proc/sys is) are given by tests."""

    def __init__(self, runner: Runner = run, proc: Path = Path("/proc/sys"), patience: float = PATIENCE) -> None:
        self._runner = runner
        self._proc = proc
        self._patience = patience

    def ask(self, argv: Sequence[str], text: str | None = None) -> str:
        """Return what a program says; raise HostError with its words when it fails."""
        done = self._runner(argv, text)
        if done.status != 0:
            raise HostError(f"{' '.join(argv)}: {done.words or f'it ended with status {done.status}'}")
        return done.out

    def read(self, units: Sequence[str], interfaces: Sequence[str]) -> Running:
        """Return what runs."""
        return Running(self.ruleset(), self.settings(), self.links(interfaces), self.units(units))

    def ruleset(self) -> str | None:
        """Return the kernel's ruleset without what traffic puts into it, None where there is no nft."""
        done = self._runner(["nft", "-s", "list", "ruleset"], None)
        if done.status == _NOT_FOUND:
            return None
        if done.status != 0:
            raise HostError(f"nft -s list ruleset: {done.words}")
        return without_traffic(done.out)

    def check_ruleset(self, ruleset: str) -> None:
        """Raise HostError when nft could not load ``ruleset`` again, as happens with what iptables put there."""
        self.ask(["nft", "-c", "-f", "-"], f"flush ruleset\n{ruleset}")

    def load_ruleset(self, transaction: str) -> None:
        """Load a ruleset in one step: all of it holds afterwards, or nothing of it."""
        self.ask(["nft", "-f", "-"], transaction)

    def settings(self) -> dict[str, str]:
        """Return the settings that matter to packets, by path below /proc/sys."""
        found = {}
        for pattern in SETTINGS:
            for path in sorted(self._proc.glob(pattern)):
                with contextlib.suppress(OSError):
                    found[str(path.relative_to(self._proc))] = path.read_text(encoding="utf-8").strip()
        return found

    def write_setting(self, name: str, value: str) -> None:
        """Write one setting."""
        if name == HOSTNAME:
            socket.sethostname(value)  # containers may keep the file read-only
            return
        (self._proc / name).write_text(f"{value}\n", encoding="utf-8")

    def links(self, only: Sequence[str] = ()) -> dict[str, Link]:
        """Return the interfaces."""
        routes = {f: self._ip([f, "-json", "route", "show", "table", "all"]) for f in ("-4", "-6")}
        return parse(self._ip(["-json", "-details", "address", "show"]), routes, only)

    def reconfigure(self, before: Mapping[str, Link], only: Sequence[str]) -> list[str]:
        """Let networkd go by its files where interfaces differ, then set by hand what still does; return words on it."""
        words = []
        now = self.links(only)
        names = differing(before, now)
        new = strangers(before, now)
        if not names and not new:
            return []
        words += self._by_networkd(before, only, names)
        for name in new:
            self.ask(["ip", "link", "del", "dev", name])
            words.append(f"removed the interface {name}, which was not there before")
        words += self._by_hand(before, only)
        return words

    def units(self, names: Sequence[str]) -> dict[str, Unit]:
        """Return the states of units."""
        if not names:
            return {}
        return parse_units(self.systemctl(["show", f"--property={','.join(UNIT_PROPERTIES)}", *names]), names)

    def systemctl(self, arguments: Sequence[str]) -> str:
        """Run systemctl."""
        return self.ask(["systemctl", *arguments])

    def _by_networkd(self, before: Mapping[str, Link], only: Sequence[str], names: Sequence[str]) -> list[str]:
        if self._runner(["networkctl", "reload"], None).status != 0:
            return []  # networkd doesn't run here: the rest is set by hand
        present = self.links(only)
        told = [n for n in names if n in present and self._runner(["networkctl", "reconfigure", n], None).status == 0]
        end = time.monotonic() + self._patience
        while left(before, self.links(only)) and time.monotonic() < end:
            time.sleep(_POLL)  # until networkd is done or the time is over
        return [f"had networkd configure {name} again" for name in told]

    def _by_hand(self, before: Mapping[str, Link], only: Sequence[str]) -> list[str]:
        touched: dict[str, None] = {}
        words: list[str] = []
        for _round in range(_ROUNDS):
            now = self.links(only)
            wrong = [name for name in left(before, now) if name in now]
            if not wrong:
                break
            words.clear()
            for name in wrong:
                touched[name] = None
                for argv in commands(name, before[name], now[name]):
                    done = self._runner(argv, None)
                    if done.status != 0:
                        words.append(f"{' '.join(argv)}: {done.words}")
        still = left(before, self.links(only))
        if still:
            raise HostError(f"interfaces are not as they were: {', '.join(still)}{f' ({words[0]})' if words else ''}")
        return [f"set addresses, routes, MTU and state of {name} back" for name in touched]

    def _ip(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.ask(["ip", *arguments]) or "[]")
        return found
