"""What images and the repository are made of, and the key that names each version of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
FILES = HERE / "image_files"
# Raised when the building code changes what an image holds.
FORMAT = 1


@dataclass(frozen=True)
class Base:
    """A root file system made by mmdebstrap."""

    name: str
    suite: str
    packages: tuple[str, ...]
    masked_units: tuple[str, ...]

    @property
    def key(self) -> str:
        """Names this version: another definition has another key."""
        return _key(asdict(self), "customize-base.sh")


@dataclass(frozen=True)
class File:
    """A file of image_files/ that a layer puts at `target` (relative to the root)."""

    source: str
    target: str
    mode: str


@dataclass(frozen=True)
class Layer:
    """Packages and files laid over `base`."""

    name: str
    base: Base
    packages: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def key(self) -> str:
        """Names this version: another definition has another key."""
        return _key({**asdict(self), "base": self.base.key}, "layer.sh", *(file.source for file in self.files))


@dataclass(frozen=True)
class Repository:
    """The packages that the twin's package server offers, for each base."""

    bases: tuple[Base, ...]
    packages: tuple[str, ...]
    revised: tuple[str, ...]

    @property
    def key(self) -> str:
        """Names this version: another definition has another key."""
        return _key({**asdict(self), "bases": [base.key for base in self.bases]}, "download.sh")


def _key(definition: dict[str, Any], *files: str) -> str:
    digest = hashlib.sha256(json.dumps([FORMAT, definition], sort_keys=True).encode())
    for name in files:
        digest.update((FILES / name).read_bytes())
    return digest.hexdigest()[:12]


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HERE / name).read_text())
    return loaded


def bases() -> dict[str, Base]:
    """All bases by name (the values of ``fabric_os``)."""
    data = _load("images.yml")
    return {
        entry["name"]: Base(entry["name"], entry["suite"], tuple(entry["packages"]), tuple(data["masked_units"]))
        for entry in data["bases"]
    }


def layer(name: str, base: Base) -> Layer:
    """The layer `name` over `base`."""
    entry = next(entry for entry in _load("images.yml")["layers"] if entry["name"] == name)
    return Layer(name, base, tuple(entry["packages"]), tuple(File(**file) for file in entry.get("files", [])))


def repository() -> Repository:
    """The package repository for all bases."""
    data = _load("packages.yml")
    return Repository(tuple(bases().values()), tuple(data["packages"]), tuple(data["revised"]))
