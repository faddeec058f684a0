"""Makes an origin's attempts for real, many at once, and says what each came to. Runs on the origin itself."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .attempts import Attempt, Endpoint, OriginPlan, cells, tcp_attempts
from .classify import client_outcome, connect_outcome, shared_forward_outcome
from .clients import client_command, run_client, shared_login
from .outcomes import ADMITTED, Outcome
from .sharing import premises, settles
from .workspace import Identity, Workspace, workspace

_PER_ENDPOINT = 4
"""Clients at one listening place at a time: sshd drops unauthenticated connections beyond MaxStartups (10)."""
_Login: TypeAlias = "tuple[Endpoint | None, str]"
_NO_LOGIN = Outcome("dropped")
_RETRIES = (0.5, 1.5, 4.0)
_REPEATED = ("dropped", "timeout")
"""Ends that say nothing about who may log in: a busy machine brings them about."""
_SILENT = "tcp-timeout"
_FULL_CONNECT = 4
"""Seconds that a client waits for a connect and a greeting in a full run, where most connects get no answer."""
_WATCH = 0.5
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a probe. Times in seconds.

    A packet that a policy drops costs ``tcp_timeout``, and twice that once more; 2 s see one repeated SYN. ``lifetime``
    bounds the whole probe.
    """

    workers: int = 4
    tcp_timeout: float = 2.0
    attempt_timeout: float = 20.0
    lifetime: int = 900


@dataclass(slots=True)
class Made:
    """What was tried: each attempt's outcome, the repeats after a dropped connection, the seconds it took."""

    outcomes: dict[Attempt, Outcome] = field(default_factory=dict)
    repeated: int = 0
    seconds: float = 0.0


def run_probe(
    plan: OriginPlan,
    users: Mapping[str, Sequence[str]],
    identities: Sequence[Identity],
    known_hosts: Sequence[str],
    limits: Limits = Limits(),
    *,
    full: bool = False,
    extra: Sequence[Attempt] = (),
) -> Made:
    """Make the plan's attempts, and ``extra`` ones; return what was tried.

    ``users`` names each user's identities. ``full`` shares no results. Nothing stays behind, whatever happens; where
    the caller is gone, the probe ends by itself. Raises ``ProbeError`` or, at a signal, ``KeyboardInterrupt``.
    """
    stop = Stop()
    endpoints = [a.endpoint for a in (*tcp_attempts(plan), *cells(plan), *extra)]
    endpoints += [a.hop for a in extra if a.hop]
    with (
        stop.at_signals(),
        workspace(
            endpoints,
            users,
            identities,
            known_hosts,
            connect_timeout=_FULL_CONNECT if full else round(limits.attempt_timeout),
            lifetime=limits.lifetime,
            asked=plan.asked,
        ) as place,
    ):
        return asyncio.run(Prober(place, limits, full=full, stop=stop).run(plan, extra))


