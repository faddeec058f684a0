"""The fabrics that plans are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from module_utils.fabric.model import Fabric
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    """The default inventory."""
    return load_fabric(ROOT / "inventories/twin")


@pytest.fixture(scope="session")
def small() -> Fabric:
    """The inventory of the twin's own tests."""
    return load_fabric(ROOT / "tests/twin/inventory")
