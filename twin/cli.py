"""The command line of the twin."""

from __future__ import annotations

import argparse
import fcntl
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from module_utils.fabric.problems import FabricError
from twin.cgroups import Groups
from twin.errors import TwinError
from twin.faults import DIRECTIONS
from twin.paths import Paths, paths_of, remove_empty_parents
from twin.preconditions import need_root
from twin.progress import say

DEFAULT_INVENTORY = "inventories/twin"


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog=".venv/bin/python -m twin", description="Build and use a twin of a fabric on this machine."
    )
    top.add_argument(
        "--name",
        default=os.environ.get("TWIN") or "default",
        help="name of the twin (default: TWIN of the environment, now %(default)s); several may run side by side",
    )
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help_text: str, *, group: str = "change", locked: bool = True) -> argparse.ArgumentParser:
        found = sub.add_parser(name, help=help_text, description=help_text)
        found.set_defaults(locked=locked, call=(f"twin.commands.{group}", name))
        # Also allowed after the command; without a value here the one given before it stands.
        found.add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return found

    up = command("up", "build the twin of an inventory, or finish one that is half built", group="build")
    up.add_argument(
        "-i", "--inventory", action="append", help=f"inventory source, may be repeated (default: {DEFAULT_INVENTORY})"
    )
    command("down", "remove the twin: no process, namespace, mount, interface or file is left")
    status = command("status", "show nodes, cut links and memory", locked=False)
    status.add_argument("--json", action="store_true", help="print JSON")
    inside = command("exec", "run a command as root within a node, for debugging", group="use", locked=False)
    inside.add_argument("node")
    inside.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD", help="default: a shell")
    outside = command(
        "run", "run a command on the operators' host, where only the twin can be reached", group="use", locked=False
    )
    outside.add_argument(
        "--for",
        dest="rehearsed",
        action="append",
        metavar="INVENTORY",
        help="refuse a twin that is half built or lacks a machine of this inventory; may be repeated",
    )
    outside.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD", help="default: a shell")
    ssh = command("ssh", "log in to a node as the operators do", group="use", locked=False)
    ssh.add_argument("node")
    ssh.add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD")
    login = command("login", "log in to a login server as an account does, from where it may come", group="use", locked=False)
    login.add_argument("account")
    login.add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD")
    copy = command("copy", "copy a file or directory to or from a node (NODE:PATH), for debugging", group="use", locked=False)
    copy.add_argument("source")
    copy.add_argument("target")
    for name, text in (("cut", "let nothing pass a link (HOST/SEGMENT or trunk/NAME)"), ("heal", "undo a cut")):
        fault = command(name, text)
        fault.add_argument(
            "link", nargs="?" if name == "heal" else None, help="default: every cut link" if name == "heal" else ""
        )
        fault.add_argument("--direction", choices=DIRECTIONS, default="both", help="which way (default: %(default)s)")
    stop = command("stop", "stop nodes")
    stop.add_argument("nodes", nargs="+")
    stop.add_argument("--power-cut", action="store_true", help="at once, as a power cut does")
    start = command("start", "start nodes")
    start.add_argument("nodes", nargs="*", help="default: all that are off")
    for name, text in (("save", "keep the state of nodes under a label"), ("restore", "put back a saved state and start")):
        state = command(name, text)
        state.add_argument("label")
        state.add_argument("nodes", nargs="*", help="default: all")
    command("images", "build the images that an inventory needs, without a twin", group="build").add_argument(
        "-i", "--inventory", action="append", help=f"inventory source, may be repeated (default: {DEFAULT_INVENTORY})"
    )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = parser().parse_args(argv)
    if getattr(arguments, "argv", None) and arguments.argv[0] == "--":
        del arguments.argv[0]
    if hasattr(arguments, "inventory"):
        arguments.inventory = arguments.inventory or [DEFAULT_INVENTORY]
    _interrupt_by(signal.SIGTERM)
    try:
        paths = paths_of(arguments.name)
        need_root(arguments.command)
        call = _function(*arguments.call)
        if not arguments.locked:
            return call(paths, arguments)
        with _locked(paths):
            Groups(paths.twin).thaw()  # nobody else holds them: the lock is ours
            status = call(paths, arguments)
        _forget_lock(paths)
        return status
    except (TwinError, FabricError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"twin {arguments.name}: {arguments.command} failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"twin {arguments.name}: {arguments.command} was interrupted; run it again to finish, or take all down with: "
            f".venv/bin/python -m twin --name {arguments.name} down",
            file=sys.stderr,
        )
        return 130


def _function(module: str, name: str) -> Callable[[Paths, argparse.Namespace], int]:
    # Only now: what building a twin needs takes longer to load than most commands to run.
    found: Callable[[Paths, argparse.Namespace], int] = getattr(importlib.import_module(module), name)
    return found


def _interrupt_by(signum: int) -> None:
    """Let a signal end a command as Ctrl-C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signum, interrupt)


@contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    """One changing command at a time; the lock ends with the process, however that ends."""
    paths.lock.parent.mkdir(parents=True, exist_ok=True)
    with paths.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"twin {paths.twin}: another command changes it, waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), False)
        yield


def _forget_lock(paths: Paths) -> None:
    if not paths.state.exists():
        paths.lock.unlink(missing_ok=True)
        remove_empty_parents(paths)
