"""What a benchmark says of the fabric that it builds holds."""

from __future__ import annotations

from benchmarks import changes
from plugin_utils.inventory import load_fabric
from tests.conftest import ROOT


def test_as_many_hosts_change_as_the_figure_says() -> None:
    fabric = load_fabric(*(ROOT / source for source in changes.SOURCES))
    assert len(fabric.managed_hosts) == changes.HOSTS, [host.name for host in fabric.managed_hosts]
