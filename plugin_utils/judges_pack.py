"""Packs OpenSCAP and Lynis, with all they need, into one file that a host's own Python runs.

Run as ``python -m plugin_utils.judges_pack DIRECTORY`` where the archive can be reached, once for each set of pins.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from module_utils.judges.exceptions import JudgesError

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "requirements" / "judges.txt"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SCANNER = "openscap-scanner"
_NOT_BROUGHT = ("libc6_", "gcc-")
"""The host's own: of the same release, and no program starts with a libc that isn't its loader's."""
_CODE = (
    "module_utils/judges/__init__.py",
    "module_utils/judges/exceptions.py",
    "module_utils/judges/lynis.py",
    "module_utils/judges/openscap.py",
)
_CHANGES = {
    # Where they may write: the places of their scratch files are fixed, and nothing but /mnt is theirs.
    "lib/libopenscap.so.25": ((b"/tmp/oscap.XXXXXX", b"/mnt/oscap.XXXXXX"),),
    "lynis/lynis": ((b"/var/run/lynis.pid", b"/mnt/lynis.pid"),),
    "lynis/include/functions": ((b"mktemp /tmp/lynis.", b"mktemp /mnt/lynis."), (b'"^/tmp/lynis"', b'"^/mnt/lynis"')),
    # It would have apt fetch new lists.
    "lynis/default.prf": ((b"refresh-repositories=yes", b"refresh-repositories=no"),),
}


@dataclass(frozen=True)
class Pin:
    """A Debian package as it was judged fit."""

    package: str
    version: str
    suite: str
    sha256: str


def pins(text: str) -> list[Pin]:
    """Return the pins of a file's text. Raises ``JudgesError`` for a line that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            found.append(Pin(*words))
        except TypeError as error:
            msg = f"{PINS.name} line {number}: expected package, version, suite and SHA-256"
            raise JudgesError(msg) from error
    return found


def judges_program(directory: str) -> str:
    """Return the file to bring to hosts, made in ``directory``. Raises ``JudgesError`` where it can't be."""
    target = Path(directory).resolve() / "judges-on-host.pyz"
    target.parent.mkdir(parents=True, exist_ok=True)
    payload = _payload(target.parent)
    scratch = target.with_suffix(f".{os.getpid()}")
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as packed:
        packed.write(ROOT / "plugin_utils/judges_on_host.py", "__main__.py")
        packed.writestr("module_utils/__init__.py", "")
        for name in _CODE:
            packed.write(ROOT / name, name)
        packed.write(payload, "payload.tar.xz")
    scratch.rename(target)
    return str(target)


def _payload(directory: Path) -> Path:
    """Return the packed programs and content: kept until the pins change."""
    wanted = pins(PINS.read_text())
    identity = hashlib.sha256(repr((wanted, _CHANGES)).encode()).hexdigest()[:12]
    target = directory / f"payload-{identity}.tar.xz"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(prefix="kakehashi-", dir=directory) as scratch:
        tree = Path(scratch, "tree")
        for suite in sorted({pin.suite for pin in wanted}):
            for package in _Archive(Path(scratch, suite), suite).fetch([pin for pin in wanted if pin.suite == suite]):
                _run(["dpkg-deb", "--extract", str(package), str(tree)], f"unpack {package.name}")
        chosen = _choose(tree, Path(scratch, "chosen"))
        part = Path(scratch, "part")
        with tarfile.open(part, "w:xz") as packed:
            packed.add(chosen, ".")
        part.rename(target)
    return target


