from __future__ import annotations

import pytest

from module_utils.fabric.model import Fabric
from plugin_utils.inventory import load_fabric
from tests.twin.machine import ROOT
from twin.errors import TwinError
from twin.ways import way_of


@pytest.fixture(scope="module")
def twins() -> Fabric:
    return load_fabric(ROOT / "inventories/twin")


def test_an_account_comes_from_an_institution_to_a_login_server(twins: Fabric) -> None:
    way = way_of(twins, "sato")
    assert way.target == "login1"
    assert not twins.hosts[way.origin].managed


def test_whoever_is_no_account_is_told_who_is(twins: Fabric) -> None:
    with pytest.raises(TwinError, match="aoki is no account of this twin; it has sato, suzuki"):
        way_of(twins, "aoki")
