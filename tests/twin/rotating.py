"""A small twin with a signer, whose keys are replaced and whose login server is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.twin.by_hand import INVENTORY
from tests.twin.machine import wait_until
from tests.twin.validated import Validated

MORE = Path(__file__).parent / "rotation"
AUTHORITY = "/var/lib/kakehashi-authority/user_ca"
ONWARD = "/etc/kakehashi/onward/sato/id_ed25519"
TRUSTED = "/etc/ssh/kakehashi-user-authorities"
DATA_KEYS = "/etc/ssh/authorized_keys_data.d/sato"
PATIENCE = 300  # seconds, for what comes in a few of them where nothing else runs
DATA = ("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes")


class Rotating(Validated):
    """A twin of the survey's fabric with a signer. sato computes on mdx1 and reads data of data1 from there."""

    inventories: tuple[Path, ...] = (INVENTORY, MORE)

    def rotate(self, kind: str, *words: str) -> Any:
        """Run rotate.yml, whatever comes of it."""
        return self.playbook("rotate", "-e", f"rotate={kind}", *words)

    def key(self, host: str, path: str) -> str:
        """The public half of a pair, by type and text."""
        return " ".join(self("exec", host, "--", "cat", f"{path}.pub").split()[:2])

    def taken(self, host: str, path: str) -> list[str]:
        """The keys that a file takes."""
        text = self("exec", host, "--", "cat", path)
        return sorted(
            "ssh-ed25519 " + line.split("ssh-ed25519 ")[1].split()[0] for line in text.splitlines() if "ssh-ed25519 " in line
        )

    def age(self, host: str, path: str) -> None:
        """Have a key be of an age at which it is replaced."""
        self("exec", host, "--", "touch", "-d", "3 days ago", path)

    def goes_on(self) -> bool:
        """Whether sato gets in to mdx1 from the login server, over a connection of its own."""
        way = (
            "runuser",
            "-u",
            "sato",
            "--",
            "ssh",
            "-n",
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "ControlPath=none",
            "mdx1",
            "id",
            "-un",
        )
        return self.attempt("exec", "login1", "--", *way).stdout == "sato\n"

    def would_end(self, host: str, arguments: str) -> list[str]:
        """Whose sessions the module that ends them would end there."""
        ansible = str(Path(sys.executable).with_name("ansible"))
        sources = [word for source in (*self.inventories, self.state / "overlay") for word in ("-i", str(source))]
        said = self("run", "--", ansible, *sources, host, "-b", "-m", "ssh_sessions", "-a", arguments, "--check")
        return [str(session["user"]) for session in yaml.safe_load(said.partition("=>")[2])["ended"]]

    def carry_key(self, name: str) -> None:
        """Have sato's onward key lie on mdx1, as for reading data."""
        private = self("exec", "login1", "--", "cat", ONWARD)
        self("exec", "mdx1", "--", "sh", "-c", f"umask 077; cat >/run/{name}; chown sato /run/{name}", text=private)

    def opens_data(self, name: str) -> bool:
        """Whether that key opens data from mdx1."""
        words = (
            "runuser",
            "-u",
            "sato",
            "--",
            "sftp",
            "-q",
            *DATA,
            "-i",
            f"/run/{name}",
            "-P",
            "2022",
            "-b",
            "-",
            "sato@192.0.2.72",
        )
        return self.attempt("exec", "mdx1", "--", *words, text="ls\n").returncode == 0

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Have a session of sato's on mdx1 and a transfer from data1; both must go on to the end."""
        self.carry_key("carried")
        # Sparse, and at the pace below it takes most of a day: longer than any runs.
        self("exec", "data1", "--", "sh", "-c", "truncate -s 16G /srv/kakehashi/sato/big; chmod 644 /srv/kakehashi/sato/big")
        session = self.begin("login1", "exec runuser -u sato -- ssh -n -T -o BatchMode=yes mdx1 'sleep 36000.25'")
        words = " ".join(
            ("sftp", "-q", "-l", "1600", *DATA, "-i", "/run/carried", "-P", "2022", "sato@192.0.2.72:/big", "/home/sato/big")
        )
        transfer = self.begin("mdx1", f"exec runuser -u sato -- {words}")
        try:
            wait_until(lambda: self.attempt("exec", "mdx1", "--", "pgrep", "-xf", "sleep 36000.25").returncode == 0, PATIENCE)
            wait_until(lambda: self._size() > 0, PATIENCE)
            yield
            assert (session.poll(), transfer.poll()) == (None, None)
            before = self._size()
            wait_until(lambda: self._size() > before, PATIENCE)
        finally:
            for process in (session, transfer):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self.attempt(
                "exec", "mdx1", "--", "sh", "-c", "pkill -xf 'sleep 36000.25'; pkill -x -u sato sftp; rm -f /home/sato/big"
            )
            self("exec", "data1", "--", "rm", "-f", "/srv/kakehashi/sato/big")

    def _size(self) -> int:
        return int(self.attempt("exec", "mdx1", "--", "stat", "-c", "%s", "/home/sato/big").stdout or 0)

    def begin(self, host: str, command: str) -> subprocess.Popen[bytes]:
        """Start a shell's command on a host, in a process group of its own, and leave it running."""
        words = [sys.executable, "-m", "twin", "--name", self.name, "exec", host, "--", "sh", "-c", command]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
