"""What playbooks ask of an inventory: its faults, each host's view, its tables and its picture."""

from __future__ import annotations

from collections.abc import Sequence

from module_utils.fabric.diagram import svg
from module_utils.fabric.problems import FabricError
from module_utils.fabric.ssh_client import client_config
from module_utils.fabric.tables import text
from module_utils.fabric.views import View, host_views

from .inventory import load_fabric


def faults(sources: Sequence[str]) -> str:
    """Return every fault of inventory sources, a line each; nothing for a valid fabric."""
    try:
        load_fabric(*sources)
    except FabricError as error:
        return str(error)
    return ""


def views(sources: Sequence[str]) -> dict[str, View]:
    """Return the view of every host by name. Raises ``FabricError`` where the inventory is no valid fabric."""
    return host_views(load_fabric(*sources))


def tables(sources: Sequence[str]) -> str:
    """Return the inventory-wide tables as one text. Raises ``FabricError`` as ``views`` does."""
    return text(load_fabric(*sources))


def diagram(sources: Sequence[str]) -> str:
    """Return the picture of sites, segments and hosts as SVG. Raises ``FabricError`` as ``views`` does."""
    return svg(load_fabric(*sources))


def ssh_config(sources: Sequence[str]) -> str:
    """Return the text by which ssh of operators finds every machine. Raises ``FabricError`` as ``views`` does."""
    return client_config(load_fabric(*sources))
