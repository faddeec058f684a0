"""A twin with people to try, converged by site.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.twin.by_hand import INVENTORY, ByHand

MORE = Path(__file__).parent / "validate"


class Validated(ByHand):
    """A twin of the survey's fabric with people to try; nothing on it is done by hand yet."""

    inventories: tuple[Path, ...] = (INVENTORY, MORE)

    def up(self) -> None:
        """Build it."""
        self("up", *(word for source in self.inventories for word in ("-i", str(source))))

    def playbook(self, name: str, *words: str) -> Any:
        """Run a playbook, with people to try."""
        more = [word for source in self.inventories[1:] for word in ("-i", str(source))]
        return super().playbook(name, *more, "-i", str(self.state / "overlay"), *words)

    def converge(self) -> None:
        """Run site.yml, which has to end well."""
        done = self.playbook("site")
        assert done.returncode == 0, done.stdout + done.stderr
