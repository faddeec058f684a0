"""Carries out the rounds of the bypass catalogue on a twin: over ssh, as operators reach its hosts, many at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from module_utils.attacks.judge import Seen, outcome_of
from module_utils.attacks.model import Layer
from module_utils.attacks.places import Stage
from module_utils.attacks.rounds import Plan, Round, Trial
from module_utils.identity.broker import CERTIFICATES
from module_utils.matrix.classify import Ran
from module_utils.matrix.clients import run_client
from module_utils.matrix.outcomes import Outcome

from .attacks import DIRECTORY

_TRY_SECONDS, _ARM_SECONDS = 100, 120
_AT_ONCE_ON_A_HOST = 6
"""Sessions over one connection: sshd's MaxSessions is 10."""
_AGAIN = ("dropped", "timeout", "unknown")
_RETRIES = 2
_NO_SSH = 255
_ANSIBLE = ("LC_ALL=C.UTF-8", f"ANSIBLE_CONFIG={DIRECTORY.parent / 'ansible.cfg'}", f"HOME={Path.home()}")
_PARTS = ("files below /etc", "packet filter")
"""What ``fingerprint`` tells of a host, one word for each."""
_ASKER, _CERTIFICATE_SECONDS = "kakehashi-certificate", 60
"""What makes an account's certificate on a login server, and how long one is shown; it lives two minutes or more."""
_MADE = {"fresh": "ed25519", "authority": "ed25519", "rsa": "rsa"}
"""Keys that are made for the run, and their types."""


class AttackError(Exception):
    """The run can't go on. The message says where and what to do."""


@dataclass(frozen=True)
class Ways:
    """How hosts are reached and what is shown.

    ``ssh`` are ssh's options and the destination by host, ``local`` names the operators' own host, where this runs.
    ``known_hosts`` is text, ``keys`` are files of private keys by name of a persona. ``sources`` are the inventories, for tasks
    of playbooks.
    """

    ssh: Mapping[str, tuple[str, ...]]
    known_hosts: str
    keys: Mapping[str, str]
    passwords: Mapping[str, str]
    local: frozenset[str]
    sources: tuple[str, ...] = ()


