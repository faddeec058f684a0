"""Where a probe keeps what its clients need: an agent that holds the keys, client configurations, known host keys.

Private keys are never written to a file. They live in an ``ssh-agent`` that forgets them after ``lifetime`` seconds and
that ends within seconds of its probe, however that one ends, SIGKILL included.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .attempts import SSH_PORT, Endpoint

PREFIX = "kakehashi-probe-"
RUN = Path("/run")
_OWNER = "pid"
_QUICK = 20
CLIENT_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class ProbeError(Exception):
    """The probe can't work on this origin. The message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key by ``name``, in OpenSSH's text form, and a certificate of it, if there is one."""

    name: str
    private: str
    certificate: str = ""

    def __repr__(self) -> str:
        return f"Identity({self.name!r})"


ASKED = "kakehashi-probe: asked for a code"
"""What stands in a client's words once it was asked: the program that ssh asks then ends it, so no answer is ever sent."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A probe's directory (mode 0700, on /run), and how its clients call endpoints."""

    directory: Path
    aliases: Mapping[Endpoint, str]

    def config(self, user: str) -> str:
        """Return the path of the client configuration that logs in as ``user``."""
        return str(self.directory / f"{user}.conf")

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of clients: whoever is asked for a code is seen to be, and ends there."""
        return {**CLIENT_ENVIRONMENT, "SSH_ASKPASS": str(self.directory / "asked"), "SSH_ASKPASS_REQUIRE": "force"}


@contextlib.contextmanager
def workspace(
    endpoints: Iterable[Endpoint],
    users: Mapping[str, Sequence[str]],
    identities: Sequence[Identity],
    known_hosts: Iterable[str],
    *,
    connect_timeout: int,
    lifetime: int,
    asked: Iterable[str] = (),
) -> Iterator[Workspace]:
    """Make a probe's workspace and take all of it away at the end. ``users`` names each user's identities.

    ``connect_timeout`` and ``lifetime`` are seconds, ``asked`` those who go on to the question for a code.
    Raises ``ProbeError`` where a key can't be loaded.
    """
    base = RUN if os.access(RUN, os.W_OK) else Path(tempfile.gettempdir())
    remove_stale(base)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    agent: Agent | None = None
    try:
        (directory / _OWNER).write_text(f"{os.getpid()}\n")
        socket = str(directory / "agent")
        agent = Agent(socket)
        for identity in identities:
            _load(directory, socket, identity, lifetime)
        certified = {identity.name for identity in identities if identity.certificate}
        aliases = {endpoint: f"e{number}" for number, endpoint in enumerate(dict.fromkeys(endpoints))}
        (directory / "known_hosts").write_text("".join(f"{line}\n" for line in known_hosts))
        (directory / "asked").write_text(f'#!/bin/sh\necho "{ASKED}" >&2\nkill "$PPID"\n')
        (directory / "asked").chmod(0o700)
        for user, names in users.items():
            shown = [name for name in names if name in certified]
            text = client_config(user, names, aliases, directory, connect_timeout, certificates=shown, asked=user in asked)
            (directory / f"{user}.conf").write_text(text)
        yield Workspace(directory, aliases)
    finally:
        if agent is not None:
            agent.stop()
        shutil.rmtree(directory, ignore_errors=True)  # the next probe removes what stays


def remove_stale(base: Path) -> None:
    """Remove what probes that were killed have left in ``base``; those that still run keep theirs."""
    for directory in base.glob(f"{PREFIX}*"):
        try:
            owner = int((directory / _OWNER).read_text())
        except (OSError, ValueError):
            owner = 0
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(directory, ignore_errors=True)  # another probe may do the same


