"""Run all of ansible-test's sanity tests over the assembled collection.

ansible-test makes a virtual environment per test and fills it by pip's bootstrap script, which it wants to download. It
looks into its cache first, so the cache gets a script of that name that runs the pip wheel which Python carries.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.assemble_collection import ROOT, AssemblyError, assemble

# ansible-test keeps caches under HOME; this one belongs to the repository and leaves the user's alone.
HOME = ROOT / ".cache" / "ansible-test"
# ansible-core 2.19 asks for this version (ansible_test/_internal/python_requirements.py).
BOOTSTRAP = "get_pip_24_2.py"

BOOTSTRAP_SCRIPT = '''\
"""Stands for pip's bootstrap script: runs the pip wheel that Python carries, with the arguments given."""
import ensurepip, pathlib, runpy, sys, sysconfig

places = [sysconfig.get_config_var("WHEEL_PKG_DIR"), pathlib.Path(ensurepip.__file__).with_name("_bundled")]
wheels = [str(wheel) for place in places if place for wheel in pathlib.Path(place).glob("pip-*.whl")]
if not wheels:
    sys.exit("Python carries no pip wheel; on Debian it comes with python3-venv.")
sys.path.insert(0, wheels[0])
sys.argv[1:] = ["install"] + [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


def pip_settings(lines: Iterable[str]) -> str:
    """Turn the lines of `pip config list` into one pip.conf, so that settings from files and environment alike last.

    ansible-test passes neither HOME's pip.conf (HOME is ours) nor any PIP_ variable on to pip.
    """
    settings: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in lines:
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in settings and name not in {"config-file", "require-hashes"}:
            settings[section][name] = str(ast.literal_eval(value)).replace("\n", "\n  ")
    merged = settings["global"] | settings["install"] | settings[":env:"]
    return "".join(["[global]\n", *(f"{name} = {value}\n" for name, value in sorted(merged.items()))])


def prepare_home(home: Path) -> None:
    """Lay out what ansible-test and pip look for under HOME."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / BOOTSTRAP).write_text(BOOTSTRAP_SCRIPT)
    pip_config = home / ".config" / "pip" / "pip.conf"
    pip_config.parent.mkdir(parents=True, exist_ok=True)
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    pip_config.write_text(pip_settings(listing.stdout.splitlines()))


def make_repository(collection: Path) -> None:
    """Make the collection a git repository of its own: ansible-test asks git for the files, and ours ignores build/."""
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(collection), *command], check=True)


def main() -> int:
    """Assemble, prepare and test; arguments go to `ansible-test sanity`."""
    if not shutil.which("shellcheck"):
        print("shellcheck is missing: run 'make deps-test' as root.", file=sys.stderr)
        return 1
    try:
        collection = assemble(ROOT, ROOT / "build")
    except (AssemblyError, SyntaxError) as error:
        print(error, file=sys.stderr)
        return 1
    make_repository(collection)
    prepare_home(HOME)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {**os.environ, "HOME": str(HOME), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    command = ["ansible-test", "sanity", "--local", "--python", python, "--color", "no", *sys.argv[1:]]
    return subprocess.run(command, check=False, cwd=collection, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