class Driver:
    """Runs rounds so that no two of them change, or change and use, the same host at the same time."""

    def __init__(self, ways: Ways, say: Callable[[str], None], *, workers: int = 4) -> None:
        """Take the ways to the hosts; ``say`` hears of progress."""
        self._ways, self._say = ways, say
        self._sockets = Path(tempfile.mkdtemp(prefix="kakehashi-attack-"))
        self._doors: dict[str, asyncio.Semaphore] = {}
        self._workers = asyncio.Semaphore(workers)
        self._free = asyncio.Condition()
        self._making = asyncio.Lock()
        self._connecting: dict[str, asyncio.Lock] = {}
        self._masters: dict[str, asyncio.subprocess.Process] = {}
        self._changing: set[str] = set()
        self._using: Counter[str] = Counter()
        self._before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        """By host that was changed: in words, what is other than before the run; empty where nothing is."""
        self._onward: dict[str, asyncio.Task[str]] = {}
        self._certificates: dict[str, tuple[float, str]] = {}
        self._certifying = asyncio.Lock()
        self._at_host = (DIRECTORY / "at_host.sh").read_text(encoding="utf-8")
        self._at_origin = (DIRECTORY / "at_origin.sh").read_text(encoding="utf-8")

    async def run(self, plan: Plan) -> list[Seen]:
        """Make every trial of a plan. Whatever happens, each host has in the end what it had before: ``after`` says whether."""
        seen: list[Seen] = []
        tasks = [asyncio.create_task(self._round(one, seen)) for one in plan.rounds]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end()
        return seen

    async def _round(self, one: Round, seen: list[Seen]) -> None:
        async with self._holding(one), self._workers:
            found = await self._carry_out(one)
        seen += found
        names = sorted({f"{s.trial.stage.attempt.name} ({s.trial.state})" for s in found})
        done = len({id(s.trial) for s in seen})
        self._say(f"[{done:>4} tries] {', '.join(names)[:150]}")
        for one_seen in found:
            if one_seen.difference:
                attempt = one_seen.trial.stage.attempt
                self._say(f"    {attempt.name}, {one_seen.trial.stage.family}, {one_seen.trial.state}: {one_seen.difference}")

    async def _carry_out(self, one: Round) -> list[Seen]:
        first = one.trials[0].stage
        for host in one.changes:
            await self._keep(host)
        try:
            for host, script in one.arm:
                armed = await self._as_root(host, f"{script}\n", first)
                if armed.status != 0 or "attack broken" in armed.stderr:
                    words = armed.stderr.strip().splitlines()
                    return _unprepared(one, host, words[-1] if words else "could not be prepared")
            for host, layer in one.tasks:
                if fault := await self._task(host, layer, first):
                    return _unprepared(one, host, fault)
            return list(await asyncio.gather(*(self._try(trial) for trial in one.trials)))
        finally:
            await asyncio.shield(self._give_back(one, first))

    async def _give_back(self, one: Round, here: Stage) -> None:
        scripts = dict(one.undo)
        armed = {host for host, _script in one.arm}
        # First those on whom nothing was changed: what they undo may be the way to the others.
        for host in sorted(one.changes, key=lambda name: name in armed):
            # An undo comes last: what it starts anew reads what was given back.
            back = await self._as_root(host, f"give_back && {{\n{scripts.get(host, ':')}\n}}\n", here, settle=False)
            if back.status != 0:
                raise AttackError(f"{host}: could not be given back what it had ({back.stderr.strip()[-200:]}); restore the node")

    async def _task(self, host: str, layer: Layer, here: Stage) -> str:
        """Carry out the task of a play that is a layer; return in words why it could not be, or nothing."""
        program = ["env", *_ANSIBLE, str(Path(sys.executable).with_name("ansible"))]
        inventories = [word for source in self._ways.sources for word in ("-i", source)]
        words = ["-b", "-m", layer.module, *(["-a", layer.arguments] if layer.arguments else [])]
        words += ["-e", json.dumps({name: self._variables(here)[name] for name in ("LOGIN", "OPERATOR", "ACCOUNT")})]
        ran = await run_client([*program, *inventories, host, *words], b"", _ARM_SECONDS)
        return "" if ran.status == 0 else f"{layer.module}: {' '.join((ran.stdout + ran.stderr).split())[-200:]}"

    async def _keep(self, host: str) -> None:
        # What a host has before anything is changed is noted apart from what it keeps itself, and compared in the end.
        script = "keep_on" if host in self._before else "keep && fingerprint"
        kept = await self._as_root(host, script, None, settle=False)
        if kept.status != 0:
            raise AttackError(f"{host}: what it has could not be kept ({kept.stderr.strip()[-200:]})")
        self._before.setdefault(host, kept.stdout)

    async def _end(self) -> None:
        for host, before in sorted(self._before.items()):
            self.after[host] = await self._ended(host, before)
        for master in self._masters.values():
            if master.returncode is None:
                os.killpg(master.pid, signal.SIGTERM)
                await master.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)

    async def _ended(self, host: str, before: str) -> str:
        try:
            last = await self._as_root(host, "keep_on && give_back", None, settle=False)
            # Where it could not be given back the host goes on trying by itself. The last script leaves nothing of its own.
            script = "fingerprint && finish" if last.status == 0 else "fingerprint"
            now = await self._as_root(host, script, None, settle=False)
        except AttackError as error:
            return f"{error}; unless it is down, it puts itself back within 6 minutes"
        wrong = [name for name, was, is_ in zip(_PARTS, before.split(), now.stdout.split(), strict=False) if was != is_]
        if now.status != 0 or len(now.stdout.split()) != len(_PARTS):
            wrong = [f"what it has could not be read ({now.stderr.strip()[-160:]})"]
        if last.status != 0:
            wrong.append(f"it could not be given back what it had ({last.stderr.strip()[-160:]})")
        return "" if not wrong else f"not as before the run: {', '.join(wrong)}; run playbooks/site.yml"

    async def _try(self, trial: Trial) -> Seen:
        for _again in range(_RETRIES):
            seen = await self._once(trial)
            if seen.outcome.code not in _AGAIN or seen.outcome.code in trial.codes:
                break
        return seen

    async def _once(self, trial: Trial) -> Seen:
        here = trial.stage
        nonce = secrets.token_hex(8)
        host = here.hosts[here.attempt.tried_at]
        files = [
            ("known_hosts", self._ways.known_hosts),
            *[file for number in range(len(here.attempt.keys)) for file in await self._shown(number, here)],
        ]
        script = "\n".join(
            [
                f"N1={nonce[:8]} N2={nonce[8:]}",
                _assigned(self._variables(here)),
                self._at_origin,
                *(f"(umask 077; cat >\"$place/{name}\" <<'END_OF_FILE'\n{text.rstrip()}\nEND_OF_FILE\n)" for name, text in files),
                here.attempt.script,
                "exit 0",
            ]
        )
        ran = await self._on(host, script, _TRY_SECONDS)
        outcome = outcome_of(ran.status, ran.stdout, ran.stderr, nonce)
        return Seen(trial, outcome, f"{ran.stdout}\n{ran.stderr}")

    def _variables(self, here: Stage) -> dict[str, str]:
        password = self._ways.passwords.get(here.user, "Attack-1-password")
        return {**here.variables, "LOGIN": here.user, "ACCOUNT": here.account, "PASSWORD": password}

    async def _as_root(self, host: str, script: str, here: Stage | None, *, settle: bool = True) -> Ran:
        variables = {**self._variables(here), **await self._public(here)} if here else {}
        parts = [_assigned(variables), self._at_host, "alone", "(", "set -e", script, ")", "status=$?"]
        if settle:
            parts.append("settle || status=1")
        return await self._on(host, "\n".join([*parts, "exit $status"]), _ARM_SECONDS)

    async def _public(self, here: Stage) -> dict[str, str]:
        """Return the public half of the first key that an attempt shows, and of the authority that signs it."""
        found = {}
        for name in here.attempt.keys:
            variable = "AUTHORITY" if name == "authority" else "SHOWN"
            if variable not in found:
                private = await self._key(name, here)
                ran = await run_client(["ssh-keygen", "-y", "-f", "/dev/stdin"], private.encode(), 20)
                found[variable] = ran.stdout.strip()
        return found

    async def _shown(self, number: int, here: Stage) -> list[tuple[str, str]]:
        """Return the files, by name, of one of the keys that an attempt shows: ssh finds a certificate by its name."""
        name = here.attempt.keys[number]
        file = name if name == "authority" else f"key{number}"
        found = [(file, await self._key(name, here))]
        if name == "onward" and (certificate := await self._certificate(here.hosts["login"], here.account)):
            found.append((f"{file}-cert.pub", certificate))
        return found

    async def _key(self, name: str, here: Stage) -> str:
        if name in _MADE:
            path = self._sockets / f"made-{name}"
            async with self._making:
                if not path.exists():
                    await run_client(["ssh-keygen", "-q", "-t", _MADE[name], "-N", "", "-C", "attack", "-f", str(path)], b"", 60)
            return path.read_text(encoding="utf-8")
        if name == "onward":
            return await self._onward_key(here.hosts["login"], here.account)
        person = {"operator": here.variables["OPERATOR"], "local": here.variables["LOCAL_USER"]}.get(name, here.user)
        if person not in self._ways.keys:
            raise AttackError(f"{here.attempt.name}: there is no private key of {person}; build the twin anew")
        return Path(self._ways.keys[person]).read_text(encoding="utf-8")

    async def _onward_key(self, server: str, account: str) -> str:
        if account not in self._onward:
            self._onward[account] = asyncio.create_task(self._fetch(server, account))
        return await self._onward[account]

    async def _fetch(self, server: str, account: str) -> str:
        ran = await self._on(server, f"cat /etc/kakehashi/onward/{account}/id_ed25519", _ARM_SECONDS)
        if ran.status != 0:
            raise AttackError(f"{server}: {account} has no onward key there; run playbooks/site.yml first")
        return ran.stdout

    async def _certificate(self, server: str, account: str) -> str:
        """Return a certificate of an account's onward key, empty where there are none; a new one once a minute."""
        async with self._certifying:
            made, text = self._certificates.get(account, (0.0, ""))
            if not made or time.monotonic() - made > _CERTIFICATE_SECONDS:
                script = f"! command -v {_ASKER} >/dev/null || {{ {_ASKER} {account} && cat {CERTIFICATES}/{account}-cert.pub; }}"
                ran = await self._on(server, script, _ARM_SECONDS)
                if ran.status != 0:
                    raise AttackError(f"{server}: {account} gets no certificate there ({ran.stderr.strip()[-160:]})")
                text = ran.stdout
                self._certificates[account] = time.monotonic(), text
            return text

    async def _on(self, host: str, script: str, seconds: float) -> Ran:
        """Run a script as root on a host."""
        if host in self._ways.local:
            return await run_client(["bash", "-s"], script.encode(), seconds)
        socket = self._sockets / hashlib.sha256(host.encode()).hexdigest()[:12]
        argv = ["ssh", "-S", str(socket), *self._ways.ssh[host], "exec sudo -n bash -s"]
        async with self._doors.setdefault(host, asyncio.Semaphore(_AT_ONCE_ON_A_HOST)):
            await self._connect(host, socket)
            ran = await run_client(argv, script.encode(), seconds)
        if ran.status == _NO_SSH and not ran.stdout:
            raise AttackError(f"{host}: can't be reached ({ran.stderr.strip()[-160:]}); see that the twin is up and converged")
        return ran

    async def _connect(self, host: str, socket: Path) -> None:
        """Make the connection that all scripts for a host share, where it does not stand. It is this run's until the end."""
        async with self._connecting.setdefault(host, asyncio.Lock()):
            master = self._masters.get(host)
            if master is not None and master.returncode is None:
                return
            socket.unlink(missing_ok=True)
            # One that persists goes into the background and is lost to us.
            options = ["-o", "ControlPersist=no", "-o", f"ConnectTimeout={_ARM_SECONDS}"]
            argv = ["ssh", "-M", "-S", str(socket), "-N", *options, *self._ways.ssh[host]]
            quiet = asyncio.subprocess.DEVNULL
            master = await asyncio.create_subprocess_exec(*argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
            self._masters[host] = master
            while not socket.exists() and master.returncode is None:
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def _holding(self, one: Round) -> AsyncIterator[None]:
        """Wait until the round's hosts are free for it, and hold them."""
        changes, uses = set(one.changes), one.uses - set(one.changes)

        def fits() -> bool:
            if one.alone:
                return not self._changing and not +self._using
            return not (
                self._changing & (changes | uses | {"*"}) or "*" in self._changing or any(self._using[h] for h in changes)
            )

        async with self._free:
            await self._free.wait_for(fits)
            self._changing |= changes | ({"*"} if one.alone else set())
            self._using.update(uses)
        try:
            yield
        finally:
            async with self._free:
                self._changing -= changes | {"*"}
                self._using.subtract(uses)
                self._free.notify_all()


def _unprepared(one: Round, host: str, words: str) -> list[Seen]:
    return [Seen(trial, Outcome("unknown", f"{host}: {words}")) for trial in one.trials]


def _assigned(variables: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
