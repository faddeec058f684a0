"""Reads an inventory as the playbooks do and tells every fault, before Ansible tells the first one in its own words.

``python -m plugin_utils.check_run inventories/twin``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from module_utils.fabric.problems import FabricError

from .inventory import load_fabric


def main(sources: Sequence[str] | None = None) -> int:
    """Run from the command line; return 0 where the inventory can be read, 2 where it is wrong."""
    try:
        load_fabric(*(sys.argv[1:] if sources is None else sources))
    except FabricError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
