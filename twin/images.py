"""Builds the images a twin needs and keeps them in the cache, each under the key of its definition."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from twin.definitions import FILES, Base, Layer, Repository, bases, layer, repository
from twin.progress import say
from twin.removal import remove_tree
from twin.repository import build_repository
from twin.shell import CONTAINED, end_running, run

# Documents in other languages and manuals: none of them matters to a twin, all of them cost time to unpack.
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
_APT = 'APT::Install-Recommends "false"', 'Acquire::Languages "none"'


class ImageStore:
    """The image cache of this machine, shared by all twins."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.repository_definition = repository()

    def base_path(self, base: Base) -> Path:
        """Where a base lies once built."""
        return self.directory / f"base-{base.name}-{base.key}"

    def layer_path(self, wanted: Layer) -> Path:
        """Where a layer lies once built."""
        return self.directory / f"layer-{wanted.name}-{wanted.base.name}-{wanted.key}"

    @property
    def repository_path(self) -> Path:
        """Where the package repository lies once built."""
        return self.directory / f"repository-{self.repository_definition.key}"

    def lower(self, image: str) -> str:
        """The overlay's lower directories for `image`: a base's name, or ``base+layer``."""
        name, _, extra = image.partition("+")
        base = bases()[name]
        path = str(self.base_path(base))
        return f"{self.layer_path(layer(extra, base))}:{path}" if extra else path

    def ensure(self, images: Iterable[str], *, with_repository: bool) -> None:
        """Build what is missing of `images`, and the package repository if asked."""
        known = bases()
        wanted_bases = {image.partition("+")[0] for image in images}
        layers = [layer(extra, known[name]) for name, _, extra in (i.partition("+") for i in set(images)) if extra]
        if with_repository:
            wanted_bases |= set(known)
        with _locked(self.directory):
            for leftover in self.directory.glob(".building-*"):
                remove_tree(leftover)
            _in_parallel(self._make_base(known[name]) for name in sorted(wanted_bases))
            _in_parallel(self._make_layer(wanted) for wanted in layers)
            if with_repository:
                self._make_repository(self.repository_definition)()

    def _make_base(self, base: Base) -> Callable[[], None]:
        return lambda: self._build(self.base_path(base), f"image {base.name}", lambda target: _mmdebstrap(base, target))

    def _make_layer(self, wanted: Layer) -> Callable[[], None]:
        base = self.base_path(wanted.base)
        title = f"image {wanted.base.name}+{wanted.name}"
        return lambda: self._build(self.layer_path(wanted), title, lambda target: _install_layer(wanted, base, target))

    def _make_repository(self, wanted: Repository) -> Callable[[], None]:
        paths = {base.name: self.base_path(base) for base in wanted.bases}
        keyring = self.directory / "repository-key"
        return lambda: self._build(
            self.repository_path, "package repository", lambda target: build_repository(wanted, paths, keyring, target)
        )

    def _build(self, path: Path, title: str, build: Callable[[Path], None]) -> None:
        """Build into a directory beside `path` and move it there once whole."""
        if path.exists():
            return
        say(f"{title}: building (kept in {path})")
        scratch = self.directory / f".building-{path.name}"
        remove_tree(scratch)
        scratch.mkdir(parents=True)
        build(scratch)
        scratch.rename(path)
        say(f"{title}: built")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("images: another command builds them, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _in_parallel(jobs: Iterable[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_running()
            raise


def debian_mirrors() -> dict[str, str]:
    """The archives this machine takes Debian from: ``{"main": address, "security": address}``.

    A twin is made from the same ones, so that it needs no other way out than the machine has.
    """
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Origin: Debian"],
        purpose="look up the Debian archive of this machine",
    )
    found: dict[str, str] = {}
    for line in listed.splitlines():
        address, codename = line.rsplit(" ", 1)
        found.setdefault("security" if "security" in codename else "main", address)
    return found


def _sources(base: Base) -> list[str]:
    mirrors = debian_mirrors()
    lines = []
    if "main" in mirrors:
        lines += [f"deb {mirrors['main']} {suite} main" for suite in (base.suite, f"{base.suite}-updates")]
    if "main" in mirrors and "security" in mirrors:
        lines.append(f"deb {mirrors['security']} {base.suite}-security main")
    return lines


def _mmdebstrap(base: Base, target: Path) -> None:
    options: list[str] = [
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(base.packages)}",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        *(f"--aptopt={option}" for option in _APT),
    ]
    with TemporaryDirectory(prefix="kakehashi-") as scratch:
        hook, units = Path(scratch, "hook"), Path(scratch, "units")
        units.write_text("".join(f"{unit}\n" for unit in base.masked_units))
        hook.write_text(f'#!/bin/sh\nexec sh {FILES / "customize-base.sh"} "$1" <{units}\n')
        hook.chmod(0o755)
        command: list[str | Path] = ["mmdebstrap", *options, f"--customize-hook={hook}", base.suite, target, *_sources(base)]
        run([*CONTAINED, *command], purpose=f"build the image {base.name}", log=target.parent / f"{base.name}.log")


def _install_layer(wanted: Layer, base: Path, target: Path) -> None:
    work = target.parent / f"{target.name}.work"
    for directory in (work / "work", work / "root"):
        directory.mkdir(parents=True, exist_ok=True)
    script: list[str | Path] = ["sh", FILES / "layer.sh", base, target, work / "work", work / "root", *wanted.packages]
    try:
        run(
            [*CONTAINED, *script],
            purpose=f"install {' '.join(wanted.packages)} in the image {wanted.base.name}+{wanted.name}",
            log=target.parent / f"{wanted.base.name}+{wanted.name}.log",
        )
    finally:
        remove_tree(work)
    for file in wanted.files:
        path = target / file.target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        shutil.copyfile(FILES / file.source, path)
        path.chmod(int(file.mode, 8))