class _Archive:
    """Debian's archive as this machine reaches it, for one suite, with lists and packages in a directory of its own."""

    def __init__(self, directory: Path, suite: str) -> None:
        self.suite = suite
        self.packages = directory / "cache/archives"
        for path in (self.packages / "partial", directory / "lists/partial", directory / "etc"):
            path.mkdir(parents=True)
        (directory / "status").touch()
        (directory / "sources.list").write_text("".join(f"{line}\n" for line in _sources(suite)))
        settings = {
            "Dir::Etc": directory / "etc",
            "Dir::Etc::sourcelist": directory / "sources.list",
            "Dir::State::lists": directory / "lists",
            "Dir::State::status": directory / "status",
            "Dir::Cache": directory / "cache",
            "APT::Architecture": "amd64",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        self.options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def fetch(self, wanted: Sequence[Pin]) -> list[Path]:
        """Return the packages of ``wanted``, with those that the scanner needs where it is among them."""
        self._apt("update", "--error-on=any")
        exact = [f"{pin.package}={pin.version}" for pin in wanted]
        if any(pin.package == _SCANNER for pin in wanted):
            self._apt("install", "--yes", "--download-only", *exact)
        else:
            _run(["apt-get", *self.options, "download", *exact], self._purpose, cwd=self.packages)
        found = sorted(self.packages.glob("*.deb"))
        for pin in wanted:
            _check(pin, found)
        return [path for path in found if not path.name.startswith(_NOT_BROUGHT)]

    @property
    def _purpose(self) -> str:
        return f"fetch the judges of {PINS.name} from Debian's {self.suite}"

    def _apt(self, *words: str) -> None:
        _run(["apt-get", "--quiet", *self.options, *words], self._purpose)


def _check(pin: Pin, found: Iterable[Path]) -> None:
    paths = [path for path in found if path.name.startswith(f"{pin.package}_")]
    for path in paths:
        if hashlib.sha256(path.read_bytes()).hexdigest() != pin.sha256:
            msg = f"{path.name} is not what {PINS.name} pins: its SHA-256 is another"
            raise JudgesError(msg)
    if not paths:
        msg = f"{pin.package} {pin.version} did not come from Debian's {pin.suite}"
        raise JudgesError(msg)


def _sources(suite: str) -> list[str]:
    """Return the archives that this machine takes Debian from, for ``suite``."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Origin: Debian"]
    mirrors: dict[bool, str] = {}
    for line in _run(asked, "look up this machine's Debian archive").splitlines():
        address, codename = line.rsplit(" ", 1)
        mirrors.setdefault("security" in codename, address)
    if False not in mirrors:
        msg = "this machine's apt names no archive of Debian, so OpenSCAP and Lynis can't be fetched"
        raise JudgesError(msg)
    suites = {False: suite, True: f"{suite}-security"}
    return [f"deb [signed-by={_KEYRING}] {address} {suites[security]} main" for security, address in sorted(mirrors.items())]


def _choose(tree: Path, target: Path) -> Path:
    """Lay out what runs on a host: oscap, its libraries and dictionary, the content, and Lynis."""
    for name in ("lib", "bin"):
        (target / name).mkdir(parents=True)
    for directory in ("usr/lib", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"):
        for library in sorted((tree / directory).glob("*.so*")):
            shutil.copy2(library, target / "lib" / library.name, follow_symlinks=False)
    shutil.copy2(tree / "usr/bin/oscap", target / "bin")
    shutil.copytree(tree / "usr/share/openscap/cpe", target / "cpe")
    shutil.copy2(tree / "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml", target)
    shutil.copytree(tree / "usr/share/lynis", target / "lynis")
    shutil.copy2(tree / "usr/sbin/lynis", target / "lynis")
    shutil.copy2(tree / "etc/lynis/default.prf", target / "lynis")
    (target / "lynis/plugins").mkdir()
    for name, changes in _CHANGES.items():
        file = (target / name).resolve()
        content = file.read_bytes()
        for old, new in changes:
            if old not in content:
                msg = f"{name} has no {old.decode()} any more; look where it writes now, and change plugin_utils/judges_pack.py"
                raise JudgesError(msg)
            content = content.replace(old, new)
        file.write_bytes(content)
    return target


def _run(command: Sequence[str], purpose: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        msg = f"could not {purpose}: {command[0]} is not installed here"
        raise JudgesError(msg) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
        msg = f"could not {purpose}: {lines[0].removeprefix('E: ') if lines else f'status {done.returncode}'}"
        raise JudgesError(msg)
    return done.stdout


if __name__ == "__main__":
    try:
        print(judges_program(sys.argv[1]))
    except JudgesError as fault:
        sys.exit(str(fault))
