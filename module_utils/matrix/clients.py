"""Runs OpenSSH's clients: one at a time, or many forwardings over one login."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from .attempts import Attempt
from .classify import Ran
from .workspace import CLIENT_ENVIRONMENT, Workspace

_OUTPUT_LIMIT = 262144
_REFUSED = b"open failed"
_WORDS_WITHIN = 2.0


def client_command(attempt: Attempt, place: Workspace, nonce: str) -> tuple[list[str], bytes]:
    """Return a client's command line and input. The remote command has the nonce in two halves: no echo of it counts."""
    alias = place.aliases[attempt.endpoint]
    base = ["-v", "-F", place.config(attempt.user)]
    if attempt.kind == "sftp":
        return ["sftp", *base, "-b", "-", alias], b"ls -la\n"
    half = len(nonce) // 2
    command = f"printf %s {nonce[:half]}''{nonce[half:]}"
    if attempt.hop is None:
        return ["ssh", *base, alias, command], b""
    hop = place.aliases[attempt.hop]
    if attempt.kind == "jump":
        return ["ssh", *base, "-J", hop, alias, command], b""
    return ["ssh", *base, "-W", f"[{attempt.endpoint.address}]:{attempt.endpoint.port}", hop], b""


async def run_client(argv: Sequence[str], stdin: bytes, seconds: float, environment: Mapping[str, str] | None = None) -> Ran:
    """Run a client in a session of its own, so that what it started ends with it; in ``CLIENT_ENVIRONMENT`` unless told."""
    out, err = bytearray(), bytearray()
    status: int | None = None
    async with _started(argv, environment or CLIENT_ENVIRONMENT) as process:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(_feed(process.stdin, stdin), _drain(process.stdout, out), _drain(process.stderr, err))
                status = await process.wait()
    return Ran(status, out.decode(errors="replace"), err.decode(errors="replace"))


class SharedLogin:
    """One login at a hop, over which forwardings are asked for one after another."""

    def __init__(self, control: Path, said: bytearray, seconds: float) -> None:
        """Keep the master's control socket and what it says."""
        self._control, self._said, self._seconds = control, said, seconds

    async def forward(self, attempt: Attempt, place: Workspace) -> Ran:
        """Ask for one forwarding; the master's own words tell why it was refused."""
        before = len(self._said)
        argv, stdin = client_command(attempt, place, "")
        ran = await run_client([argv[0], "-S", str(self._control), *argv[1:]], stdin, self._seconds, place.environment)
        if ran.status is not None and not ran.stdout:
            await self._until_told(before)
        words = self._said[before:].decode(errors="replace")
        return Ran(ran.status, ran.stdout, "".join(line for line in words.splitlines(keepends=True) if _REFUSED.decode() in line))

    async def _until_told(self, before: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WORDS_WITHIN):
                while _REFUSED not in self._said[before:]:
                    await asyncio.sleep(0.01)  # until it is said or the time is over


@contextlib.asynccontextmanager
async def shared_login(attempt: Attempt, place: Workspace, name: str, seconds: float) -> AsyncIterator[SharedLogin | None]:
    """Log in at the hop of ``attempt`` for the time of the block; ``None`` where that doesn't come about."""
    control, said = place.directory / name, bytearray()
    hop = place.aliases[attempt.hop or attempt.endpoint]
    async with _started(
        ["ssh", "-v", "-F", place.config(attempt.user), "-M", "-S", str(control), "-N", hop], place.environment
    ) as master:
        listener = asyncio.create_task(_drain(master.stderr, said))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not control.exists() and master.returncode is None and not listener.done():
                        await asyncio.sleep(0.02)  # until the login stands, has ended or the time is over
            yield SharedLogin(control, said, seconds) if control.exists() else None
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


@contextlib.asynccontextmanager
async def _started(argv: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # asyncio waits for the pipes' other ends, too, and a shared login keeps those of a client whose connect still hangs.
        process._transport.close()  # type: ignore[attr-defined] # nothing public closes what is read from
        await process.wait()


async def _feed(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.write(data)
            await stream.drain()
        stream.close()


async def _drain(stream: asyncio.StreamReader | None, into: bytearray) -> None:
    while stream is not None and (part := await stream.read(4096)):
        into += part[: max(0, _OUTPUT_LIMIT - len(into))]
