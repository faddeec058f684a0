"""A small twin whose machines were set up by hand, carelessly, with logins that really happened on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent / "survey"
INVENTORY = HERE / "inventory"
LAPTOP = "/root/laptop"


class ByHand:
    """A twin of ``survey/inventory`` by name."""

    def __init__(self, name: str) -> None:
        """Name it; nothing is built yet."""
        self.name = name
        self.state = Path(os.environ.get("KAKEHASHI_STATE", "/var/lib/kakehashi")) / name

    def __call__(self, *words: str, text: str | None = None) -> str:
        """Run a command of the twin and return what it prints."""
        done = self.attempt(*words, text=text)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the twin, whatever comes of it."""
        command = [sys.executable, "-m", "twin", "--name", self.name, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, check=False)

    def up(self) -> None:
        """Build it, and make the mess."""
        self("up", "-i", str(INVENTORY))
        self("exec", "inst-a1", "--", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", LAPTOP)
        key = self("exec", "inst-a1", "--", "cat", f"{LAPTOP}.pub").strip()
        for node in ("login1", "mdx1"):
            self("exec", node, "--", "bash", "-s", "--", key, text=(HERE / "mess" / f"{node}.sh").read_text())
        private = self("exec", "inst-a1", "--", "cat", LAPTOP)
        self("exec", "login1", "--", "sh", "-c", f"umask 077; cat >{LAPTOP}", text=private)

    def log_in(self, origin: str, login: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Log in with the laptop's key from a node, once."""
        defaults = ("-i", LAPTOP, "-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
        return self.attempt("exec", origin, "--", "ssh", *options, *defaults, login, "true")

    def timers(self, node: str) -> str:
        """When each timer of a node fired last. Its job may change files at any moment, whatever else is done there."""
        return self("exec", node, "--", "systemctl", "show", "--property=Id,LastTriggerUSec", "*.timer")

    def playbook(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook from the operators' host."""
        inventories = [word for source in (INVENTORY, self.state / "overlay") for word in ("-i", str(source))]
        ansible = str(Path(sys.executable).with_name("ansible-playbook"))
        return self.attempt("run", "--", ansible, *inventories, f"playbooks/{name}.yml", *words)

    def evidence(self, name: str, *words: str) -> tuple[dict[str, Any], str]:
        """Run a playbook that writes <time>/<name>.json; return that and what was printed, whatever the status."""
        # A directory of its own: other tests validate their twins from the same tree at the same time.
        with tempfile.TemporaryDirectory(prefix="kakehashi-evidence-") as directory:
            done = self.playbook(name, *words, "-e", f"{name}_evidence={directory}")
            written = list(Path(directory).glob(f"*/{name}.json"))
            assert len(written) == 1, f"{written}: {done.stdout}{done.stderr}"
            path = written[0]
            assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
            return json.loads(path.read_text()), done.stdout
