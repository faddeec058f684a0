"""Measure, show and keep the figures. Usage: ``python -m benchmarks`` (as root, since it builds a twin)."""

from __future__ import annotations

import os
import platform
import sys
from itertools import chain

from . import converge
from .figures import Figure, keep, table
from .proof import figures as proof_figures
from .twins import BenchmarkError


def main() -> int:
    """Run every benchmark; return 1 where a figure is over its bar or could not be taken."""
    figures: list[Figure] = []
    try:
        for found in chain(proof_figures(), converge.figures()):
            print(f"{found.name}: {found.median:g} {found.unit}", flush=True)
            figures.append(found)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    keep(figures, f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, Python {platform.python_version()}")
    print("\n" + table(figures))
    return int(any(f.verdict == "over" for f in figures))


if __name__ == "__main__":
    sys.exit(main())
