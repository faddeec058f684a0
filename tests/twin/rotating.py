"""A small twin with a signer, converged, whose keys are rotated and whose login server is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.twin.by_hand import INVENTORY, ByHand
from tests.twin.validated import Validated

MORE = Path(__file__).parent / "rotation"


class Rotating(Validated):
    """A twin of the survey's fabric with a signer."""

    inventories = (INVENTORY, MORE)

    def playbook(self, name: str, *words: str) -> Any:
        """Run a playbook, with people to try."""
        return ByHand.playbook(self, name, "-i", str(MORE), "-i", str(self.state / "overlay"), *words)
