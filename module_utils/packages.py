"""Asks dpkg what is installed."""

from __future__ import annotations

from collections.abc import Sequence

from .programs import run


class DpkgError(RuntimeError):
    """dpkg can't be asked, or can't tell; the text says what to mend."""


def missing(names: Sequence[str]) -> list[str]:
    """Return those of the packages that are not installed, in the order given. Raises ``DpkgError``."""
    if not names:
        return []
    try:
        result = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *names], DpkgError)
    except DpkgError as error:
        raise DpkgError(f"{error} (only Debian's packages can be looked for)") from error
    # It ends with 1 when it doesn't know one of the names; what it does know it lists all the same.
    if result.returncode > 1:
        reason = result.stderr.strip() or "it gave no reason"
        raise DpkgError(f"dpkg-query can't tell what is installed: {reason}; mend dpkg's database")
    installed = {line.split()[0] for line in result.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]
