"""The twin's fabric, and what is planned and expected in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from module_utils.fabric.model import Fabric
from module_utils.matrix.expect import Expectations
from module_utils.matrix.plan import personas
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    return load_fabric(ROOT / "inventories" / "twin")


@pytest.fixture(scope="session")
def expectations(fabric: Fabric) -> Expectations:
    return Expectations(fabric, personas(fabric))
