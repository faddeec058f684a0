"""Commands that need the inventory."""

from __future__ import annotations

from argparse import Namespace

from plugin_utils.inventory import load_fabric
from twin.builder import Builder
from twin.images import ImageStore
from twin.paths import Paths
from twin.plan import PACKAGE_SERVERS, plan_twin
from twin.preconditions import check_machine


def up(paths: Paths, arguments: Namespace) -> int:
    """Build the twin of the inventories, or what is missing of it."""
    fabric = load_fabric(*arguments.inventory)
    check_machine(paths)
    Builder(paths, fabric, tuple(arguments.inventory)).up()
    return 0


def images(paths: Paths, arguments: Namespace) -> int:
    """Build what the twin of the inventories needs in the cache."""
    fabric = load_fabric(*arguments.inventory)
    check_machine(paths)
    ImageStore(paths.images).ensure(plan_twin(fabric).images, with_repository=bool(fabric.members(PACKAGE_SERVERS)))
    return 0
