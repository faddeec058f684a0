"""The signed package repository that one host of the twin serves."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from twin.definitions import FILES, Repository
from twin.errors import TwinError
from twin.progress import say
from twin.removal import remove_tree
from twin.shell import CONTAINED, run

KEYRING = "kakehashi.gpg"
REVISION = "+kakehashi1"
_OWNER = "kakehashi twin packages"


def build_repository(wanted: Repository, bases: Mapping[str, Path], key_home: Path, target: Path) -> None:
    """Fill `target` with one flat, signed repository for each base, and the public key beside them."""
    gpg = _Signer(key_home)
    try:
        gpg.make_key()
        for name, base in bases.items():
            say(f"package repository: packages of {name}")
            _download(wanted, base, target / name)
            for package in wanted.revised:
                _revise(package, target / name)
            _index(target / name, gpg)
        gpg.export(target / KEYRING)
    finally:
        gpg.close()


def _download(wanted: Repository, base: Path, target: Path) -> None:
    scratch = target.parent / f".scratch-{target.name}"
    packages = [*wanted.packages, *wanted.revised]
    try:
        run(
            [*CONTAINED, "sh", FILES / "download.sh", base, scratch, target, *packages],
            purpose=f"download the packages of {target.name}",
        )
    finally:
        remove_tree(scratch)


def _revise(package: str, directory: Path) -> None:
    """Pack `package` once more, unchanged but for a higher version."""
    found = sorted(directory.glob(f"{package}_*.deb"))
    if not found:
        raise TwinError(
            f"twin/packages.yml: revised package {package} was not downloaded for {directory.name}; list one that exists there"
        )
    tree = directory / ".revised"
    run(["dpkg-deb", "--raw-extract", found[0], tree], purpose=f"unpack {package}")
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .+)$", rf"\g<1>{REVISION}", control.read_text()))
    name = found[0].name.removesuffix(".deb").split("_")
    run(
        ["dpkg-deb", "--build", "--root-owner-group", tree, directory / f"{name[0]}_{name[1]}{REVISION}_{name[2]}.deb"],
        purpose=f"pack {package} again",
    )
    remove_tree(tree)


def _index(directory: Path, gpg: _Signer) -> None:
    here = ["env", f"--chdir={directory}"]
    packages = run([*here, "apt-ftparchive", "packages", "."], purpose="index the package repository")
    (directory / "Packages").write_text(packages)
    release = run(
        [*here, "apt-ftparchive", "-o", f"APT::FTPArchive::Release::Label={_OWNER}", "release", "."],
        purpose="index the package repository",
    )
    (directory / "Release").write_text(release)
    gpg.sign(directory / "Release", directory / "InRelease")


class _Signer:
    """GnuPG with a home of its own, so that the user's keys are never touched."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {"GNUPGHOME": str(home), "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}

    def make_key(self) -> None:
        if (self.home / "made").exists():
            return
        remove_tree(self.home)
        self.home.mkdir(mode=0o700)
        self._gpg("--passphrase", "", "--quick-generate-key", _OWNER, "ed25519", "sign", "never")
        (self.home / "made").touch()

    def sign(self, source: Path, target: Path) -> None:
        self._gpg("--yes", "--clearsign", "--output", str(target), str(source))

    def export(self, target: Path) -> None:
        self._gpg("--yes", "--output", str(target), "--export", _OWNER)

    def close(self) -> None:
        """End the agent that gpg left running."""
        run(["gpgconf", "--kill", "all"], purpose="end the signing agent", env=self.env)

    def _gpg(self, *arguments: str) -> None:
        run(["gpg", "--batch", "--quiet", *arguments], purpose="sign the package repository", env=self.env)
