"""A host to try changes on: a root directory, programs that record how they were called, a systemd that remembers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from module_utils.changes.arming import Site, Wanted
from module_utils.changes.host import Done, Host
from module_utils.changes.record import Holder, Scope
from module_utils.changes.restore import main
from module_utils.changes.store import Store

HANA = Holder("hana", "ops.example.org", 4711, "2026-01-02T03:04:05Z")
TREES = ("/etc/ssh", "/etc/hosts")
ICHIRO = Holder("ichiro", "desk.example.org", 815, "2026-01-02T03:05:06Z")


@dataclass
class Machine:
    """Stands for the programs of a host; ``failing``: a program's first words and what it then says."""

    calls: list[list[str]] = field(default_factory=list)
    ruleset: str | None = "table inet kakehashi {\n}\n"
    units: dict[str, str] = field(default_factory=lambda: {"ssh.service": "active", "nftables.service": "active"})
    timers: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    on_wait: Callable[[list[str]], int] | None = None

    def __call__(self, argv: Sequence[str], text: str | None) -> Done:
        words = list(argv)
        self.calls.append(words)
        for start, said in self.failing.items():
            if " ".join(words).startswith(start):
                return Done(1, words=said)
        handler = {"nft": self._nft, "systemctl": self._systemctl, "systemd-run": self._run, "ip": self._ip}.get(words[0])
        return handler(words[1:], text) if handler else Done(127, words="it is not installed")

    def said(self, *start: str) -> list[list[str]]:
        return [call for call in self.calls if call[: len(start)] == list(start)]

    def _nft(self, words: list[str], text: str | None) -> Done:
        if self.ruleset is None:
            return Done(127)
        if "list" in words:
            return Done(0, self.ruleset)
        if "-c" not in words and text is not None:
            self.ruleset = text.removeprefix("flush ruleset\n")
        return Done(0)

    def _systemctl(self, words: list[str], _text: str | None) -> Done:
        verb, names = words[0], [w for w in words[1:] if not w.startswith("--")]
        if verb == "show":
            return Done(0, "\n\n".join(self._shown(name) for name in names))
        if verb == "stop" and names[0].startswith("kakehashi-revert-"):
            start = names[0].removesuffix("*.timer").removesuffix(".timer")
            self.timers = {t for t in self.timers if not t.startswith(start)}
        elif verb in ("start", "stop"):
            self.units[names[0]] = "active" if verb == "start" else "inactive"
        elif verb == "list-units":
            return Done(0, "\n".join(self.timers))
        return Done(0)

    def _shown(self, name: str) -> str:
        active = "active" if name.removesuffix(".timer") in self.timers else self.units.get(name, "inactive")
        reload = "yes" if name == "ssh.service" else "no"
        return f"Id={name}\nLoadState=loaded\nActiveState={active}\nUnitFileState=enabled\nType=notify\nCanReload={reload}"

    def _run(self, words: list[str], _text: str | None) -> Done:
        if "--wait" in words:
            assert self.on_wait is not None
            program = words.index("/usr/local/sbin/kakehashi-revert")
            return Done(self.on_wait(words[program + 1 :]))
        self.timers.add(next(w for w in words if w.startswith("--unit=")).removeprefix("--unit="))
        return Done(0)

    def _ip(self, _words: list[str], _text: str | None) -> Done:
        return Done(0, "[]")


@dataclass
class Bench:
    """A machine and its site, with ``/etc/ssh`` and ``/etc/hosts`` below ``root``."""

    root: Path
    base: Path
    machine: Machine
    site: Site

    @classmethod
    def make(cls, room: Path) -> Bench:
        root, machine = room / "root", Machine()
        (root / "etc/ssh").mkdir(parents=True)
        (root / "etc/ssh/sshd_config").write_text("Port 22\n")
        (root / "etc/hosts").write_text("192.0.2.1 login1\n")
        (room / "proc/net/ipv4").mkdir(parents=True)
        (room / "proc/net/ipv4/ip_forward").write_text("0\n")
        (room / "boot_id").write_text("this-boot\n")
        host = Host(machine, room / "proc", patience=0.0)
        site = Site(Store(room / "base"), host, lambda _host: [], root, room, room / "boot_id")
        bench = cls(root, room / "base", machine, site)
        machine.on_wait = bench.program
        return bench

    def program(self, arguments: list[str]) -> int:
        return main([*arguments, "--base", str(self.base), "--root", str(self.root)], self.site.host)

    def wanted(
        self, holder: Holder = HANA, *, take_over: bool = False, trees: Sequence[str] = ("/etc/ssh", "/etc/hosts")
    ) -> Wanted:
        return Wanted(holder, Scope(tuple(trees), ("ssh.service", "nftables.service")), 600, "a test", take_over)


def picture(top: Path) -> dict[str, tuple[object, ...]]:
    """Return everything that is to come back, read without the code under test."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        now = path.lstat()
        content: object = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        extras = {}
        with contextlib.suppress(OSError):
            extras = {n: os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False)}
        found[str(path)] = (now.st_mode, now.st_uid, now.st_gid, now.st_mtime_ns, content, tuple(extras.items()))
    return found
