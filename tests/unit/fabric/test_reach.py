from __future__ import annotations

from pathlib import Path

from module_utils.fabric.reach import reach_table
from plugin_utils.inventory import load_fabric

TWIN = Path(__file__).parents[3] / "inventories/twin"


def rows() -> dict[str, str]:
    table = reach_table(load_fabric(TWIN)).splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in table if line and not line.startswith((" ", "-"))}


def test_each_account_reaches_what_its_platforms_give() -> None:
    found = rows()
    assert found["sato"] == "inst-a1, inst-b1 login1 compute1, mdx1, mdx2 data1"
    assert found["tanaka"] == "inst-a1, inst-b1 login1 data2"


def test_operators_are_marked_and_come_from_their_own_host() -> None:
    assert rows()["aoki"].startswith("operator login1 ca1, compute1, data1")