def client_config(
    user: str,
    identities: Iterable[str],
    aliases: Mapping[Endpoint, str],
    directory: Path,
    connect_timeout: int,
    *,
    certificates: Iterable[str] = (),
    asked: bool = False,
) -> str:
    """Return an ssh client configuration (ssh_config(5)) that uses nothing but what is given here.

    ``certificates`` names the identities that have one. Who is ``asked`` goes on to the question for a code.
    """
    methods = ["  PreferredAuthentications publickey,keyboard-interactive", "  BatchMode no", "  NumberOfPasswordPrompts 1"]
    lines: list[str] = []
    for endpoint, alias in aliases.items():
        lines += [f"Host {alias}", f"  HostName {endpoint.address}", f"  Port {endpoint.port}"]
        lines += [f"  HostKeyAlias {endpoint.host}"]
        # Elsewhere none is taken, and each that is shown counts among the tries that sshd allows.
        lines += [f"  CertificateFile {directory}/{name}-cert.pub" for name in certificates if endpoint.port == SSH_PORT]
    lines += ["Host *", f"  User {user}"]
    lines += [f"  IdentityFile {directory}/{name}.pub" for name in identities] or ["  IdentityFile none"]
    lines += [
        f"  IdentityAgent {directory}/agent",
        "  IdentitiesOnly yes",
        *(methods if asked else ("  PreferredAuthentications publickey", "  BatchMode yes")),
        "  StrictHostKeyChecking yes",
        f"  UserKnownHostsFile {directory}/known_hosts",
        "  GlobalKnownHostsFile /dev/null",
        "  UpdateHostKeys no",
        "  CheckHostIP no",
        "  CanonicalizeHostname no",
        f"  ConnectTimeout {connect_timeout}",
        "  ConnectionAttempts 1",
        "  ControlMaster no",
        "  ControlPath none",
        "  ForwardAgent no",
        "  ForwardX11 no",
        "  RequestTTY no",
        "  EscapeChar none",
        # First, not only: what a server offers is not judged here. OpenSSH's own first choice guards secrets, of which
        # an attempt has none, against tomorrow's computers, and costs a client ten times the CPU time.
        "  KexAlgorithms ^curve25519-sha256",
    ]
    return "\n".join(lines) + "\n"


class Agent:
    """An ssh-agent that lives as long as its guard: ``cat``, which ends with the pipe that this process holds."""

    def __init__(self, socket: str) -> None:
        """Start it on ``socket``."""
        program = shutil.which("ssh-agent", path=CLIENT_ENVIRONMENT["PATH"])
        if program is None:
            raise ProbeError("there is no ssh-agent here; install OpenSSH's client on this origin")
        argv = [program, "-a", socket, "sh", "-c", "echo $SSH_AGENT_PID; exec cat >/dev/null"]
        self._guard = subprocess.Popen(  # noqa: S603 - a fixed program
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=CLIENT_ENVIRONMENT
        )
        said = self._guard.stdout.readline().strip() if self._guard.stdout else b""
        self._pid = int(said) if said.isdigit() else 0
        if not self._pid:
            self.stop()
            raise ProbeError(f"ssh-agent did not start with its socket at {socket}")

    def stop(self) -> None:
        """End the agent now; without this it would end itself some seconds after its guard."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
        for stream in (self._guard.stdin, self._guard.stdout):
            if stream is not None:
                stream.close()
        self._guard.kill()
        self._guard.wait()


def _load(directory: Path, socket: str, identity: Identity, lifetime: int) -> None:
    environment = {**CLIENT_ENVIRONMENT, "SSH_AUTH_SOCK": socket}
    private = identity.private.rstrip("\n") + "\n"
    for argv in (["ssh-keygen", "-y", "-f", "/dev/stdin"], ["ssh-add", "-q", "-t", str(lifetime), "-"]):
        try:
            done = subprocess.run(  # noqa: S603 - fixed programs
                argv,
                input=private,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_QUICK,
                check=False,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = error.strerror if isinstance(error, OSError) else f"it did not answer within {_QUICK} s"
            raise ProbeError(f"{argv[0]} can't be run ({why}); see to OpenSSH's client on this origin") from error
        if done.returncode != 0:
            raise ProbeError(f"key {identity.name} can't be used: {argv[0]} says {done.stderr.strip()[:160]!r}")
        if done.stdout:
            (directory / f"{identity.name}.pub").write_text(done.stdout)
    if identity.certificate:
        (directory / f"{identity.name}-cert.pub").write_text(f"{identity.certificate.strip()}\n")
