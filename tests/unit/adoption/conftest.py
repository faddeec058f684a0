"""The twin's fabric, with keys for two people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from module_utils.fabric.model import Fabric
from module_utils.fabric.views import host_view
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).resolve().parents[3]
# Generated for these tests; the private halves were never kept.
KEY_ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIvwQRuxkYdXGkXnCQTQ2RSkaS4cQvGJgb7wGhK0o5a1 one"
KEY_TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBYHjyAbVj4k9bmCqLkq0q3bD4Bqf1bS0C0X1o1v0V9p two"


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    loaded = load_fabric(ROOT / "inventories" / "twin")
    accounts = {**loaded.accounts, "sato": replace(loaded.accounts["sato"], keys=(KEY_ONE,))}
    operators = {**loaded.operators, "aoki": replace(loaded.operators["aoki"], keys=(KEY_ONE,))}
    return replace(loaded, accounts=accounts, operators=operators)


@pytest.fixture(scope="session")
def view(fabric: Fabric) -> Callable[[str], dict[str, Any]]:
    return lambda name: host_view(fabric, fabric.hosts[name])
