"""Shows what is enforced and tried by the statements of standards, with the newest results: a table, and two files.

``python -m plugin_utils.standards_run inventories/twin`` (``make standards``). No host is asked: it reads evidence of runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from module_utils.attacks.parse import CatalogueError
from module_utils.fabric.problems import FabricError
from module_utils.standards.fields import StandardsError
from module_utils.standards.results import join
from module_utils.standards.text import lines

from .inventory import load_fabric
from .standards import JSON, ROOT, load_map, output_directory, read_records, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 0, or 2 where the map or the inventory is wrong or nothing can be written."""
    parser = argparse.ArgumentParser(prog="standards", description="Show what is enforced and tried, by standards.")
    parser.add_argument("inventory", nargs="*", default=["inventories/twin"], help="inventory directories or files")
    parser.add_argument("--evidence", type=Path, default=ROOT / "evidence", help="where runs left results (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, help="where the table is written (default: build/standards/NAME, or below other evidence)"
    )
    chosen = parser.parse_args(arguments)
    try:
        fabric = load_fabric(*chosen.inventory).name
        standards = load_map()
        records, unread = read_records(chosen.evidence, fabric)
        results = join(standards, records)
        path = write(
            chosen.output or output_directory(chosen.inventory, chosen.evidence), standards, results, fabric, chosen.evidence
        )
    except (FabricError, StandardsError, CatalogueError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: can't be written ({error.strerror}); name another directory with --output", file=sys.stderr)
        return 2
    for line in lines(standards, results):
        print(line)
    for reason in unread:
        print(f"Not read: {reason}")
    print(f"Table: {path}, and {JSON} beside it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
