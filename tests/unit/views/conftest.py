"""The report's network, as the twin's inventory declares it."""

from __future__ import annotations

import pytest

from module_utils.fabric.model import Fabric
from plugin_utils.inventory import load_fabric
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    return load_fabric(ROOT / "inventories" / "twin")