class Stop:
    """Whether the probe is to end. A signal only asks: an exception raised wherever it arrives could get lost there."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self._asked = False
        self._wake: Callable[[], object] | None = None

    def ask(self) -> None:
        """Ask for the end, from anywhere."""
        self._asked = True
        if self._wake is not None:
            self._wake()

    async def wait(self) -> None:
        """Return when the end was asked for."""
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(event.set)
        try:
            if not self._asked:
                await event.wait()
        finally:
            self._wake = None

    @contextlib.contextmanager
    def at_signals(self) -> Iterator[None]:
        """Let the signals that end a process ask for the end instead, so that the workspace is taken away."""
        before = {number: signal.signal(number, lambda *_: self.ask()) for number in _ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Prober:
    """Makes attempts within ``limits`` and remembers each; one that rests on others waits for them."""

    def __init__(self, place: Workspace, limits: Limits, *, full: bool, stop: Stop) -> None:
        """Take a workspace whose configurations cover all users and endpoints."""
        self._place = place
        self._stop = stop
        self._limits = limits
        self._full = full
        self._made = Made()
        self._tasks: dict[Attempt, asyncio.Task[Outcome]] = {}
        self._workers = asyncio.Semaphore(limits.workers)
        self._doors: dict[Endpoint, asyncio.Semaphore] = {}
        self._forwards: dict[_Login, list[Attempt]] = {}
        self._groups: dict[_Login, asyncio.Task[dict[Attempt, Outcome]]] = {}

    async def run(self, plan: OriginPlan, extra: Sequence[Attempt] = ()) -> Made:
        """Make every attempt of ``plan`` that can't be derived, and all of ``extra``."""
        begun = time.monotonic()
        wanted = [*tcp_attempts(plan), *cells(plan), *extra]
        for attempt in wanted:
            if attempt.kind == "forward":
                self._forwards.setdefault((attempt.hop, attempt.user), []).append(attempt)
        watchers = [asyncio.create_task(self._stop.wait()), asyncio.create_task(_caller_gone())]
        work = asyncio.create_task(self._all(wanted))
        try:
            waiting: set[asyncio.Task[None]] = {*watchers, work}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=self._limits.lifetime)
            if not work.done():
                raise KeyboardInterrupt
            await work
        finally:
            every: list[asyncio.Task[Any]] = [*watchers, work, *self._tasks.values(), *self._groups.values()]
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)
        self._made.seconds = round(time.monotonic() - begun, 1)
        return self._made

    async def _all(self, wanted: Sequence[Attempt]) -> None:
        await asyncio.gather(*(self._outcome(attempt) for attempt in wanted))

    def _outcome(self, attempt: Attempt) -> asyncio.Task[Outcome]:
        if attempt not in self._tasks:
            self._tasks[attempt] = asyncio.create_task(self._decide(attempt))
        return self._tasks[attempt]

    async def _decide(self, attempt: Attempt) -> Outcome:
        if not self._full:
            for premise in premises(attempt):
                outcome = await self._outcome(premise)
                if settles(premise, outcome):
                    return outcome
        outcome = await self._make(attempt)
        self._made.outcomes[attempt] = outcome
        return outcome

    async def _make(self, attempt: Attempt) -> Outcome:
        if attempt.kind == "tcp":
            return await self._knock(attempt.endpoint)
        if attempt.kind == "forward" and not self._full:
            outcome = (await self._group(attempt)).get(attempt, _NO_LOGIN)
            if outcome.verdict != "unknown":
                return outcome
        outcome = await self._once(attempt)
        for pause in _RETRIES:
            if outcome.code not in _REPEATED:
                break
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
            self._made.repeated += 1
            outcome = await self._once(attempt)
        return outcome

    async def _knock(self, endpoint: Endpoint) -> Outcome:
        """Connect, and once more with twice the patience where nothing answers: all that rests on it shares the result."""
        outcome = await _connect(endpoint, self._limits.tcp_timeout)
        return await _connect(endpoint, 2 * self._limits.tcp_timeout) if outcome.code == _SILENT else outcome

    def _group(self, attempt: Attempt) -> asyncio.Task[dict[Attempt, Outcome]]:
        """Return the task that asks for all of a user's forwardings at a hop, over one login."""
        key = (attempt.hop, attempt.user)
        if key not in self._groups:
            self._groups[key] = asyncio.create_task(self._forward_all(f"c{len(self._groups)}", self._forwards[key]))
        return self._groups[key]

    async def _forward_all(self, name: str, attempts: Sequence[Attempt]) -> dict[Attempt, Outcome]:
        found: dict[Attempt, Outcome] = {}
        seconds = self._limits.attempt_timeout
        async with self._door(attempts[0]), self._workers, shared_login(attempts[0], self._place, name, seconds) as login:
            if login is None:
                return found
            for attempt in attempts:
                found[attempt] = shared_forward_outcome(attempt, await login.forward(attempt, self._place))
        return found

    def _door(self, attempt: Attempt) -> asyncio.Semaphore:
        return self._doors.setdefault(attempt.hop or attempt.endpoint, asyncio.Semaphore(_PER_ENDPOINT))

    async def _once(self, attempt: Attempt) -> Outcome:
        async with self._door(attempt), self._workers:
            nonce = secrets.token_hex(8)
            argv, stdin = client_command(attempt, self._place, nonce)
            ran = await run_client(argv, stdin, self._limits.attempt_timeout, self._place.environment)
            return client_outcome(attempt, ran, nonce)


async def _connect(endpoint: Endpoint, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            _reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
    except TimeoutError as error:
        # A connect that the kernel gave up says so with an errno of its own.
        return connect_outcome(error) if error.errno else Outcome(_SILENT, f"no answer in {seconds:g} s")
    except OSError as error:
        return connect_outcome(error)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ADMITTED


async def _caller_gone() -> None:
    """Return when nobody reads what this process writes any more: its caller's connection is gone."""
    poll = select.poll()
    poll.register(1, 0)  # POLLERR and POLLHUP are always reported
    while not any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _fd, event in poll.poll(0)):
        await asyncio.sleep(_WATCH)
